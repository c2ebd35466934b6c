"""Which place a command works on, and with what token."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from argo.app.credentials import authorization, source
from argo.app.targets import choose
from argo.errors import ArgosyError, DefinitionError, EnvironmentFailure, UsageError

PROJECT = """kind: Project
default: lab
profiles:
  lab:
    engine: {server: argo.example.com:2746, tokenFile: token, caFile: certs/ca.pem}
    namespace: physics
    store: {endpoint: s3.example.com, bucket: results, region: eu-1}
  gpu: {engine: {context: gpu-cluster, kubeconfig: kube/config}}
  plain: {engine: {server: "http://argo.example.com"}}
  open: {engine: {server: "https://argo.example.com", insecureSkipVerify: true}}
  local:
    engine: local
    store: {endpoint: "127.0.0.1:9000", bucket: mine, insecure: true}
"""
VARIABLES = (
    "ARGO_SERVER", "KUBECONFIG", "ARGO_TOKEN", "ARGO_NAMESPACE", "ARGO_SECURE", "ARGO_BASE_HREF", "ARGO_HTTP1",
    "ARGO_INSECURE_SKIP_VERIFY", "ARGOSY_TOKEN", "ARGOSY_PROFILE",
)  # fmt: skip


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "argosy.yaml").write_text(PROJECT)
    (tmp_path / "token").write_text("from-file\n")
    return tmp_path


def test_without_anything_it_is_this_machine() -> None:
    assert choose([], None).local
    assert choose([], "local").local
    with pytest.raises(UsageError, match=r"no argosy\.yaml"):
        choose([], "lab")


def test_the_file_s_default_and_the_profile_that_is_named(project: Path) -> None:
    lab = choose([], None)
    assert lab.server is not None
    assert (lab.server.url, lab.namespace) == ("https://argo.example.com:2746", "physics")
    assert lab.server.ca_file == project / "certs/ca.pem"
    assert lab.server.token() == "Bearer from-file"
    assert lab.store == {"endpoint": "s3.example.com", "bucket": "results", "insecure": False, "region": "eu-1"}
    gpu = choose([], "gpu")
    assert gpu.cluster is not None
    assert (gpu.cluster.context, gpu.cluster.kubeconfig) == ("gpu-cluster", project / "kube/config")
    assert choose([], "local").store["bucket"] == "mine"
    with pytest.raises(UsageError, match="no profile gpv") as raised:
        choose([], "gpv")
    assert "gpu" in raised.value.hint


def test_it_is_found_from_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert choose([], None).profile == "lab"


def test_a_file_with_mistakes_is_not_half_believed(project: Path) -> None:
    (project / "argosy.yaml").write_text(PROJECT.replace("namespace:", "namepsace:"))
    with pytest.raises(DefinitionError) as raised:
        choose([], None)
    assert raised.value.diagnostics


def test_the_argo_cli_s_variables_come_before_the_default_and_after_a_profile(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGO_SERVER", "other.example.com")
    monkeypatch.setenv("ARGO_TOKEN", "Bearer of-variable")
    monkeypatch.setenv("ARGO_NAMESPACE", "ns")
    found = choose([], None)
    assert found.server is not None
    assert (found.server.url, found.namespace) == ("https://other.example.com", "ns")
    assert found.server.token() == "Bearer of-variable"
    assert "default profile lab is not taken" in found.notes[0]
    named = choose([], "lab", by_hand=True)
    assert named.server is not None
    assert named.server.token() == "Bearer from-file", "the token of another server is never sent"
    assert named.namespace == "physics"
    assert "ARGO_SERVER, ARGO_TOKEN, ARGO_NAMESPACE not used" in named.notes[0]


@pytest.mark.parametrize(
    ("variables", "url", "verify"),
    [
        ({"ARGO_SERVER": "h:2746"}, "https://h:2746", True),
        ({"ARGO_SERVER": "h:2746", "ARGO_SECURE": "false"}, "http://h:2746", True),
        ({"ARGO_SERVER": "h", "ARGO_BASE_HREF": "/argo/"}, "https://h/argo", True),
        ({"ARGO_SERVER": "https://h/", "ARGO_INSECURE_SKIP_VERIFY": "T"}, "https://h", False),
    ],
)
def test_the_server_of_the_variables(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, verify: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = choose([], None)
    assert found.server is not None
    assert (found.server.url, found.server.verify) == (url, verify)


def test_kubeconfig_names_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere")
    found = choose([], None)
    assert found.cluster is not None
    assert found.server is None


def test_a_flag_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGO_SERVER", "h")
    monkeypatch.setenv("ARGO_SECURE", "maybe")
    with pytest.raises(UsageError, match="true or false"):
        choose([], None)


def test_what_runs_here_is_not_sent_elsewhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="executes on this machine") as raised:
        choose([], "gpu", here=True)
    assert "argosy submit" in raised.value.hint
    monkeypatch.setenv("ARGO_SERVER", "h")
    assert choose([], None, here=True).local, "the variables say no more than that the default is not meant"


def test_what_is_unsafe_is_said(project: Path) -> None:
    assert "plain HTTP" in choose([], "plain").notes[0]
    assert "not verified" in choose([], "open").notes[0]
    assert choose([], "lab").notes == ()


@pytest.mark.parametrize(
    ("token", "header"),
    [
        ("abc", "Bearer abc"), (" Bearer abc\n", "Bearer abc"), ("Basic eDp5", "Basic eDp5"), ("", ""),
        ("v2:x", "Bearer v2:x"),
    ],
)  # fmt: skip
def test_the_header_of_a_token(token: str, header: str) -> None:
    assert authorization(token) == header


def test_a_token_is_read_anew_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "t"
    read = source(("T_A", "T_B"), file)
    file.write_text("one")
    assert read() == "Bearer one"
    file.write_text("two")
    assert read() == "Bearer two"
    monkeypatch.setenv("T_B", "three")
    assert read() == "Bearer three"
    assert source()() == ""


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "give"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize("text", ["echo planted-secret >&2; exit 3", "true", "printf '\\377planted-secret'"])
def test_a_command_that_gives_no_token_tells_nothing(tmp_path: Path, text: str) -> None:
    with pytest.raises(EnvironmentFailure) as raised:
        source((), None, [script(tmp_path, text)])()
    assert "planted-secret" not in "".join(raised.value.lines())
    assert "tokenCommand" in raised.value.hint


def test_what_gives_a_token_and_what_does_not(tmp_path: Path) -> None:
    assert source((), None, [script(tmp_path, "echo abc")])() == "Bearer abc"
    cases: list[Any] = [((), tmp_path / "none", ()), ((), None, [str(tmp_path / "none")])]
    for case in cases:
        with pytest.raises(ArgosyError):
            source(*case)()
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(EnvironmentFailure, match="is empty"):
        source((), tmp_path / "empty")()
