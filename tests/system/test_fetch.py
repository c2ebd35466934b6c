"""`argosy fetch`, `results` and `share` against a real MinIO: kills, removed runs, secrets."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import urllib.request
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from minio import Minio as Client

from argo.storage.credentials import Credentials
from tests.fixtures_minio import Minio
from tests.fixtures_minio import minio as minio
from tests.system.conftest import Argosy
from tests.waiting import until

KILLS = 20
LARGE, SMALL = 60 << 20, 400


@pytest.fixture
def place(minio: Minio, argosy: Argosy, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket that argosy.yaml's default profile names; the name of the bucket."""
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    minio.store(bucket)
    (argosy.cwd / "argosy.yaml").write_text(
        "kind: Project\ndefault: local\nprofiles:\n  local:\n    engine: local\n"
        f"    store: {{endpoint: '{minio.endpoint}', bucket: {bucket}, insecure: true}}\n"
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", minio.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", minio.secret_key)
    return bucket


def test_a_fetch_that_is_killed_again_and_again_ends_whole(
    minio: Minio, place: str, argosy: Argosy, tmp_path: Path
) -> None:
    chance = random.Random(20)
    content = chance.randbytes(LARGE)
    (tmp_path / "large").write_bytes(content)
    client = Client(minio.endpoint, minio.access_key, minio.secret_key, secure=False)
    client.fput_object(place, "runs/default/r/u/train/model.bin", str(tmp_path / "large"), part_size=5 << 20)
    expected = {"train/model.bin": hashlib.sha256(content).hexdigest()}
    store = minio.store(place)
    for number in range(SMALL):
        data = chance.randbytes(10_000)
        store.put_bytes(f"runs/default/r/u/count/parts/{number}.bin", data)
        expected[f"count/parts/{number}.bin"] = hashlib.sha256(data).hexdigest()
    out = tmp_path / "out"
    killed = 0
    for _ in range(KILLS):
        process = argosy.start("fetch", "r", "-d", out, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.4, 1.6))
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        process.wait()
        for path in out.glob("[!.]*/**/*"):
            if path.is_file():
                name = path.relative_to(out).as_posix()
                assert hashlib.sha256(path.read_bytes()).hexdigest() == expected[name], "half written"
    files = argosy.json("fetch", "r", "-d", out)
    assert {Path(file["path"]).relative_to(out).as_posix(): file["sha256"] for file in files} == expected
    assert not list(out.glob(".*")), "nothing of a stage is left"
    for name, sha256 in expected.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == sha256
    assert killed


def test_what_is_kept_of_a_kill_is_used(minio: Minio, place: str, argosy: Argosy, tmp_path: Path) -> None:
    content = random.Random(1).randbytes(LARGE)
    minio.store(place).put_bytes("runs/default/r/u/train/model.bin", content)
    out = tmp_path / "out"
    process = argosy.start("fetch", "r", "-d", out, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    kept = ".argosy-fetch-*/*/parts/*.ranges"
    until(lambda: any(path.read_text().split() for path in out.glob(kept)), "a part is kept", pause=0.001)
    assert process.poll() is None
    process.kill()
    process.wait()
    (part,) = out.glob(".argosy-fetch-*/*/parts/*.part")
    before = part.stat().st_ino
    argosy("fetch", "r", "-d", out)
    assert (out / "train" / "model.bin").stat().st_ino == before
    assert (out / "train" / "model.bin").read_bytes() == content


def test_results_of_a_run_here_and_after_it_was_removed(place: str, argosy: Argosy, tmp_path: Path) -> None:
    run = argosy.json("run", "fork_join", "--name", "fj")
    assert run["phase"] == "Succeeded"
    rows = {row["name"]: row for row in argosy.json("results", "fj")}
    assert argosy("results", "fj").stdout.count("\n") == len(rows)
    before = {f["output"]: f["sha256"] for f in argosy.json("fetch", "fj", "-d", tmp_path / "a")}
    shared = next(name for name, row in rows.items() if row.get("objects") == 1)
    url = argosy.json("share", "fj", shared, "--expires", "5m")["url"]
    with urllib.request.urlopen(url) as answer:
        assert len(answer.read()) == rows[shared]["size"]
    assert argosy("share", "fj", shared, "--expires", "8d", code=2).stdout == ""
    argosy("delete", "fj")
    gone = argosy("fetch", "fj", "-d", tmp_path / "b", "-o", "json")
    assert "fj is gone" in gone.stderr
    after = {f["sha256"] for f in json.loads(gone.stdout)}
    objects = {name for name, row in rows.items() if row.get("objects")}
    assert {before[name] for name in objects if name in before} <= after
    assert argosy.json("results", "fj")
    assert "no run named nobody" in argosy("fetch", "nobody", "-d", tmp_path / "c", code=2).stderr


def test_a_store_that_does_not_answer_is_no_loss(minio: Minio, place: str, argosy: Argosy, tmp_path: Path) -> None:
    minio.store(place).put_bytes("runs/default/r/u/t/x", b"x")
    path = argosy.cwd / "argosy.yaml"
    path.write_text(path.read_text().replace(minio.endpoint, "127.0.0.1:1"))
    said = argosy("fetch", "r", "-d", tmp_path / "o", code=None)
    assert said.returncode in (2, 3)
    assert minio.secret_key not in said.stderr


def test_wrong_credentials_are_said_and_not_told(
    minio: Minio, place: str, argosy: Argosy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minio.store(place).put_bytes("runs/default/r/u/t/x", b"x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret-value")
    said = argosy("fetch", "r", "-d", tmp_path / "o", code=3)
    assert "AWS_SECRET_ACCESS_KEY" in said.stderr
    assert "planted-secret-value" not in said.stderr + said.stdout
    assert (
        replace(minio.config("b"), credentials=Credentials("k", "planted-secret-value")).__repr__().count("planted")
        == 0
    )
