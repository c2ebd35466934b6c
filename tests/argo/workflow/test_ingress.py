"""Names of Services and hosts, and annotations that cannot be read."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.workflow import ingress
from argo.workflow.sessions import Session

RUN = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", fullmatch=True)
TASK = st.from_regex(r"[a-z]([-a-z0-9]{0,30}[a-z0-9])?(\.[a-z]([-a-z0-9]{0,28}[a-z0-9])?)?", fullmatch=True)
WAY = ingress.Ingresses("team", "s.example.com")


def names(run: str, task: str, ports: list[str]) -> tuple[str, list[str]]:
    session = Session(task, dict.fromkeys(ports, "/"), at={port: 8765 + n for n, port in enumerate(ports)})
    service, way = WAY.objects(run, session)
    assert service["metadata"]["name"] == way["metadata"]["name"]
    hosts = [rule["host"] for rule in way["spec"]["rules"]]
    assert [WAY.url(run, session, port) for port in ports] == [f"https://{host}" for host in hosts]
    return service["metadata"]["name"], hosts


@given(RUN, TASK, st.lists(st.from_regex(r"[a-z]{1,15}", fullmatch=True), min_size=1, max_size=3, unique=True))
def test_names_are_those_of_dns(run: str, task: str, ports: list[str]) -> None:
    name, hosts = names(run, task, ports)
    for label in (name, *(host.removesuffix(".s.example.com") for host in hosts)):
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", label)
    assert len(set(hosts)) == len(ports)


@given(RUN, TASK, RUN, TASK)
def test_nothing_else_has_the_same_name(run: str, task: str, other: str, more: str) -> None:
    same = (run, task) == (other, more)
    assert (names(run, task, ["web"]) == names(other, more, ["web"])) == same


def test_namespaces_have_hosts_of_their_own() -> None:
    session = Session("desk", {"web": "/"}, at={"web": 1})
    hosts = {ingress.Ingresses(name, "s.example.com").url("mine", session, "web") for name in ("a", "b")}
    assert len(hosts) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"tls": true}', '{"host": "h"}', "null"])
def test_what_cannot_be_read_is_nothing(text: str) -> None:
    about = {"desk": {"ports": {"web": "/"}, "at": {"web": 1}}}
    annotations = {"argosy.dev/session": json.dumps(about), "argosy.dev/ingress": text}
    workflow: Any = {"metadata": {"name": "r", "annotations": annotations}}
    assert ingress.objects(workflow) == []
