"""A DAG that was split gives what it gives in one piece; children are taken up, ended and removed with their run."""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

from argo.backend import RunRef, Submission
from argo.local.backend import LocalBackend, identify
from argo.local.home import Home
from argo.local.pods import PodOutcome, PodRequest
from argo.submission.arguments import set_inputs, set_parameters
from argo.submission.subject import subject_of
from compiler import pipeline, size
from compiler.diagnostics import has_errors
from compiler.manifest_types import Artifact, Parameter, Template

BUDGET = 12_000  # bytes; a Workflow has about 4,000 besides its tasks

ASSET = {
    "kind": "ComputeAsset",
    "name": "step",
    "image": "example.com/step:1",
    "command": ["step", "${{ params.n }}", "${{ inputs.file.path }}", "${{ inputs.folder.path }}"],
    "parameters": {"n": {"type": "string", "default": "0"}},
    "inputs": {
        "file": {"kind": "file", "path": "/in/file", "optional": True},
        "folder": {"kind": "directory", "path": "/in/folder", "optional": True},
    },
    "outputs": {
        "file": {"kind": "file", "path": "/out/file.txt"},
        "folder": {"kind": "directory", "path": "/out/folder"},
        "word": {"kind": "value", "path": "/out/word"},
        "list": {"kind": "value", "path": "/out/list", "type": "json"},
    },
}


class ScriptedPods:
    """Pods whose outputs are digests of what they were given; they end in any order. `stop` keeps one from ending."""

    def __init__(self, store: dict[str, str], seed: int = 0, stop: str = "") -> None:
        self.store = store
        self.stop = stop
        self.started: list[str] = []
        self._random = random.Random(seed)
        self._waiting: dict[str, PodOutcome] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def create(self, request: PodRequest) -> None:
        self.started.append(request.node_name.partition(".")[2])
        if self.stop and self.stop in request.node_name:
            raise KeyboardInterrupt
        self._waiting[request.node_id] = self._outcome(request.template)

    def poll(self, timeout: float) -> Mapping[str, PodOutcome]:
        if not self._waiting:
            return {}
        key = self._random.choice(sorted(self._waiting))
        return {key: self._waiting.pop(key)}

    def kill(self, node_id: str, grace: float) -> None:
        self._waiting[node_id] = PodOutcome("Failed", "killed")

    def _outcome(self, template: Template) -> PodOutcome:
        given: list[Any] = [template["container"]["command"]]
        for artifact in (template.get("inputs") or {}).get("artifacts") or ():
            content = self._content(artifact)
            if content is None and not artifact.get("optional"):
                return PodOutcome("Error", f"no artifact {artifact['name']}")
            given.append(content)
        if "fail" in given[0]:
            return PodOutcome("Failed", "told to", exit_code=1)
        outputs = template.get("outputs") or {}
        parameters: list[Parameter] = []
        for wanted in outputs.get("parameters") or ():
            word = _digest([wanted["name"], given])
            parameters.append(
                {"name": wanted["name"], "value": json.dumps([word, "b"]) if wanted["name"] == "list" else word}
            )
        for artifact in outputs.get("artifacts") or ():
            self.store[artifact["s3"]["key"]] = _digest([artifact["name"], given])
        stored: list[Artifact] = [{"name": artifact["name"]} for artifact in outputs.get("artifacts") or ()]
        return PodOutcome("Succeeded", exit_code=0, outputs={"parameters": parameters, "artifacts": stored})

    def _content(self, artifact: Artifact) -> Any:
        if "raw" in artifact:
            return artifact["raw"]["data"]
        key = (artifact.get("s3") or {}).get("key")
        if key in self.store:
            return self.store[key]
        below = {k.removeprefix(key): v for k, v in self.store.items() if key and k.startswith(f"{key}/")}
        return dict(sorted(below.items())) or None


class _Put:
    """Stores a file."""

    def __init__(self, store: dict[str, str]) -> None:
        self._store = store

    def __call__(self, key: str, path: Path) -> None:
        self._store[key] = path.read_text()


class Backend(LocalBackend):
    """With scripted pods."""

    pods = ScriptedPods({})

    def _pods(self, *_: Any) -> Any:
        return self.pods


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def _read(draw: st.DrawFn, tasks: dict[str, dict[str, Any]], before: list[str]) -> dict[str, Any]:
    """What a task reads of one before it."""
    source = draw(st.sampled_from(before))
    skipped = "when" in tasks[source]  # which has files that may be missing, but no values
    output = draw(st.sampled_from(["file", "folder", *([] if skipped else ["word", "list"])]))
    if output in ("word", "list"):
        return {"n": f"-${{{{ tasks.{source}.outputs.{output} }}}}-"}
    if "foreach" in tasks[source]:
        return {"folder": f"${{{{ tasks.{source}.outputs.file }}}}"}
    return {output: f"${{{{ tasks.{source}.outputs.{output} }}}}"}


