"""Properties of the reconcile: it can be interrupted anywhere, repeated, and fed in any portions."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from argo.backend import Json
from argo.local.controller.graph import branch_phases
from argo.local.controller.nodes import fnv32a, node_id, pod_name, step_or_task_name
from argo.local.controller.patch import merge
from argo.local.pods import PodOutcome, PodRequest
from tests.argo.local.controller.harness import Play, fail, normalised, workflow

NAMES = ("a", "b", "c", "d", "e")
RESULTS = ("", ".Succeeded", ".Failed", ".Skipped", ".Omitted", ".AnySucceeded", ".AllFailed")


@st.composite
def holders(draw: st.DrawFn, name: str, templates: tuple[str, ...]) -> Json:
    """A task or step without conditions."""
    holder: Json = {"name": name, "template": draw(st.sampled_from(templates))}
    loop = draw(st.sampled_from((None, None, [], ["x", "y"], [1, 2, 3], [{"k": "v"}])))
    if loop is not None:
        holder["withParam"] = json.dumps(loop)
    if draw(st.integers(0, 4)) == 0:
        holder["when"] = draw(st.sampled_from(("1 == 1", "1 == 2", "{{workflow.name}} == wf")))
    if draw(st.integers(0, 3)) == 0:
        holder["continueOn"] = {"failed": True}
    if draw(st.integers(0, 4)) == 0:
        holder["onExit"] = "pod"
    if draw(st.integers(0, 5)) == 0:
        holder["hooks"] = {"h": {"template": "pod", "expression": 'workflow.name == "wf"'}}
    return holder


@st.composite
def dags(draw: st.DrawFn, templates: tuple[str, ...]) -> Json:
    tasks = []
    for position, name in enumerate(NAMES[: draw(st.integers(1, 5))]):
        task = draw(holders(name, templates))
        parents: list[str] = draw(st.lists(st.sampled_from(NAMES[:position]), unique=True)) if position else []
        conditional = draw(st.booleans())
        if parents and conditional:
            terms = [parent + draw(st.sampled_from(RESULTS)) for parent in parents]
            task["depends"] = draw(st.sampled_from((" && ", " || "))).join(terms)
        elif parents:
            task["dependencies"] = parents
        tasks.append(task)
    dag: Json = {"tasks": tasks}
    if draw(st.booleans()):
        dag["failFast"] = draw(st.booleans())
    return {"dag": dag}


@st.composite
def steps(draw: st.DrawFn, templates: tuple[str, ...]) -> Json:
    plan = draw(st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True), max_size=3))
    groups = [[draw(holders(name, templates)) for name in names] for names in plan]
    return {"steps": groups or [[{"name": "a", "template": "pod"}]]}


@st.composite
def specifications(draw: st.DrawFn) -> Json:
    """A workflow of two levels, with limits and retries."""
    made: list[Json] = []
    for name, templates in (("inner", ("pod", "again")), ("main", ("pod", "again", "inner"))):
        body = draw(dags(templates) if draw(st.booleans()) else steps(templates))
        if draw(st.integers(0, 3)) == 0:
            body["parallelism"] = draw(st.integers(1, 3))
        if draw(st.integers(0, 5)) == 0:
            body["retryStrategy"] = {"limit": 1}
        made.append({"name": name, **body})
    pod = {"name": "pod", "container": {"image": "a"}}
    again = {"name": "again", "container": {"image": "a"}, "retryStrategy": {"limit": draw(st.integers(0, 2))}}
    spec: Json = {"entrypoint": "main", "templates": [*made, pod, again]}
    if draw(st.integers(0, 3)) == 0:
        spec["parallelism"] = draw(st.integers(1, 3))
    if draw(st.integers(0, 3)) == 0:
        spec["onExit"] = "inner"
    return spec


def player(seed: int) -> Any:
    """Pods fail or not by their names alone."""

    def outcome(request: PodRequest) -> PodOutcome:
        fate = fnv32a(f"{seed}{request.node_name}") % 4
        return fail() if fate == 0 else PodOutcome("Succeeded", exit_code=0, outputs={"result": str(fate)})

    return outcome


def run(spec: Json, seed: int, **fields: Any) -> Play:
    made = Play(workflow(json.loads(json.dumps(spec))), player(seed), **fields)
    made.run(2_000)
    return made


@settings(max_examples=60)
@given(specifications(), st.integers(0, 1000), st.integers(1, 4), st.booleans())
def test_a_reload_after_every_reconcile_changes_nothing(spec: Json, seed: int, batch: int, first: bool) -> None:
    kept = run(spec, seed, batch=batch, running_first=first)
    reloaded = run(spec, seed, batch=batch, running_first=first, reload=True)
    assert kept.phase in ("Succeeded", "Failed", "Error")
    assert normalised(kept.workflow) == normalised(reloaded.workflow)
    assert sorted(r.node_id for r in kept.launched) == sorted(r.node_id for r in reloaded.launched)


@settings(max_examples=40)
@given(specifications(), st.integers(0, 1000), st.integers(1, 4))
def test_a_second_reconcile_at_once_changes_nothing(spec: Json, seed: int, batch: int) -> None:
    class Twice(Play):
        def operate(self, outcomes: Any) -> Any:
            decisions = super().operate(outcomes)
            before = json.dumps(self.workflow, sort_keys=True)
            again = self.controller.operate({}, self.now)
            assert (again.launch, again.changed, again.kill) == ([], set(), [])
            assert json.dumps(self.workflow, sort_keys=True) == before
            return decisions

    made = Twice(workflow(spec), player(seed), batch=batch)
    made.run(2_000)
    assert made.phase in ("Succeeded", "Failed", "Error")


@settings(max_examples=40)
@given(specifications(), st.integers(0, 1000), st.integers(1, 4))
def test_invariants(spec: Json, seed: int, batch: int) -> None:
    made = run(spec, seed, batch=batch)
    table = made.workflow["status"]["nodes"]
    launched = [request.node_id for request in made.launched]
    assert len(launched) == len(set(launched))
    assert set(launched) == {node["id"] for node in table.values() if node["type"] == "Pod"}
    assert made.most_active <= spec.get("parallelism", 1_000)
    children = {child for node in table.values() for child in node.get("children") or ()}
    for identity, node in table.items():
        assert identity == node["id"] == node_id("wf", node["name"])
        assert node["phase"] in ("Succeeded", "Failed", "Error", "Skipped", "Omitted")
        assert node["finishedAt"] >= node["startedAt"]
        assert identity in children or identity == "wf" or node["name"] == "wf.onExit"


NESTED = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(("a", "b", "image")), NESTED, max_size=3)


@given(OBJECTS, OBJECTS)
def test_merge_keeps_both(base: Json, patch: Json) -> None:
    copies = json.dumps(base), json.dumps(patch)
    merged = merge(base, patch)
    assert set(merged) == set(base) | set(patch)
    assert merge(merged, patch) == merged
    assert (json.dumps(base), json.dumps(patch)) == copies


def test_merge_by_name() -> None:
    base: dict[str, Any] = {"containers": [{"name": "main", "env": [{"name": "A", "value": "1"}]}, {"name": "side"}]}
    patch = {"containers": [{"name": "main", "env": [{"name": "A", "value": "2"}], "image": None}, {"name": "new"}]}
    merged = merge(base, patch)
    assert [entry["name"] for entry in merged["containers"]] == ["main", "side", "new"]
    assert merged["containers"][0]["env"] == [{"name": "A", "value": "2"}]
    assert merge(base, {"containers": [{"name": "side", "$patch": "delete"}]})["containers"] == base["containers"][:1]
    assert merge(base, {"containers": None}) == {}


def test_names() -> None:
    # Values of Go's hash/fnv New32a.
    assert fnv32a("") == 2166136261
    assert fnv32a("foobar") == 0xBF9CF968
    assert pod_name("w" * 300, "w.a", "t") == "w" * 242 + f"-{fnv32a('w.a')}"
    assert [step_or_task_name(name) for name in ("wf.fan(0:1)(0)", "wf[0].a", "wf.a[1].b(2:x.y)")] == ["fan", "a", "b"]


def test_a_running_branch_has_no_phase() -> None:
    made = Play(workflow({"entrypoint": "m", "templates": [{"name": "m", "container": {"image": "a"}}]}))
    made.operate({})
    nodes = made.controller._state.nodes
    assert branch_phases(nodes, {"children": ["wf"]}, ["wf"]) is None
