"""What tests of stores share."""

from __future__ import annotations

import pytest

from tests.fixtures_minio import minio as minio


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried more than twice."""
    monkeypatch.setattr("argo.http.ATTEMPTS", 2)
