"""Which profile a run is under, and runs whose artifacts lie in S3: run, fetch, and what may be wrong with a store."""

from __future__ import annotations

import hashlib
import secrets

import pytest

from tests.argo.cli import manifests
from tests.argo.cli.conftest import Command
from tests.files import contents
from tests.fixtures_minio import Minio
from tests.fixtures_minio import minio as minio

PROJECT = """\
kind: Project
default: {default}
profiles:
  far: {{engine: {{server: "https://argo.example.com"}}}}
  context: {{engine: {{context: my-cluster}}}}
  s3: {{store: {{endpoint: "{endpoint}", bucket: results, insecure: true}}}}
  tls: {{store: {{endpoint: "{endpoint}", bucket: results}}}}
  empty: {{store: {{endpoint: "{endpoint}", bucket: no-such-bucket, insecure: true}}}}
  gone: {{store: {{endpoint: "127.0.0.1:1", bucket: results, insecure: true}}}}
"""

TWICE = """\
kind: Dag
name: twice
inputs: {blob: {kind: file, default: {text: "x"}}}
tasks:
  copy:
    image: busybox:1
    command: [sh, -c]
    args: ["cat /in/blob > /out/blob; mkdir /out/folder; cp /in/blob /out/folder/inner"]
    inputs: {blob: {kind: file, path: /in/blob}}
    outputs: {blob: {kind: file, path: /out/blob}, folder: {kind: directory, path: /out/folder}}
    with: {blob: "${{ inputs.blob }}"}
  double:
    image: busybox:1
    command: [sh, -c]
    args: ["cat /in/blob /in/blob > /out/twice"]
    inputs: {blob: {kind: file, path: /in/blob}}
    outputs: {twice: {kind: file, path: /out/twice}}
    with: {blob: "${{ tasks.copy.outputs.blob }}"}
results: {twice: "${{ tasks.double.outputs.twice }}", folder: "${{ tasks.copy.outputs.folder }}"}
"""


def project(argosy: Command, default: str = "s3", endpoint: str = "127.0.0.1:1") -> None:
    argosy.write(argosy=PROJECT.format(default=default, endpoint=endpoint), twice=TWICE, hello=manifests.HELLO)


@pytest.mark.parametrize("profile", ["far", "context"])
def test_run_stays_on_this_machine(argosy: Command, profile: str) -> None:
    project(argosy, default=profile)
    for arguments in (["--profile", profile], []):
        for subject in ("twice.yaml", "hello.yaml"):
            refused = argosy("run", subject, *arguments, code=2)
            assert f"the profile {profile} is of" in refused.stderr
            assert "--profile local" in refused.stderr
    assert "kind: WorkflowTemplate" in argosy("compile", "twice.yaml").stdout
    argosy("run", "twice.yaml", "--profile", "local")


def test_what_names_the_profile_first(argosy: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    project(argosy, default="far")
    monkeypatch.setenv("ARGOSY_PROFILE", "context")
    assert "the profile context is" in argosy("run", "twice.yaml", code=2).stderr, "before the default"
    assert "the profile far is" in argosy("run", "twice.yaml", "--profile", "far", code=2).stderr, "after the option"
    monkeypatch.delenv("ARGOSY_PROFILE")
    monkeypatch.setenv("ARGO_SERVER", "argo.example.com:2746")
    ran = argosy("run", "twice.yaml", "--name", "a")
    assert "note: ARGO_SERVER is set, so the default profile far is not taken" in ran.stderr
    assert "run a on this machine" in ran.stderr
    ran = argosy("run", "twice.yaml", "--profile", "local")
    assert "note: ARGO_SERVER not used: --profile local is given" in ran.stderr


def test_an_unknown_profile(argosy: Command) -> None:
    project(argosy)
    assert "no profile 'fra'" in argosy("run", "twice.yaml", "--profile", "fra", code=2).stderr
    assert "did you mean far?" in argosy("run", "hello.yaml", "--profile", "fra", code=2).stderr


def test_all_mistakes_are_reported_at_once(argosy: Command) -> None:
    project(argosy)
    argosy.write(argosy="kind: Project\nprofils: {}\n", twice=TWICE.replace("tasks.copy", "tasks.cpy"))
    found = argosy("run", "twice.yaml", code=2).stderr
    assert "profils" in found
    assert "cpy" in found
    assert "profils" in argosy("run", "hello.yaml", code=2).stderr, "with manifests alone, too"


def test_artifacts_in_s3(argosy: Command, minio: Minio, monkeypatch: pytest.MonkeyPatch) -> None:
    store = minio.store("results")
    project(argosy, endpoint=minio.endpoint)
    monkeypatch.setenv("MINIO_ACCESS_KEY", minio.access_key)
    monkeypatch.setenv("MINIO_SECRET_KEY", minio.secret_key)
    data = secrets.token_bytes(3_000_000)
    (argosy.cwd / "blob").write_bytes(data)
    ran = argosy("run", "twice.yaml", "-i", "blob=blob", "--name", "first")
    assert f"artifacts in s3://results at {minio.endpoint}" in ran.stderr
    files = {entry["path"]: entry for entry in argosy.json("fetch", "first", "-d", "out")}
    assert (argosy.cwd / "out/twice").read_bytes() == data * 2
    assert files["out/twice"]["sha256"] == hashlib.sha256(data * 2).hexdigest()
    assert (argosy.cwd / "out/folder/inner").read_bytes() == data
    keys = [info.key for info in store.list("runs/default/first/")]
    assert any(key.endswith("/inputs/blob/blob") for key in keys)
    assert not any(key.endswith(".argosy") for key in keys)
    assert not (argosy.home / "store").exists(), "nothing is kept here"
    assert [path for path, text in contents(argosy.home) if minio.secret_key.encode() in text] == []
    monkeypatch.setenv("MINIO_SECRET_KEY", "wrong-secret")
    refused = argosy("fetch", "first", "-d", "again", code=3)
    assert "no result was kept" in refused.stderr
    assert "AWS_ACCESS_KEY_ID" in refused.stderr
    assert "wrong-secret" not in refused.stderr
    assert not [path for path in (argosy.cwd / "again").rglob("*") if path.is_file()]
    monkeypatch.setenv("MINIO_SECRET_KEY", minio.secret_key)
    argosy("delete", "first", "--results")
    assert not list(store.list("runs/default/first/"))


def test_what_is_wrong_with_a_store_shows_before_anything_runs(
    argosy: Command, minio: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    minio.store("results")
    project(argosy, endpoint=minio.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", minio.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", minio.secret_key)
    (argosy.cwd / "blob").write_bytes(b"x")
    for profile, said in (
        ("empty", "make the bucket no-such-bucket"),
        ("gone", "store.endpoint"),
        ("tls", "store.insecure"),
    ):
        refused = argosy("run", "twice.yaml", "-i", "blob=blob", "--profile", profile, code=3)
        assert said in refused.stderr
        assert "known: nothing was started" in refused.stderr
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    refused = argosy("run", "twice.yaml", code=3)
    assert "check AWS_ACCESS_KEY_ID" in refused.stderr
    assert "not-the-secret" not in refused.stderr
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "only one of AWS_ACCESS_KEY_ID and" in argosy("run", "twice.yaml", code=3).stderr
    assert argosy.json("list") == []
