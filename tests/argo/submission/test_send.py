"""Submissions are sent once, written down first, and leave nothing behind when they fail."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from argo.backend import Json, RunRef, Submission, Submitted
from argo.errors import ArgosyError, NotFoundError, RemoteError, StoreError, UsageError
from argo.storage import DirectoryStore
from argo.submission.ledger import Entry, Ledger
from argo.submission.request import CONTENT, Draft, Request, draft, new_key
from argo.submission.send import send
from argo.submission.subject import subject_of
from compiler.labels import KEY
from tests.waiting import HANG


class Place:
    """A backend in memory that fails as it is told: `fails` at submit, `taken` whether the run is there then."""

    place, here, namespace = "a place", False, "ns"

    def __init__(self, fails: ArgosyError | None = None, taken: bool = False, mute: bool = False) -> None:
        self.fails, self.taken, self.mute = fails, taken, mute
        self.runs: dict[str, Submission] = {}

    def submit(self, submission: Submission) -> Submitted:
        name = submission.workflow["metadata"]["name"]
        if name in self.runs and self.runs[name].key == submission.key:
            return Submitted(RunRef(name, "ns", name), new=False)
        if self.fails is None or self.taken:
            self.runs[name] = submission
        if self.fails is not None:
            raise self.fails
        return Submitted(RunRef(name, "ns", name), new=True)

    def find(self, run: str) -> RunRef:
        if self.mute:
            raise RemoteError("nothing answers")
        if run not in self.runs:
            raise NotFoundError(f"no run named {run}")
        return RunRef(run, "ns", run)

    def get(self, ref: RunRef) -> Json:
        return self.runs[ref.name].workflow


def objects() -> list[Json]:
    spec = {
        "entrypoint": "main", "templates": [{"name": "main", "container": {"image": "i"}}],
        "arguments": {
            "parameters": [{"name": "n", "value": "1"}, {"name": "env_config", "value": "d-env"}],
            "artifacts": [{"name": "data"}],
        },
    }  # fmt: skip
    annotations = {"argosy.dev/inputs": json.dumps({"data": {"kind": "file", "artifact": "data"}})}
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"generateName": "train-", "annotations": annotations}, "spec": spec,
    }  # fmt: skip
    env = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d-env"}, "data": {"A": "1", "B": "{{x}}"}}
    return [env, workflow]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(b"input")
    return path


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "submissions")


def drafted(data: Path, **more: Any) -> Draft:
    more = {"once": new_key(), **more}
    return draft(Request(subject_of(objects()), inputs={"data": str(data)}, source="train", **more), Place())  # type: ignore[arg-type]


def sent(place: Place, given: Draft, store: DirectoryStore, ledger: Ledger) -> Submitted:
    return send(place, given, lambda: store, ledger, lambda _: None)  # type: ignore[arg-type]


def keys(store: DirectoryStore) -> list[str]:
    return [info.key for info in store.list("")]


def test_the_run_is_the_submission_s_own(data: Path, store: DirectoryStore, ledger: Ledger) -> None:
    place = Place()
    made = sent(place, drafted(data), store, ledger)
    submission = place.runs[made.ref.name]
    metadata = submission.workflow["metadata"]
    assert made.new
    assert made.ref.name.startswith("train-")
    assert "generateName" not in metadata
    assert metadata["labels"][KEY] == submission.key
    (config_map,) = submission.objects
    assert config_map["metadata"]["name"] == f"{made.ref.name}-env"
    parameters = {p["name"]: p["value"] for p in submission.workflow["spec"]["arguments"]["parameters"]}
    assert parameters["env_config"] == f"{made.ref.name}-env"
    (key,) = keys(store)
    assert key.startswith(f"runs/ns/{made.ref.name}/")
    assert not list((ledger._folder).glob("*"))


def test_each_invocation_is_another_run_and_content_is_the_same(data: Path) -> None:
    assert drafted(data).ref.name != drafted(data).ref.name
    one, two = drafted(data, once=CONTENT), drafted(data, once=CONTENT)
    assert (one.key, one.ref.name) == (two.key, two.ref.name)
    assert drafted(data, once=CONTENT, parameters={"n": "2"}).key != one.key
    data.write_bytes(b"other")
    assert drafted(data, once=CONTENT).key != one.key
    assert drafted(data, once="mine").key == "mine"
    assert len(drafted(data, once="a key / with what no label takes").key) == 32


def test_it_is_written_down_before_it_is_sent(data: Path, store: DirectoryStore, ledger: Ledger) -> None:
    place, given = Place(), drafted(data)
    found: list[Any] = []
    submit = place.submit

    def look(submission: Submission) -> Submitted:
        found.append(json.loads((ledger._folder / f"{given.key}.json").read_text()))
        return submit(submission)

    place.submit = look  # type: ignore[method-assign]
    sent(place, given, store, ledger)
    assert (found[0]["run"], found[0]["place"], found[0]["source"]) == (given.ref.name, "a place", "train")


@pytest.mark.parametrize("error", [RemoteError("lost"), UsageError("refused")])
def test_a_submission_that_was_not_taken_leaves_nothing(
    data: Path, store: DirectoryStore, ledger: Ledger, error: ArgosyError
) -> None:
    with pytest.raises(type(error)) as raised:
        sent(Place(error), drafted(data), store, ledger)
    assert keys(store) == []
    assert "--once" not in raised.value.hint
    assert not list(ledger._folder.glob("*"))


def test_one_whose_end_nobody_knows_says_how_to_take_it_up(data: Path, store: DirectoryStore, ledger: Ledger) -> None:
    place = Place(RemoteError("lost"), taken=True, mute=True)
    given = drafted(data)
    with pytest.raises(RemoteError) as raised:
        sent(place, given, store, ledger)
    assert "not known" in raised.value.known
    assert f"--once={given.key}" in raised.value.hint
    assert len(keys(store)) == 1, "its inputs may be needed"
    (left,) = ledger.left("train", "a place")
    assert left.key == given.key
    place.fails, place.mute = None, False
    again = drafted(data, once=given.key)
    assert again.ref.name == given.ref.name
    assert not sent(place, again, store, ledger).new
    assert len(keys(store)) == 1, "nothing is stored twice"
    assert ledger.left("train", "a place") == []


def test_inputs_that_cannot_be_stored_are_removed(
    data: Path, store: DirectoryStore, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = DirectoryStore.put_file

    def fail(self: DirectoryStore, key: str, path: Path, **more: Any) -> Any:
        put(self, key, path, **more)
        raise StoreError("broken")

    monkeypatch.setattr(DirectoryStore, "put_file", fail)
    place = Place()
    with pytest.raises(StoreError):
        sent(place, drafted(data), store, ledger)
    assert (keys(store), place.runs) == ([], {})


def test_what_is_mistyped_is_refused_before_anything_is_stored(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no parameter named m") as raised:
        drafted(data, parameters={"m": "1"})
    assert raised.value.exit_code == 2
    elsewhere = objects()
    elsewhere[1]["metadata"]["namespace"] = "other"
    with pytest.raises(UsageError, match="namespace other"):
        draft(Request(subject_of(elsewhere)), Place())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not a name"):
        drafted(data, name="Not A Name")


def test_env_files_and_job_configs_are_laid_over(data: Path, tmp_path: Path) -> None:
    env = tmp_path / "run.env"
    env.write_text("B=2\nC={{workflow.name}} $x\n")
    given = drafted(data, env_files=[env])
    submission = given.submission(lambda _key, _path: None)
    assert submission.objects[0]["data"] == {"A": "1", "B": "2", "C": "{{workflow.name}} $x"}
    with pytest.raises(UsageError, match="no files for --job-config"):
        drafted(data, job_configs=["a.json"])


def hold(folder: str, begun: Any, end: Any) -> None:
    with Ledger(Path(folder)).written(Entry("k", "run", "place", "s", "first")) as hand:
        hand.open = True
        begun.set()
        end.wait(HANG)


def test_an_entry_in_another_process_s_hand_is_left_to_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    begun, end = context.Event(), context.Event()
    process = context.Process(target=hold, args=(str(tmp_path), begun, end))
    process.start()
    assert begun.wait(HANG)
    ledger = Ledger(tmp_path)
    assert ledger.left("s", "place") == [], "it is being sent"
    with ledger.written(Entry("k", "run", "place", "s", "second")) as hand:
        assert hand.entry.inputs == "second"
    end.set()
    process.join(HANG)
    assert [entry.inputs for entry in ledger.left("s", "place")] == ["first"]
    with ledger.written(Entry("k", "run", "place", "s", "third")) as hand:
        assert hand.entry.inputs == "first", "what that one stored is used"
    assert ledger.left("s", "place") == []


def test_an_entry_cut_short_is_none(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_text('{"key": "k", "ru')
    ledger = Ledger(tmp_path)
    assert ledger.left("s", "place") == []
    with ledger.written(Entry("k", "run", "place", "s", "mine")) as hand:
        assert hand.entry.inputs == "mine"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ArgosyError, match="cannot be written down"),
        Ledger(tmp_path / "file" / "x").written(Entry("k", "r", "p", "s", "i")),
    ):
        pass
