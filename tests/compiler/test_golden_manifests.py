"""Every golden definition gives its manifest byte for byte. `pytest --snapshot-update` writes the manifests."""

from __future__ import annotations

import pytest

from compiler.diagnostics import has_errors
from tests.compiler.goldens import MANIFESTS, NAMES, compiled


@pytest.mark.parametrize("name", NAMES)
def test_a_definition_gives_its_manifest(name: str, pytestconfig: pytest.Config) -> None:
    result = compiled(name)
    assert not has_errors(result.diagnostics)
    file = MANIFESTS / f"{name}.yaml"
    if pytestconfig.getoption("update_snapshots", default=False):
        file.write_bytes(result.stream())
    assert file.is_file(), "no golden manifest: read what --snapshot-update writes, and commit it"
    assert result.stream().decode() == file.read_text(encoding="utf-8")


def test_no_manifest_is_left_over() -> None:
    assert sorted(path.stem for path in MANIFESTS.glob("*.yaml")) == NAMES
