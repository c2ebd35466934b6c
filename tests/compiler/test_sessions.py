"""Interactive assets: what is refused, and what a manifest says of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from compiler import pipeline
from compiler.load.workspace import load

GOOD = """\
kind: ComputeAsset
name: desk
mode: interactive
image: example.com/desk:1
command: [desk]
ports: {web: {port: 8888}}
"""


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("ports: {web: {port: 8888}}\n", "", "A121", 1),
        ("command: [desk]\n", "", "A121", 1),
        ("8888}", "8888, protocol: UDP}", "A123", 6),
        ("ports:", "retry: {limit: 2}\nports:", "A128", 6),
        ("interactive", "job", "A128", 6),
        ("ports:", "token: {env: 1X}\nports:", "A124", 6),
        ("ports:", "token: {query: t}\nports:", "A121", 6),
    ],
)
def test_what_cannot_be_is_refused(
    old: str, new: str, code: str, line: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("desk.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
    _, found = load(["desk.yaml"])
    assert [(item.code, item.span.line if item.span else 0) for item in found] == [(code, line)]


def test_what_its_sidecar_sees_is_what_the_gateway_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    more = "outputs: {notes: {kind: file, path: /work/a/notes.txt}}\ntoken: {env: TOKEN}\nenv: {TOKEN: mine, B: b}\n"
    Path("desk.yaml").write_text(GOOD + more, encoding="utf-8")
    (document,) = pipeline.compile(["desk.yaml"]).documents
    (pod,) = [t for t in yaml.safe_load(document.data)["spec"]["templates"] if "container" in t]
    (session,) = pod["sidecars"]
    assert [mount["mountPath"] for mount in pod["container"]["volumeMounts"]] == ["/work/a"]
    assert session["mirrorVolumeMounts"] is True
    assert "volumeMounts" not in session
    assert [variable["name"] for variable in session["env"]] == ["B", "TOKEN"]
    assert session["env"][1]["valueFrom"]["secretKeyRef"]["name"] == "{{inputs.parameters.run_name}}-session"
    assert "TOKEN" not in [variable["name"] for variable in pod["container"]["env"]]
