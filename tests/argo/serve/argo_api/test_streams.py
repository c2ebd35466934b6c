"""What watchers are told, where a run changes at that very moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from argo.backend import Submission
from argo.local.backend import LocalBackend
from argo.local.home import Home
from argo.serve.argo_api.streams import Hub


def test_no_picture_passes_for_newer_than_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a watcher that has seen it takes what comes after it for old, and waits for ever."""
    backend = LocalBackend(Home.open(tmp_path))
    metadata: Any = {"name": "first"}
    ref = backend.record(Submission({"kind": "Workflow", "metadata": metadata, "spec": {"templates": []}})).ref
    hub, state, read = Hub(backend), backend.state, backend.state.workflow

    def changed_meanwhile(uid: str) -> Any:
        found = read(uid)
        state.apply(lambda db: db.execute("UPDATE runs SET revision = revision + 1 WHERE uid = ?", (uid,)))
        return found

    monkeypatch.setattr(state, "workflow", changed_meanwhile)
    (seen,) = hub.since(0)
    monkeypatch.undo()
    (later,) = hub.since(seen.version)
    assert later.metadata["uid"] == ref.uid
    assert later.version > seen.version
    backend.close()