@st.composite
def dags(draw: st.DrawFn) -> dict[str, Any]:
    """A DAG with edges of files, directories, values and order, loops, conditions, gates, and tasks that fail."""
    tasks: dict[str, dict[str, Any]] = {}
    for number in range(draw(st.integers(10, 24))):
        before = [name for name, made in tasks.items() if "pause" not in made]
        task: dict[str, Any] = {"asset": "step"}
        given_: dict[str, Any] = {"n": draw(st.sampled_from(["1", "${{ params.mode }}", "{{x", "${{ run.name }}"]))}
        if before and draw(st.integers(0, 9)) == 0:
            task = {"pause": {"message": "go"}, "needs": [draw(st.sampled_from(before))]}
            tasks[f"t{number}"] = task
            continue
        if draw(st.booleans()):
            task["foreach"] = draw(st.sampled_from([[1, 2], {"range": 2}]))
        given_ |= _read(draw, tasks, before) if before else {"file": "${{ inputs.text }}"}
        if draw(st.integers(0, 4)) == 0:
            task["when"] = "${{ params.mode }} == 'slow'"
        if tasks and draw(st.integers(0, 2)) == 0:
            other = draw(st.sampled_from(sorted(tasks)))
            condition = draw(st.sampled_from(["", "", "", "", "", ".Succeeded", ".Failed"]))
            task["needs"] = f"{other}{condition}" if condition else [other]
        if draw(st.integers(0, 49)) == 0:
            given_["n"] = "fail"
            if draw(st.booleans()):
                task["continueOn"] = {"failed": True}
        task["with"] = given_
        tasks[f"t{number}"] = task
    made = [name for name, task in tasks.items() if "pause" not in task and "when" not in task]
    results = {name: f"${{{{ tasks.{name}.outputs.{output} }}}}" for name in made for output in ("word",)}
    return {
        "kind": "Dag",
        "name": "generated",
        "parameters": {"mode": {"type": "string", "default": 'fa"st {{y'}},
        "inputs": {"text": {"kind": "file", "default": {"key": "there"}}},
        "tasks": tasks,
        "results": results,
    }


