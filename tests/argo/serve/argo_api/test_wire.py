"""What a real Argo Server answered, asked again of the one on this machine: the same statuses, codes and shapes."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.argo.serve.argo_api.serving import ROOT, Answer, Server, serving
from tests.waiting import until

WIRE = ROOT.parent / "shared" / "wire"
pytestmark = pytest.mark.shared


class Replay:
    """Asks as it was recorded; names that the recorded server made up stand for those that this one makes up."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.names: dict[str, str] = {}
        self.answers: dict[str, Answer] = {}

    def __call__(self, name: str) -> Answer:
        request = recorded(name)["request"]
        query = {key: self.here(value) for key, value in (request.get("query") or {}).items()}
        answer = self.server(
            request["method"], self.here(request["path"]), query or None, request.get("body"),
            headers=request.get("headers"),
        )  # fmt: skip
        self.answers[name] = answer
        return answer

    def create(self, name: str) -> str:
        """Ask for something that gets a name; that is returned."""
        made: str = self(name).json()["metadata"]["name"]
        self.names[recorded(name)["response"]["body"]["metadata"]["name"]] = made
        return made

    def here(self, text: str) -> str:
        for theirs, ours in self.names.items():
            text = text.replace(theirs, ours)
        return text

    def stream(self, name: str) -> None:
        """Read a stream to its end."""
        request = recorded(name)["request"]
        query = {key: self.here(value) for key, value in (request.get("query") or {}).items()}
        with self.server.open("GET", self.here(request["path"]), query, headers=request["headers"]) as answer:
            body = b""
            for line in answer:  # a stream of events ends with the connection only
                body += line
                if b'"type":"Completed","status":"True"' in line.replace(b'": "', b'":"').replace(b'", "', b'","'):
                    break
            self.answers[name] = Answer(answer.status, dict(answer.headers), body)


