"""A project written into a folder, loaded and resolved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from compiler.diagnostics import Diagnostic
from compiler.load.workspace import load
from compiler.program import Program
from compiler.resolve import resolve

Build: TypeAlias = Callable[..., tuple[Program, list[Diagnostic]]]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Writes the files, loads those that are definitions, and resolves; mistakes of `load` fail the test."""

    def make(files: dict[str, str | bytes], profile: str | None = None) -> tuple[Program, list[Diagnostic]]:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.chdir(tmp_path)
        names = sorted(name for name in files if name.endswith(".yaml") and name != "argosy.yaml")
        workspace, found = load(names)
        assert [item for item in found if item.severity == "error"] == []
        program, found = resolve(workspace, profile=profile)
        assert program is not None
        return program, found

    return make


STEP = """\
kind: ComputeAsset
name: step
version: 1.0.0
image: python:3.11-slim
command: [python3, step.py]
args: ["--n=${{ params.n }}", "${{ inputs.data.path }}", "${{ outputs.out.path }}"]
parameters: {n: {type: int, default: 1}}
inputs: {data: {kind: file, path: /in/data, optional: true}}
outputs: {out: {kind: file, path: /out/out}, list: {kind: value, path: /out/list, type: json}}
"""


@pytest.fixture
def step() -> str:
    """An asset with one of each."""
    return STEP