def compiled(definitions: list[dict[str, Any]], budget: int) -> pipeline.Result:
    """Compiled as if Argo stored no more than `budget` bytes."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(size, "BUDGET", budget)
        file = Path(folder) / "generated.yaml"
        file.write_text(yaml.safe_dump_all(definitions))
        return pipeline.compile([file], form="workflow")


def run(backend: Backend, result: pipeline.Result, **values: str) -> RunRef:
    """Drive a run to its end, approving every gate."""
    subject = subject_of(result.objects())
    set_parameters(subject, values)
    subject.workflow["metadata"]["name"] = "r"
    ref = identify(subject.workflow)
    backend.record(Submission(subject.workflow, subject.objects, "test"), executor="process")
    finish(backend, ref)
    return ref


def finish(backend: Backend, ref: RunRef) -> None:
    while not backend.drive(ref, wait=False):
        for node in backend.get(ref)["status"]["nodes"].values():
            if node["type"] == "Suspend" and node["phase"] == "Running":
                backend.approve(ref, node["displayName"])


def outcome(definitions: list[dict[str, Any]], budget: int, seed: int, **values: str) -> tuple[str, Any, Any, int]:
    """Phase, values, files (where it went well) and number of children."""
    result = compiled(definitions, budget)
    assert not has_errors(result.diagnostics), result.diagnostics
    with tempfile.TemporaryDirectory() as folder:
        backend = Backend(Home.open(Path(folder) / "home"))
        backend.pods = ScriptedPods({"there": "text"}, seed)
        try:
            ref = run(backend, result, **values)
            workflow = backend.get(ref)
            children = backend.children(ref)
            store = {key.replace(ref.uid, "UID"): value for key, value in backend.pods.store.items()}
        finally:
            backend.close()
    phase = workflow["status"]["phase"]
    if phase != "Succeeded":  # an Error in a child is a failure of the task that runs it
        return "Failed", None, None, len(children)
    entry = workflow["status"]["nodes"]["r"]
    found = {p["name"]: p["value"] for p in (entry.get("outputs") or {}).get("parameters") or ()}
    return phase, found, store, len(children)


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # what fails is short enough to be read
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(dags(), st.sampled_from([0.7, 0.8, 0.9]), st.integers(0, 9), st.sampled_from(["slow", "{{z}}"]))
def test_split_or_whole_comes_to_the_same(dag: dict[str, Any], share: float, seed: int, mode: str) -> None:
    result = compiled([ASSET, dag], 1 << 20)
    assume(not has_errors(result.diagnostics))
    whole = outcome([ASSET, dag], 1 << 20, seed, mode=mode)
    largest = result.stats[0].size
    parted = outcome([ASSET, dag], int(largest * share), seed, mode=mode)
    event(f"children: {parted[3]}")
    assert parted[:3] == whole[:3]


CHAINS = {
    "kind": "Dag",
    "name": "chains",
    "inputs": {"text": {"kind": "file", "default": {"key": "there"}}},
    "tasks": {
        **{f"a{n}": {"asset": "step", "with": {"n": f"a{n}", "file": "${{ inputs.text }}"}} for n in range(10)},
        **{f"b{n}": {"asset": "step", "with": {"file": f"${{{{ tasks.a{n}.outputs.file }}}}"}} for n in range(10)},
        "end": {"asset": "step", "with": {"n": "${{ tasks.b0.outputs.word }}", "file": "${{ tasks.b9.outputs.file }}"}},
    },
    "results": {"file": "${{ tasks.end.outputs.file }}", "word": "${{ tasks.end.outputs.word }}"},
}


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    backend = Backend(Home.open(tmp_path / "home"))
    backend.pods = ScriptedPods({"there": "text"})
    return backend


def test_children_are_taken_up_again(backend: Backend) -> None:
    whole = outcome([ASSET, CHAINS], 1 << 20, 0)
    result = compiled([ASSET, CHAINS], BUDGET)
    subject = subject_of(result.objects())
    subject.workflow["metadata"]["name"] = "r"
    ref = identify(subject.workflow)
    backend.record(Submission(subject.workflow, subject.objects, "test"), executor="process")
    started: list[str] = []
    for stop in ("a2", "b1", "end"):
        backend.pods = ScriptedPods(backend.pods.store, stop=stop)
        with pytest.raises(KeyboardInterrupt):
            backend.drive(ref)
        started += backend.pods.started
    backend.pods = ScriptedPods(backend.pods.store)
    assert backend.drive(ref)
    store = {key.replace(ref.uid, "UID"): value for key, value in backend.pods.store.items()}
    assert ("Succeeded", store) == (backend.get(ref)["status"]["phase"], whole[2])
    names = [row.ref.name for row in backend.state.rows()]
    assert len(names) == len(set(names)) == 1 + len(backend.children(ref)) > 2


def test_a_child_ends_with_its_parent_and_goes_with_it(backend: Backend) -> None:
    result = compiled([ASSET, CHAINS], BUDGET)
    subject = subject_of(result.objects())
    subject.workflow["metadata"]["name"] = "r"
    ref = identify(subject.workflow)
    backend.record(Submission(subject.workflow, subject.objects, "test"), executor="process")
    backend.pods = ScriptedPods(backend.pods.store, stop="a1")
    with pytest.raises(KeyboardInterrupt):
        backend.drive(ref)
    backend.pods = ScriptedPods(backend.pods.store)
    backend.stop(ref)
    children = backend.children(ref)
    phases = {backend.get(child)["status"]["phase"] for child in children}
    assert (backend.get(ref)["status"]["phase"], phases) == ("Failed", {"Failed"})
    backend.delete(ref)
    assert children
    assert backend.state.rows() == []


def test_a_retry_makes_a_failed_child_anew(backend: Backend) -> None:
    tasks: dict[str, Any] = CHAINS["tasks"]  # type: ignore[assignment]  # of a mapping of anything
    failing = {**CHAINS, "tasks": {**tasks, "a3": {"asset": "step", "with": {"n": "${{ params.how }}"}}}}
    failing["parameters"] = {"how": {"type": "string", "default": "fail"}}
    ref = run(backend, compiled([ASSET, failing], BUDGET))
    nodes = backend.get(ref)["status"]["nodes"].values()
    assert [node["name"] for node in nodes if node.get("message", "").startswith("Workflow r-part-")]
    backend.pods = ScriptedPods(backend.pods.store)
    backend.pods._outcome = lambda template: PodOutcome("Succeeded", exit_code=0)  # type: ignore[method-assign]  # mended
    backend.reset(ref)
    assert backend.drive(ref)
    assert "a3" in str(backend.pods.started)


def test_an_input_of_the_submission_reaches_the_children(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    stores = []
    for budget in (1 << 20, BUDGET):
        backend = Backend(Home.open(tmp_path / str(budget)))
        backend.pods = ScriptedPods({})
        store = backend.pods.store
        subject = subject_of(compiled([ASSET, CHAINS], budget).objects())
        subject.workflow["metadata"]["name"] = "r"
        ref = identify(subject.workflow)
        given_ = {"text": str(tmp_path / "mine")}
        set_inputs(subject, given_, ref, _Put(store))
        backend.record(Submission(subject.workflow, subject.objects, "test"), executor="process")
        assert backend.drive(ref)
        assert bool(backend.children(ref)) == (budget == BUDGET)
        stores.append({key.replace(ref.uid, "UID"): value for key, value in store.items()})
        backend.close()
    assert stores[0] == stores[1]
    assert len(stores[0]) > 20