def recorded(name: str) -> Any:
    return json.loads((WIRE / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with serving(tmp_path_factory.mktemp("api") / "home") as server:
        found = Replay(server)
        found.names["User:admin"] = f"User:{server('GET', '/api/v1/userinfo').json()['subject']}"
        play(found)
        yield found


def play(ask: Replay) -> None:
    """The exchanges in an order in which each finds what it found on the recorded server."""
    for name in (
        "version", "info", "userinfo", "unknown-route", "get-missing", "create-malformed", "create-invalid", "lint-ok",
        "lint-bad",
    ):  # fmt: skip
        ask(name)
    ask.create("create-unknown-field")
    two(ask)
    named(ask)
    failing(ask)
    suspended(ask)
    for name in ("template-create", "template-conflict", "template-get", "template-list"):
        ask(name)
    ask.create("submit-template")
    for name in (
        "submit-template-missing", "template-delete", "cron-create", "cron-get", "cron-suspend", "cron-delete",
        "archived-list",
    ):  # fmt: skip
        ask(name)


def two(ask: Replay) -> None:
    name = ask.create("create")
    streams = [threading.Thread(target=ask.stream, args=(stream,)) for stream in ("logs-stream", "events-stream")]
    for stream in streams:
        stream.start()
    ask.server.wait("argo", name, "Succeeded")
    for stream in streams:
        stream.join()
    nodes(ask, "get")
    for again in (
        "get-fields", "list", "list-fields", "logs-finished", "logs-missing-workflow", "artifact-file",
        "artifact-missing", "events-bad-resource-version",
    ):  # fmt: skip
        ask(again)


def named(ask: Replay) -> None:
    for name in ("create-named", "create-conflict", "suspend", "resume"):
        ask(name)
    runs(ask, "wire-named", "Pod")
    ask("stop")
    ask.server.wait("argo", "wire-named", "Succeeded", "Failed", "Error")
    nodes(ask, "get-stopped")
    for name in ("delete", "delete-missing"):
        ask(name)


def failing(ask: Replay) -> None:
    name = ask.create("create-failing")
    ask.server.wait("argo", name, "Failed")
    nodes(ask, "get-failed")
    for again in ("retry", "terminate"):
        ask(again)
    ask.create("resubmit")


def suspended(ask: Replay) -> None:
    name = ask.create("create-suspend")
    runs(ask, name, "Suspend")
    ask("get-suspended")
    ask("set-outputs")
    ask("resume-node")
    ask.server.wait("argo", name, "Succeeded")
    nodes(ask, "get-resumed")


def runs(ask: Replay, name: str, kind: str) -> None:
    """Wait until a node of a kind runs."""

    def found() -> bool:
        workflow = ask.server("GET", f"/api/v1/workflows/argo/{name}").json()
        nodes = (workflow.get("status") or {}).get("nodes") or {}
        return any(node["type"] == kind and node["phase"] == "Running" for node in nodes.values())

    until(found, f"a {kind} of {name} runs")


def nodes(ask: Replay, name: str) -> None:
    """Ask for a workflow, and learn its nodes' ids."""
    theirs, ours = recorded(name)["response"]["body"], ask(name).json()
    by_name = {node["name"]: node["id"] for node in ours["status"]["nodes"].values()}
    for one in theirs["status"]["nodes"].values():
        if ask.here(one["name"]) in by_name:
            own = by_name[ask.here(one["name"])]
            ask.names[one["id"]] = own
            if one["type"] == "Pod":  # its pod's name has the digits of its id
                ask.names[one["id"].rpartition("-")[2]] = own.rpartition("-")[2]
    ask.names = dict(sorted(ask.names.items(), key=lambda item: -len(item[0])))


PLAIN = [
    path.stem
    for path in sorted(WIRE.glob("*.json") if WIRE.is_dir() else ())
    if "chunks" not in json.loads(path.read_text(encoding="utf-8"))["response"]
]


# What differs for a reason: the exchange and the path of a difference, and why.
LEFT_OUT = {
    r".*\.managedFields.*": "the Kubernetes API's book of who wrote what",
    r".*\.workflows\.argoproj\.io/(trace-id|workflow-archiving-status)": "nothing is traced, or archived elsewhere",
    r".*\.(artifactRepositoryRef|artifactGCStatus|taskResultSynced|resourcesDuration)": "of a cluster",
    r".*outputs\.artifacts": "logs are files here, not artifacts of their tasks",
    r"archived-list\.items.*": "the recorded server had run other workflows before",
    r"template-list\.items": "the same",
    r"userinfo\.groups": "who calls is nobody of Kubernetes",
    r"submit-template\.status\.storedTemplates": "they are stored when the run begins",
    r"suspend\.status\..*": "how far a run is when it is asked for depends on the machine",
    r"(resume|resume-node|terminate|stop|set-outputs)\.(status|metadata)\..*": "the engine takes it up at once",
    r"retry\.(status\.phase|metadata\.labels\..*)": "a run that is tried again is shown as one that goes on",
    r"retry\..*\.children": "Go leaves an empty list out",
    r"(suspend|resubmit)\.metadata\.annotations": "the recorded controller had begun already; it copies them",
    r"retry\..*\.progress": "an attempt that is removed does not count",
    r"lint-bad\.message": "our check says more",
}


@pytest.mark.parametrize("name", PLAIN)
def test_status_code_and_shape(replay: Replay, name: str) -> None:
    theirs, ours = recorded(name)["response"], replay.answers[name]
    assert ours.status == theirs["status"], ours.body
    if not isinstance(theirs["body"], dict):
        assert kind(ours.headers) == kind(theirs["headers"])
        return
    found = [one for one in differences(theirs["body"], replaced(replay, ours.json()), name) if not explained(one)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "name", ["logs-stream", "logs-finished", "logs-missing-workflow", "events-bad-resource-version"]
)
def test_streams(replay: Replay, name: str) -> None:
    """The lines that the programs wrote, of the same pods; the executor's own lines are not there."""
    theirs, ours = recorded(name)["response"], replay.answers[name]
    assert ours.status == theirs["status"]
    assert kind(ours.headers) == kind(theirs["headers"])
    told = events("".join(chunk["data"] for chunk in theirs["chunks"]))
    expected = [event for event in told if "argo=true" not in str(event)]
    found = [replaced(replay, event) for event in events(ours.body.decode())]
    if "error" in expected[0]:
        for event in (*expected, *found):
            event["error"]["message"] = re.sub(r"\(\d+\)", "(N)", event["error"]["message"])
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_events_tell_the_run_from_its_beginning_to_its_end(replay: Replay) -> None:
    theirs = events("".join(chunk["data"] for chunk in recorded("events-stream")["response"]["chunks"]))
    ours = events(replay.answers["events-stream"].body.decode())
    for found in (theirs, ours):
        assert found[0]["result"]["type"] == "ADDED"
        assert {event["result"]["type"] for event in found[1:]} == {"MODIFIED"}
        versions = [int(event["result"]["object"]["metadata"]["resourceVersion"]) for event in found]
        assert versions == sorted(set(versions))
        assert found[-1]["result"]["object"]["status"]["phase"] == "Succeeded"
    last = replaced(replay, ours[-1])
    left = [one for one in differences(theirs[-1], last, "events") if not explained(one)]
    assert not left, "\n".join(left)


def events(text: str) -> list[Any]:
    """The objects of a stream."""
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def kind(headers: dict[str, str]) -> str:
    return next((value for key, value in headers.items() if key.lower() == "content-type"), "").partition(";")[0]


def replaced(replay: Replay, value: Any) -> Any:
    """With the names and ids that were recorded."""
    text = json.dumps(value)
    for theirs, ours in replay.names.items():
        text = text.replace(ours, theirs)
    return json.loads(text)


def explained(path: str) -> bool:
    return any(re.fullmatch(pattern, path.partition(":")[0]) for pattern in LEFT_OUT)


def differences(theirs: Any, ours: Any, path: str) -> Iterator[str]:
    """`path: what` of each place where the shape, or of an error the text, is another."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            if key not in ours:
                yield f"{path}.{key}: missing {str(theirs[key])[:100]}"
            elif key not in theirs:
                yield f"{path}.{key}: more {str(ours[key])[:100]}"
            else:
                yield from differences(theirs[key], ours[key], f"{path}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        if len(theirs) != len(ours):
            yield f"{path}: length {len(theirs)} {len(ours)}"
        for number, (a, b) in enumerate(zip(theirs, ours, strict=False)):
            yield from differences(a, b, f"{path}[{number}]")
    elif type(theirs) is not type(ours) or (
        theirs != ours and re.search(r"\.(code|message|phase|type|name|templateName|displayName)$", path)
    ):
        yield f"{path}: {theirs!r} {ours!r}"
