"""What memoized templates keep for later runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from argo.backend import Json, RunRef
from argo.errors import ConflictError
from argo.local.home import Home
from argo.local.objects import LocalObjects
from argo.local.state.database import State
from argo.local.state.memoized import LABEL, release

ENTRY = json.dumps({"nodeID": "n", "outputs": {"artifacts": [{"name": "a", "s3": {"key": "runs/default/a/1/t/a"}}]}})
S3 = {"endpoint": "127.0.0.1:9000", "bucket": "b"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path / "state.db")
    yield opened
    opened.close()


def objects(state: State, tmp_path: Path, name: str, uid: str, space: str = "default", **more: Any) -> LocalObjects:
    state.add(RunRef(name, space, uid), workflow(name, space, uid), (), **more)
    return LocalObjects(state, Home(tmp_path), uid)


def workflow(name: str, space: str, uid: str, owner: str = "") -> Any:
    owners = [{"kind": "Workflow", "uid": owner}] if owner else []
    return {"metadata": {"name": name, "namespace": space, "uid": uid, "ownerReferences": owners}, "spec": {}}


def cache(**data: str) -> Json:
    return {"metadata": {"name": "c", "labels": {LABEL: "Cache"}}, "data": data}


def entries(objects: LocalObjects) -> Json:
    return dict((objects.config_map("c") or {}).get("data") or {})


def test_entries_are_for_one_namespace_and_one_store(state: State, tmp_path: Path) -> None:
    first = objects(state, tmp_path, "a", "1")
    others = [objects(state, tmp_path, "b", "2", "other"), objects(state, tmp_path, "c", "3", store=S3)]
    same = objects(state, tmp_path, "d", "4")
    assert first.config_map("c") is None
    first.create_config_map(cache(k=ENTRY))
    assert [entries(each) for each in (first, same, *others)] == [{"k": ENTRY}, {"k": ENTRY}, {}, {}]


def test_runs_at_the_same_time_lose_nothing(state: State, tmp_path: Path) -> None:
    first, second = objects(state, tmp_path, "a", "1"), objects(state, tmp_path, "b", "2")
    first.create_config_map(cache(k="1"))
    assert entries(second) == {"k": "1"}
    first.create_config_map(cache(k="2", l="3"))
    second.create_config_map(cache(k="1", m="4"))
    assert entries(first) == entries(second) == {"k": "2", "l": "3", "m": "4"}


def test_what_was_given_counts_until_it_is_written_anew(state: State, tmp_path: Path) -> None:
    given: Any = {"kind": "ConfigMap", **cache(k="given", l="given")}
    state.add(RunRef("a", "default", "1"), workflow("a", "default", "1"), [given])
    first = LocalObjects(state, Home(tmp_path), "1")
    assert entries(first) == {"k": "given", "l": "given"}
    first.create_config_map(cache(k="new", l="given"))
    assert entries(first) == {"k": "new", "l": "given"}


def test_a_release_forgets_what_lies_in_the_run(state: State, tmp_path: Path) -> None:
    first = objects(state, tmp_path, "a", "1")
    first.create_config_map(cache(k=ENTRY, l="{}"))
    later = objects(state, tmp_path, "b", "2")
    assert set(entries(later)) == {"k", "l"}
    release(state, RunRef("a", "default", "1"))
    assert entries(first) == entries(later) == {"l": "{}"}
    first.create_config_map(cache(k=ENTRY))
    assert set(entries(later)) == {"k", "l"}


@pytest.mark.parametrize(("owner", "hit", "refused"), [("", True, True), ("1", True, False), ("", False, False)])
def test_what_another_run_took_over_is_not_released(
    owner: str, hit: bool, refused: bool, state: State, tmp_path: Path
) -> None:
    objects(state, tmp_path, "a", "1").create_config_map(cache(k=ENTRY))
    other = workflow("b", "default", "2", owner)
    state.add(RunRef("b", "default", "2"), other, ())
    node: Any = {"id": "n", "memoizationStatus": {"hit": hit}, "outputs": json.loads(ENTRY)["outputs"]}
    other["status"] = {"nodes": {"n": node}}
    state.record("2", other, ["n"])
    if refused:
        with pytest.raises(ConflictError, match="b, taken"):
            release(state, RunRef("a", "default", "1"))
    else:
        release(state, RunRef("a", "default", "1"))
    assert bool(entries(LocalObjects(state, Home(tmp_path), "2"))) == refused
