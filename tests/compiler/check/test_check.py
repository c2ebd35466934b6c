"""What the checks find, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.check import check
from compiler.diagnostics import Diagnostic
from compiler.load.workspace import load
from compiler.resolve import resolve

ASSET = "kind: ComputeAsset\nname: box\nimage: python:3.11-slim\ncommand: [python3, main.py]\n"


def _diagnose(folder: Path, files: dict[str, str], profile: str | None = None) -> list[Diagnostic]:
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    workspace, found = load([folder / name for name in files if name != "argosy.yaml" and name.endswith(".yaml")])
    program, more = resolve(workspace, profile=profile)
    assert program is not None
    return [*found, *more, *check(program)]


def _codes(folder: Path, files: dict[str, str], profile: str | None = None) -> list[str]:
    return sorted(item.code for item in _diagnose(folder, files, profile))


@pytest.mark.parametrize(
    "more",
    [
        "env: {TOKENIZERS_PARALLELISM: 'false', MAX_TOKENS: 4096, SECRET_FILE: /run/secrets/a}",
        "env: {PASSWORD: {secret: a/b}, PWD: here}",
        "env: {API_KEY: '${{ params.key }}'}\nparameters: {key: {type: string}}",
        "args: ['${{ params.word }}']\nparameters: {word: {type: string}}",
        "command: [sh, -c, 'a ${{ params.n }}']\nargs: ['${{ params.w }}']\nparameters: {n: {type: int}, w: {}}",
        "script: 'print(${{ params.mode }})'\nparameters: {mode: {type: enum, enum: [a, b]}}",
        "resources: {cpu: 500m, memory: 4Mi, shm: 4Mi, disk: 1e9, gpu: {product: 'rtx 4090', memory: 20Gi}}",
        "resources: {gpu: {product: NVIDIA-A100-SXM4-80GB, memory: 80Gi, mig: 1g.10gb, count: 2}}",
        "resources: {gpu: {product: a100, vendor: nvidia, shared: true}}",
        "resources: {gpu: {product: MI300X, vendor: amd}}",
        "resources: {gpu: '${{ params.n }}', cpu: '${{ params.n }}'}\nparameters: {n: {type: int}}",
        "cache: {maxAge: 1d, key: fixed}",
        "retry: {limit: 2, backoff: {first: 1s, max: 1m}, on: [failure]}",
        "inputs: {a: {kind: file, path: /data/a}}\noutputs: {b: {kind: file, path: /data/b}}",
        "outputs: {a: {kind: directory, path: /out}}",
        "outputs: {a: {kind: file, path: /cache/x/a}}\nvolumes: {v: {empty: 1Gi, path: /cache}}",
        "workingDir: /srv/app\noutputs: {a: {kind: file, path: /srv/out/a}}",
        "user: 1001",
    ],
)  # fmt: skip
def test_nothing_is_found_in_what_is_right(tmp_path: Path, more: str) -> None:
    base = "\n".join(line for line in ASSET.splitlines() if not more.startswith("command") or "command" not in line)
    assert _codes(tmp_path, {"box.yaml": f"{base}\n{more}\n"}) == []


@pytest.mark.parametrize(
    ("image", "registries", "codes"),
    [
        ("python:3.11", "[docker.io]", []),
        ("team/tool:1", "[docker.io/team]", []),
        ("team/tool:1", "[docker.io/tea]", ["A504"]),
        ("registry.example.com:5000/a/b:1", "['registry.example.com:5000']", []),
        ("registry.example.com.evil.org/a:1", "[registry.example.com]", ["A504"]),
        ("a:1@sha256:" + "0" * 64, "[]", []),
        ("registry.example.com:5000/a/b", "[]", ["A502"]),
    ],
)
def test_images_are_held_against_the_policy(tmp_path: Path, image: str, registries: str, codes: list[str]) -> None:
    files = {
        "box.yaml": ASSET.replace("python:3.11-slim", image),
        "argosy.yaml": f"policy: {{registries: {registries}}}\n",
    }
    assert _codes(tmp_path, files) == codes


def test_a_secret_s_value_is_in_no_message(tmp_path: Path) -> None:
    value = "hunter2-and-some-more"
    found = _diagnose(tmp_path, {"box.yaml": f"{ASSET}env: {{DB_PASSWORD: {value}}}\n"})
    assert [item.code for item in found] == ["A507"]
    assert all(value not in text for item in found for text in (item.message, item.hint or ""))


def test_a_gpu_of_the_profile_needs_no_entry_in_the_table(tmp_path: Path) -> None:
    asset = f"{ASSET}resources: {{gpu: {{product: Homemade}}}}\n"
    project = "profiles: {ours: {gpu: {homemade: {nodeSelector: {gpu: ours}}}}}\n"
    assert _codes(tmp_path, {"box.yaml": asset, "argosy.yaml": project}) == ["A401"]
    assert _codes(tmp_path, {"box.yaml": asset, "argosy.yaml": project}, "ours") == []


def _dag(tasks: str, more: str = "") -> dict[str, str]:
    step = ASSET.replace("box", "step") + "inputs: {data: {kind: file, path: /in/data}}\n"
    step += "outputs: {out: {kind: file, path: /out/out}, n: {kind: value, path: /out/n, type: int, default: 0}}\n"
    use = step.replace("name: step", "name: use").replace("[python3, main.py]", "[python3, '${{ params.n }}']")
    use = use.split("inputs")[0] + "parameters: {n: {type: int}}\n"
    return {"step.yaml": step, "use.yaml": use, "dag.yaml": f"kind: Dag\nname: main\n{more}tasks:\n{tasks}"}


GO = "parameters: {go: {type: bool}}\ninputs: {text: {kind: file}}\n"
FIRST = '  a: {asset: step, when: "${{ params.go }}", with: {data: "${{ inputs.text }}"}}\n'


def test_a_default_stands_in_for_a_skipped_task_s_value(tmp_path: Path) -> None:
    assert _codes(tmp_path, _dag(FIRST + '  b: {asset: use, with: {n: "${{ tasks.a.outputs.n }}"}}\n', GO)) == []


def test_a_task_that_is_skipped_with_it_may_read_it(tmp_path: Path) -> None:
    second = '  b: {asset: step, when: "${{ params.go }}", with: {data: "${{ tasks.a.outputs.out }}"}}\n'
    assert _codes(tmp_path, _dag(FIRST + second, GO)) == []


def test_a_schedule_with_a_file_to_upload_is_an_error(tmp_path: Path) -> None:
    more = "schedule: '@daily'\ninputs: {text: {kind: file, default: large.txt}}\n"
    files = _dag('  a: {asset: step, with: {data: "${{ inputs.text }}"}}\n', more)
    assert _codes(tmp_path, {**files, "large.txt": "x" * (100 << 10)}) == []
    assert _codes(tmp_path, {**files, "large.txt": "x" * ((100 << 10) + 1)}) == ["A410"]


def test_what_a_mistake_hides_is_not_called_unused(tmp_path: Path) -> None:
    more = "parameters: {n: {type: string, default: a}}\n"
    assert _codes(tmp_path, _dag('  a: {asset: use, with: {n: "${{ params.n }}"}}\n', more)) == ["A305"]
    assert _codes(tmp_path, _dag('  a: {asset: used, with: {n: "${{ params.n }}"}}\n', more)) == ["A201"]


def test_the_token_is_noted_once_and_not_for_the_engine_here(tmp_path: Path) -> None:
    project = "profiles: {far: {engine: {context: c}}, safe: {engine: {context: c}, executorServiceAccount: e}}\n"
    files = {**_dag("  a: {asset: use, with: {n: 1}}\n"), "argosy.yaml": project}
    assert _codes(tmp_path, files, "far") == ["A506"]
    assert _codes(tmp_path, files, "safe") == []
    assert _codes(tmp_path, files) == []


@pytest.mark.shared
@pytest.mark.parametrize("profile", [None, "dev"])
def test_the_sample_is_clean(shared: Path, profile: str | None) -> None:
    workspace, found = load([shared / "design" / "sample" / "dags"])
    program, more = resolve(workspace, profile=profile)
    assert program is not None
    assert [*found, *more, *check(program)] == []


def test_what_ships_is_clean(root: Path) -> None:
    workspace, found = load([root / "dags", root / "assets"])
    program, more = resolve(workspace)
    assert program is not None
    assert len(program.dags) >= 4
    assert [item for item in (*found, *more, *check(program)) if item.severity != "note"] == []


def test_a_parameter_may_be_named_as_a_task_that_may_be_skipped(tmp_path: Path) -> None:
    dag = (
        "kind: Dag\nname: d\nparameters: {list: {type: json, default: [1]}, go: {type: bool, default: true}}\ntasks:\n"
        "  list: {asset: box, when: '${{ params.go }}'}\n"
        "  all: {asset: box, foreach: '${{ params.list }}'}\n"
    )
    assert _codes(tmp_path, {"box.yaml": ASSET, "dag.yaml": dag}) == []
