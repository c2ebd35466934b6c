"""Results without their run, results listed and shared, directories kept packed: over every store."""

from __future__ import annotations

import io
import tarfile
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from argo.errors import ConflictError, NotFoundError, StoreError
from argo.results.fetch import FetchOptions, bring
from argo.results.listing import listed, shared
from argo.results.stored import find_stored
from argo.storage import DirectoryStore, ObjectInfo, Store
from argo.workflow.outputs import Result, results
from tests.argo.results.fetching import fetch
from tests.argo.results.test_fetch import artifact, visible, workflow
from tests.fixtures_minio import minio as minio


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "directory":
        return DirectoryStore(tmp_path / "store")
    found: Store = request.getfixturevalue("minio").store(f"b-{uuid.uuid4().hex[:12]}")
    return found


def packed(**files: bytes) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"top/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return raw.getvalue()


ALL = FetchOptions()


def gone(store: Store, run: str, folder: Path, wanted: FetchOptions = ALL) -> list[str]:
    def missing(result: Result) -> None:
        raise AssertionError(result)

    ref, found = find_stored(store, "d", run)
    bring(list(found), store, folder, ref.uid, wanted, missing, plan=lambda result, _: found[result])
    return visible(folder)


def test_all_of_a_run_that_is_gone(store: Store, tmp_path: Path) -> None:
    base = "runs/d/r/u"
    store.put_bytes(f"{base}/train/model.onnx", b"model")
    store.put_bytes(f"{base}/train/plots", packed(a=b"1", b=b"2"))
    store.put_bytes(f"{base}/train/notes", b"no archive")
    store.put_bytes(f"{base}/train/kept.tgz", packed(a=b"1"))
    store.put_bytes(f"{base}/inputs/config", b"what it was given")
    for index in range(3):
        store.put_bytes(f"{base}/count/counts/{index}.json", b"%d" % index)
    store.put_bytes("runs/d/r2/u/other/x", b"of another run")
    store.put_bytes("runs/e/r/u/other/x", b"of another namespace")
    assert gone(store, "r", tmp_path / "o") == [
        "count/counts/0.json", "count/counts/1.json", "count/counts/2.json", "train/kept.tgz", "train/model.onnx",
        "train/notes", "train/plots/a", "train/plots/b",
    ]  # fmt: skip
    assert (tmp_path / "o" / "train" / "notes").read_bytes() == b"no archive"
    assert gone(store, "r", tmp_path / "one", FetchOptions(["train/notes"])) == ["train/notes"]
    assert gone(store, "r", tmp_path / "task", FetchOptions(["count"])) == [f"count/counts/{n}.json" for n in range(3)]
    assert "train/plots" in gone(store, "r", tmp_path / "raw", FetchOptions(raw=True))


def test_runs_of_one_name_are_told_apart(store: Store, tmp_path: Path) -> None:
    for uid in ("u1", "u2"):
        store.put_bytes(f"runs/d/r/{uid}/t/x", uid.encode())
    with pytest.raises(ConflictError, match="2 runs named r") as several:
        gone(store, "r", tmp_path / "o")
    assert "argosy fetch r/u1" in several.value.hint
    gone(store, "r/u2", tmp_path / "o")
    assert (tmp_path / "o" / "t" / "x").read_bytes() == b"u2"


@pytest.mark.parametrize("run", ["r", "", "r/u9", "../d", "r/../r"])
def test_nothing_is_stored(store: Store, run: str, tmp_path: Path) -> None:
    store.put_bytes("runs/d/other/u/t/x", b"x")
    with pytest.raises((NotFoundError, StoreError)):
        gone(store, run, tmp_path / "o")


def test_directories_may_stay_packed(store: Store, tmp_path: Path) -> None:
    archive = packed(a=b"1", b=b"2")
    store.put_bytes("k/plots", archive)
    subject = workflow(artifact("plots", "k/plots", archive={"tar": {}}))
    (file,) = fetch(subject, store, tmp_path / "raw", FetchOptions(raw=True))
    assert (file.path.name, file.path.read_bytes()) == ("plots.tgz", archive)
    files = fetch(subject, store, tmp_path / "o", FetchOptions(durable=True))
    assert [file.path.read_bytes() for file in files] == [b"1", b"2"]


def test_results_are_listed(store: Store) -> None:
    store.put_bytes("k/a", b"12345")
    for index in range(3):
        store.put_bytes(f"runs/d/r/u/count/counts/{index}", b"xy")
    subject = workflow(artifact("a", "k/a"), artifact("b", "k/b"), parameters=[{"name": "v", "value": "7"}])
    rows = {result.name: listed(result, store) for result in results(subject)}
    assert rows["v"]["value"] == "7"
    assert (rows["a"]["size"], rows["a"]["objects"], rows["a"]["key"]) == (5, 1, "k/a")
    assert len(str(rows["a"]["sha256"])) == 64
    assert (rows["b"]["size"], rows["b"]["objects"]) == (None, 0)
    declared = '{"all": {"task": "count", "output": "counts", "kind": "files", "key": "count/counts"}}'
    subject["metadata"]["annotations"] = {"argosy.dev/results": declared}
    (row,) = (listed(result, store) for result in results(subject))
    assert (row["size"], row["objects"]) == (6, 3)


def test_a_result_is_shared(store: Store) -> None:
    store.put_bytes("k/a", b"12345")
    everything = results(workflow(artifact("a", "k/a"), artifact("b", "k/b"), parameters=[{"name": "v", "value": "7"}]))
    with pytest.raises(NotFoundError, match="nothing is stored of b"):
        shared(everything, "b", store, timedelta(hours=1))
    with pytest.raises(ConflictError, match="a value"):
        shared(everything, "v", store, timedelta(hours=1))
    with pytest.raises(NotFoundError, match="no result named c"):
        shared(everything, "c", store, timedelta(hours=1))
    if isinstance(store, DirectoryStore):
        with pytest.raises(StoreError, match="no URL"):
            shared(everything, "a", store, timedelta(hours=1))
        return
    row: Any = shared(everything, "a", store, timedelta(hours=1))
    with urllib.request.urlopen(row["url"]) as answer:
        assert answer.read() == b"12345"


def test_what_several_objects_make_is_not_shared_by_one_url(store: Store) -> None:
    store.put_bytes("k/a/1", b"1")
    with pytest.raises(ConflictError, match="several objects"):
        shared(results(workflow(artifact("a", "k/a"))), "a", store, timedelta(hours=1))


class Flat(DirectoryStore):
    """A store whose keys are no paths, as those of AWS S3: an object may lie below another one."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return iter([ObjectInfo(f"{prefix}{name}", 1, "e") for name in ("b", "b/c")])


def test_keys_that_no_folder_can_hold_are_refused(tmp_path: Path) -> None:
    store = Flat(tmp_path / "store")
    with pytest.raises(StoreError, match="a part of it is an object, too"):
        fetch(workflow(artifact("a", "k/a")), store, tmp_path / "o")
    assert visible(tmp_path / "o") == []
