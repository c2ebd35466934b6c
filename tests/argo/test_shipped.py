"""What ships is found in the checkout and beside the packages of a wheel; what lacks is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from argo import shipped


@pytest.mark.parametrize("kind", ["templates", "assets", "dags"])
def test_the_checkout_s_own_folders_are_found(root: Path, kind: shipped.Kind) -> None:
    assert shipped.folder(kind) == root / kind


@pytest.mark.parametrize("kind", ["templates", "assets", "dags"])
def test_a_wheel_s_folders_are_found_and_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: shipped.Kind
) -> None:
    (tmp_path / "argo" / "_shipped" / kind).mkdir(parents=True)
    (tmp_path / kind).mkdir()
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "argo" / "shipped.py"))
    assert shipped.folder(kind) == tmp_path / "argo" / "_shipped" / kind


def test_an_incomplete_installation_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "argo" / "shipped.py"))
    with pytest.raises(FileNotFoundError, match="lacks its dags: install it again"):
        shipped.folder("dags")
