"""Secrets that an asset keeps in its environment stay there, whatever text is given for its parameters.

Kubernetes expands `$(NAME)` in arguments and variables, Argo substitutes `{{…}}` several times: neither may do so in
what a consumer gives, nor in what a program gives to another task.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.argo.cli.conftest import Command
from tests.argo.cli.conftest import argosy as argosy
from tests.argo.serve.workflow_api.conftest import unserved as unserved
from tests.argo.serve.workflow_api.serving import Served

SECRET = "this-must-not-come-out"
KEEPER = """\
kind: ComputeAsset
name: keeper
version: 1.0.0
image: python:3.11-slim
command: [sh, -c]
args:
  - printf '%s\\n' "$@" "$SAID" "$BOTH" "$GIVEN" > ${{ outputs.all.path }}; printf %s "$1" > ${{ outputs.value.path }}
  - sh
  - ${{ params.a }}
  - ${{ params.a }}${{ params.b }}
  - a=${{ params.a }} {${{ params.b }}}
  - "{{${{ params.b }}}}"
env:
  API_KEY: {secret: keys/api}
  SAID: said ${{ params.a }}
  BOTH: $${{ params.a }}${{ params.b }}
parameters: {a: {}, b: {default: ""}}
inputs: {settings: {kind: env, optional: true}}
outputs: {all: {kind: file, path: /out/all}, value: {kind: value, path: /out/value}}
"""
ENCODED = "JChBUElfS0VZKQ=="  # $(API_KEY)
TEXTS = [
    ("$(API_KEY)", ""),
    ("$$(API_KEY)", "$$$(API_KEY)"),
    ("$($(API_KEY)", "$(API_KEY))"),
    ("$", "(API_KEY)"),
    ("$(", "API_KEY)"),
    ("$(API_KEY", ")"),
    ("(API_KEY)", "$"),
    ("${API_KEY} $API_KEY `echo $API_KEY`", "%(API_KEY)s {API_KEY}"),
    ("{", f"{{=sprig.b64dec('{ENCODED}')}}}}"),
    ("", "=sprig.b64dec('" + ENCODED + "')"),
    ("$(API_KEY)", "inputs.parameters.a"),
]
TEMPLATES = [
    "{{=sprig.b64dec('" + ENCODED + "')}}",
    "{{inputs.parameters.b}}",
    "{{ workflow.parameters.b }}",
    "{{x{{inputs.parameters.b}}",
    "{{=",
    "{{",
]


@pytest.fixture
def kept(unserved: Served) -> Served:
    """A service with an asset that has a secret in its environment."""
    (unserved.folder / "assets" / "keeper.yaml").write_text(KEEPER)
    _keep(unserved.folder / "home")
    return unserved.start()


def _keep(home: Path) -> None:
    folder = home / "secrets" / "keys"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "api").touch(0o600)
    (folder / "api").write_text(SECRET)


def _seen(served: Served, client: Any, run: str) -> str:
    """All that a consumer sees of a run."""
    pages = [f"/v1/runs/{run}", f"/v1/runs/{run}/outputs", f"/v1/runs/{run}/outputs/all", f"/v1/runs/{run}/logs"]
    return "\n".join(client.get(page).text for page in pages)


def test_nothing_that_a_consumer_gives_brings_a_secret_out(kept: Served) -> None:
    client = kept.client(kept.consumer("attacker", "--runs", str(len(TEXTS))))
    settings = f"GIVEN=$(API_KEY) $$(API_KEY)\nOTHER={TEMPLATES[0]}\n".encode()
    assert client.put("/v1/assets/keeper/inputs/settings", content=settings).status_code == 201
    for template in TEMPLATES:
        answer = client.post("/v1/runs", json={"asset": "keeper", "parameters": {"a": template, "b": "$(API_KEY)"}})
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid"), template
    started = [
        (a, b, client.post("/v1/runs", json={"asset": "keeper", "parameters": {"a": a, "b": b}}).json()["id"])
        for a, b in TEXTS
    ]
    for a, b, run in started:
        assert kept.ended(client, run)["state"] == "succeeded", kept.log
        assert SECRET not in _seen(kept, client, run), (a, b)
        first, both, *_ = client.get(f"/v1/runs/{run}/outputs/all").text.split("\n")
        assert first == a
        assert both == a + b


DAG = """\
kind: Dag
name: chain
parameters: {text: {}, list: {type: json, default: []}}
tasks:
  bring:
    image: python:3.11-slim
    command: [sh, -c, 'printf %s "$1" > ${{ outputs.v.path }}', sh, "${{ params.text }}"]
    parameters: {text: {}}
    outputs: {v: {kind: value, path: /out/v, type: int}}
    with: {text: "${{ params.text }}"}
  make:
    image: python:3.11-slim
    needs: [bring]
    command: [sh, -c, 'printf %s "{$(printf %s "{=sprig.b64dec(~ENCODED~)}}" | tr "~" "\\47")" > ${{ outputs.v.path }}']
    outputs: {v: {kind: value, path: /out/v}}
  each: {asset: keeper, foreach: "${{ params.list }}", with: {a: "${{ item.a }}", b: "x${{ item.b }}"}}
  keep: {asset: keeper, with: {a: "${{ tasks.bring.outputs.v }}", b: "${{ tasks.bring.outputs.v }}"}}
MORE
results: {all: "${{ tasks.keep.outputs.all }}"}
""".replace("ENCODED", ENCODED)
HOSTILE = '  last: {asset: keeper, with: {a: "${{ tasks.make.outputs.v }}", b: "$(API_KEY)"}}'


@pytest.fixture
def chain(argosy: Command) -> Command:
    argosy.write(keeper=KEEPER, chain=DAG.replace("MORE\n", ""), hostile=DAG.replace("MORE", HOSTILE))
    (argosy.cwd / "assets").mkdir()
    (argosy.cwd / "keeper.yaml").rename(argosy.cwd / "assets" / "keeper.yaml")
    _keep(argosy.home)
    return argosy


def _everything(argosy: Command) -> bytes:
    """All files that the runs left, the secret's own aside."""
    files = [path for path in argosy.home.rglob("*") if path.is_file() and "secrets" not in path.parts]
    return b"".join(path.read_bytes() for path in files)


def test_texts_of_tasks_and_items_come_through_as_they_are(chain: Command) -> None:
    items = '[{"a": "$(API_KEY)", "b": "$$(API_KEY)"}, {"a": "$", "b": "(API_KEY)"}]'
    chain("run", "chain.yaml", "-p", "text=$(API_KEY) $$", "-p", f"list={items}", "--name", "plain")
    chain("fetch", "plain", "-d", "out")
    (found,) = [path for path in (chain.cwd / "out").rglob("*") if path.is_file()]
    assert found.read_text().startswith("$(API_KEY) $$\n$(API_KEY) $$$(API_KEY) $$\n")
    assert SECRET.encode() not in _everything(chain)


def test_a_task_cannot_hand_a_template_to_another(chain: Command) -> None:
    failed = chain("run", "hostile.yaml", "-p", "text=1", "--name", "hostile", code=1)
    assert "a value opens a template" in failed.stdout + failed.stderr
    assert SECRET.encode() not in _everything(chain)


@pytest.mark.parametrize("text", ['[{"a": "{{=1+1}}"}]', '[{"a": "\\u007b\\u007b=1+1}}"}]'])
def test_no_list_holds_a_template(chain: Command, text: str) -> None:
    refused = chain("run", "chain.yaml", "-p", "text=1", "-p", f"list={text}", code=2)
    assert "the parameter list is refused" in refused.stderr
