"""Long lists of children: written once an item, read back whole by every reader at any time."""

from __future__ import annotations

import copy
import itertools
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from argo.backend import RunRef
from argo.local.state.database import State
from argo.local.state.fanout import LONG, Fanouts, short

REF = RunRef("first", "default", "0b8c6b4e-0000-4000-8000-000000000001")
NUMBERS = itertools.count()

# What happens to a list in one turn: it grows by so many, is cut to so many, or its process ends and another goes on.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(0, LONG + 9)),
        st.tuples(st.just("cut"), st.integers(0, 2 * LONG)),
        st.tuples(st.just("again"), st.just(0)),
    ),
    max_size=12,
)


def workflow(nodes: Any) -> Any:
    return {"kind": "Workflow", "metadata": {"name": "first", "uid": REF.uid}, "spec": {}, "status": {"nodes": nodes}}


def group(key: str, count: int) -> Any:
    return {"id": key, "children": [f"{key}-{next(NUMBERS)}" for _ in range(count)]}


def change(node: Any, verb: str, count: int) -> Any:
    children = list(node["children"])
    if verb == "grow":
        children += group(node["id"], count)["children"]
    elif verb == "cut":
        del children[count:]
    return {**node, "children": children}


@given(STEPS, st.integers(0, LONG + 5))
def test_every_reader_sees_the_whole_lists(steps: list[tuple[str, int]], other: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "state.db")
        state, reader = State(path), State(path)
        nodes = {"a": group("a", 1), "b": group("b", other), "c": {"id": "c"}}
        state.add(REF, workflow({}), [])
        state.record(REF.uid, workflow(nodes), list(nodes))
        known, revision, _ = reader.changes(REF.uid, 0)
        for verb, count in steps:
            if verb == "again":
                state.close()
                state = State(path)
            nodes = {**nodes, "a": change(nodes["a"], verb, count)}
            state.record(REF.uid, workflow(copy.deepcopy(nodes)), ["a"])
            known, revision, changed = reader.changes(REF.uid, revision, known)
            assert changed == {"a"}
            assert known["status"]["nodes"] == nodes, "as a reader follows it"
            assert reader.workflow(REF.uid)[0]["status"]["nodes"] == nodes, "as a reader comes to it"
        state.close()
        reader.close()


def test_a_list_that_grows_is_written_once_an_item() -> None:
    fanouts, written = Fanouts(), 0
    node: Any = {"id": "a", "children": []}
    for _ in range(500):
        node["children"].append(f"a-{next(NUMBERS)}")
        rows = fanouts.rows("u", ["a"], {"a": node})
        fanouts.keep(rows)
        written += len(rows)
    assert written == 500
    stored: Any = short(node)
    assert stored is not None
    assert stored["children"] == 500
    assert len(node["children"]) == 500, "the node itself stays as it is"


def test_a_body_is_written_again_only_when_it_has_changed(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    subject = workflow({})
    subject["spec"]["templates"] = [{"name": "t"}]
    state.add(REF, subject, [])
    state.record(REF.uid, subject, [])
    with state._transaction():
        state._db.execute('UPDATE runs SET body = \'{"spec": "untouched"}\'')
    state.record(REF.uid, subject, [])
    found: Any = state.workflow(REF.uid)[0]
    assert found["spec"] == "untouched"
    for edit in ({"suspend": True}, {"shutdown": "Stop"}, {"arguments": {"parameters": [{"name": "x", "value": "1"}]}}):
        subject["spec"].update(edit)
        state.record(REF.uid, subject, [])
        assert state.workflow(REF.uid)[0]["spec"] == subject["spec"]
    subject["status"]["storedTemplates"] = {"t": {"name": "t"}}
    state.record(REF.uid, subject, [])
    assert state.workflow(REF.uid)[0]["status"]["storedTemplates"] == {"t": {"name": "t"}}
