"""Plays pods for the controller: scripted outcomes, or small sh and python programs run for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from argo.backend import Json
from argo.local.controller import Controller
from argo.local.pods import Decisions, PodOutcome, PodRequest
from tests.waiting import HANG

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Player = Callable[[PodRequest], PodOutcome]
_COMPLETED = ("Succeeded", "Failed", "Error")


@dataclass
class Objects:
    """Objects in memory."""

    config_maps: dict[str, Json] = field(default_factory=dict)
    templates: dict[str, Json] = field(default_factory=dict)
    cluster_templates: dict[str, Json] = field(default_factory=dict)

    def add(self, obj: Json) -> None:
        kinds = {
            "ConfigMap": self.config_maps,
            "WorkflowTemplate": self.templates,
            "ClusterWorkflowTemplate": self.cluster_templates,
        }
        if obj and obj.get("kind") in kinds:
            kinds[obj["kind"]][obj["metadata"]["name"]] = obj

    def config_map(self, name: str) -> Json | None:
        return self.config_maps.get(name)

    def workflow_template(self, name: str) -> Json | None:
        return self.templates.get(name)

    def cluster_workflow_template(self, name: str) -> Json | None:
        return self.cluster_templates.get(name)

    def secret(self, name: str, key: str) -> bytes | None:
        return None

    def secret_keys(self, name: str) -> list[str] | None:
        return None

    def create_config_map(self, config_map: Json) -> None:
        self.config_maps[config_map["metadata"]["name"]] = config_map


def workflow(spec: Json, **metadata: Any) -> Json:
    """A Workflow named `wf` with this spec."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "wf", "namespace": "default", "uid": "0-1", **metadata},
        "spec": spec,
    }


def succeed(request: PodRequest) -> PodOutcome:
    """Every pod succeeds; declared outputs get their own names as values."""
    declared = request.template.get("outputs") or {}
    parameters = [{"name": entry["name"], "value": entry["name"]} for entry in declared.get("parameters") or ()]
    artifacts = [dict(entry) for entry in declared.get("artifacts") or ()]
    outputs: Json = {"result": "done"}
    if parameters:
        outputs["parameters"] = parameters
    if artifacts:
        outputs["artifacts"] = artifacts
    return PodOutcome("Succeeded", exit_code=0, outputs=outputs)


def fail(code: int = 1) -> PodOutcome:
    return PodOutcome("Failed", f"main: Error (exit code {code})", code)


def by_name(outcomes: Mapping[str, PodOutcome], default: Player = succeed) -> Player:
    """Scripted outcomes by node name, the rest by `default`."""
    return lambda request: outcomes.get(request.node_name) or default(request)


@dataclass
class Play:
    """Drives a controller to the end. `reload` throws it away after every reconcile and starts from JSON."""

    workflow: Json
    player: Player = succeed
    objects: Objects = field(default_factory=Objects)
    reload: bool = False
    batch: int = 1_000_000
    running_first: bool = False
    parallelism: int | None = None
    now: datetime = START
    launched: list[PodRequest] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    most_active: int = 0
    turns: int = 0

    def __post_init__(self) -> None:
        self.controller = self._controller()
        self.pending: list[PodRequest] = []
        self.announced: set[str] = set()

    def _controller(self) -> Controller:
        return Controller(self.workflow, self.objects, parallelism=self.parallelism)

    @property
    def nodes(self) -> dict[str, Json]:
        return {node["name"]: node for node in self.workflow["status"]["nodes"].values()}

    @property
    def phase(self) -> str:
        return str(self.workflow["status"].get("phase", ""))

    def operate(self, outcomes: Mapping[str, PodOutcome]) -> Decisions:
        if self.reload:
            self.workflow = json.loads(json.dumps(self.workflow))
            self.controller = self._controller()
        decisions = self.controller.operate(outcomes, self.now)
        self.turns += 1
        self.launched += decisions.launch
        self.pending += decisions.launch
        self.killed += decisions.kill
        self.pending = [request for request in self.pending if request.node_id not in decisions.kill]
        self.most_active = max(self.most_active, len(self.pending))
        return decisions

    def run(self, turns: int = 100_000) -> Json:
        """To the end, or until nothing can go on; the workflow."""
        decisions = self.operate({})
        for _ in range(turns):
            if self.phase in _COMPLETED:
                break
            if not self.pending:
                if decisions.wake_at is None:
                    break
                self.now = max(self.now, decisions.wake_at)
                decisions = self.operate({})
                continue
            self.now += timedelta(seconds=1)
            decisions = self.operate(self._outcomes())
        return self.workflow

    def _outcomes(self) -> dict[str, PodOutcome]:
        now, self.pending = self.pending[: self.batch], self.pending[self.batch :]
        fresh = [request for request in now if request.node_id not in self.announced]
        if self.running_first and fresh:
            self.announced.update(request.node_id for request in fresh)
            self.pending = now + self.pending
            return {request.node_id: PodOutcome("Running") for request in fresh}
        return {request.node_id: self.player(request) for request in now}


class Programs:
    """Runs what the examples run, with the paths of a pod moved into a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tools = root / "bin"
        self.tools.mkdir(parents=True)
        quick = self.tools / "sleep"
        quick.write_text("#!/bin/sh\nexit 0\n")
        quick.chmod(0o755)
        (self.tools / "python").symlink_to(sys.executable)
        (self.tools / "python3").symlink_to(sys.executable)
        say = self.tools / "cowsay"
        say.write_text('#!/bin/sh\necho "$@"\n')
        say.chmod(0o755)
        if bash := shutil.which("bash"):
            (self.tools / "bash").symlink_to(bash)

    def __call__(self, request: PodRequest) -> PodOutcome:
        template = request.template
        if template.get("containerSet"):
            return self._set(request)
        place = self._place(request)
        body = template.get("container") or template.get("script") or {}
        if _outlasts(request, body):
            return PodOutcome("Failed", request.deadline_message, 143)
        status, out = self._execute(request, body, place)
        return self._outcome(request, place, status, out)

    def _set(self, request: PodRequest) -> PodOutcome:
        place, done, result = self._place(request), dict[str, Json](), ""
        for body in request.template["containerSet"]["containers"]:
            status, out = self._execute(request, body, place)
            done[body["name"]] = {"phase": "Failed" if status else "Succeeded", "exitCode": status, "message": ""}
            if body["name"] == "main":
                result = out
        code = max(entry["exitCode"] for entry in done.values())
        outcome = self._outcome(request, place, code, result)
        return PodOutcome(outcome.phase, outcome.message, code, outcome.outputs, containers=done)

    def _place(self, request: PodRequest) -> Path:
        place = self.root / request.node_id
        place.mkdir()
        for artifact in (request.template.get("inputs") or {}).get("artifacts") or ():
            if not artifact.get("path"):
                continue
            target = self._moved(place, artifact["path"])
            target.parent.mkdir(parents=True, exist_ok=True)
            if "raw" in artifact:
                target.write_text(artifact["raw"]["data"])
            elif "s3" in artifact:
                stored = self._stored(artifact)
                if stored.is_dir():
                    shutil.copytree(stored, target)
                elif stored.exists():
                    shutil.copy(stored, target)
        return place

    def _stored(self, artifact: Json) -> Path:
        return self.root / "store" / str(artifact["s3"]["key"]).lstrip("/")

    @staticmethod
    def _moved(place: Path, path: str) -> Path:
        return place / path.lstrip("/")

    def _execute(self, request: PodRequest, body: Json, place: Path) -> tuple[int, str]:
        for folder in ("tmp", "mnt", "out", "in", "workspace", "work", "must-exist", "etc"):
            (place / folder).mkdir(exist_ok=True)
        for side in (request.template.get("inputs") or {}, request.template.get("outputs") or {}):
            for artifact in side.get("artifacts") or ():
                if artifact.get("path"):
                    self._moved(place, artifact["path"]).parent.mkdir(parents=True, exist_ok=True)
        command = [_relocate(part, place) for part in [*(body.get("command") or ()), *(body.get("args") or ())]]
        if "source" in body:
            source = place / "source"
            source.write_text(_relocate(body["source"], place))
            command.append(str(source))
        if "argosay" in body.get("image", "") and not body.get("command"):
            return _argosay(command)
        env = {**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}"}
        env.update({entry["name"]: str(entry.get("value", "")) for entry in body.get("env") or ()})
        env.update(self._env_from(body))
        done = subprocess.run(command, env=env, cwd=place, capture_output=True, text=True, timeout=HANG, check=False)
        return done.returncode, done.stdout.rstrip("\n")

    def _env_from(self, body: Json) -> dict[str, str]:
        found: dict[str, str] = {}
        for source in body.get("envFrom") or ():
            found.update(self.config_maps[source["configMapRef"]["name"]]["data"])
        return found

    config_maps: Mapping[str, Json] = {}

    def _outcome(self, request: PodRequest, place: Path, status: int, out: str) -> PodOutcome:
        declared = request.template.get("outputs") or {}
        outputs: Json = {"result": out}
        for parameter in declared.get("parameters") or ():
            path = self._moved(place, parameter["valueFrom"]["path"])
            if path.exists():
                outputs.setdefault("parameters", []).append(
                    {"name": parameter["name"], "value": path.read_text().removesuffix("\n")}
                )
        for artifact in declared.get("artifacts") or ():
            path = self._moved(place, artifact["path"])
            if not path.exists():
                continue
            stored = self._stored(artifact)
            stored.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copy)(path, stored)
            outputs.setdefault("artifacts", []).append(artifact)
        if status:
            return PodOutcome("Failed", f"main: Error (exit code {status})", status, outputs)
        return PodOutcome("Succeeded", exit_code=0, outputs=outputs)


def _outlasts(request: PodRequest, body: Json) -> bool:
    seconds = [float(found) for found in re.findall(r"sleep (\d+)", json.dumps(body))]
    limits = [request.deadline] if request.deadline is not None else []
    if request.active_seconds is not None:
        limits.append(START.timestamp() + request.active_seconds)
    return bool(seconds and limits) and START.timestamp() + 3 + max(seconds) > min(limits)


def _relocate(text: str, place: Path) -> str:
    return re.sub(
        r"(?<![\w./-])/(tmp|mnt|out|in|output|workspace|work|must-exist)(?=[/\s\"'`);]|$)", rf"{place}/\1", text
    )


def _argosay(arguments: list[str]) -> tuple[int, str]:
    match arguments:
        case ["echo", text]:
            return 0, text
        case ["echo", text, path]:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text + "\n")
            return 0, ""
        case ["cat", *paths]:
            return 0, "".join(Path(path).read_text() for path in paths)
        case ["exit", code]:
            return int(code), ""
        case ["sleep", _] | []:
            return 0, "hello argo"
    return 64, ""


def normalised(workflow: Json) -> Json:
    """The workflow's outcome in the shape of the recorded ones: nodes by name, ids as names, `$WF` for the name."""
    name = workflow["metadata"]["name"]
    status = workflow["status"]
    table = status["nodes"]

    def plain(text: str) -> str:
        return re.sub(r"\$WF(?:-[\w-]+)?-\d{6,}", "$WF-<id>", text.replace(name, "$WF"))

    nodes = {}
    for node in table.values():
        row: Json = {"phase": node["phase"], "type": node["type"]}
        if node.get("templateName"):
            row["template"] = node["templateName"]
        if children := node.get("children"):
            row["children"] = sorted(plain(table[child]["name"]) for child in children)
        if inputs := {entry["name"]: plain(entry["value"])
                      for entry in (node.get("inputs") or {}).get("parameters") or ()}:  # fmt: skip
            row["inputs"] = inputs
        if outputs := _outputs(node.get("outputs") or {}, plain):
            row["outputs"] = outputs
        nodes[plain(node["name"])] = row
    return {"phase": status["phase"], "message": plain(status.get("message", "")), "nodes": nodes}


def _outputs(outputs: Json, plain: Callable[[str], str]) -> Json:
    row: Json = {}
    if parameters := {entry["name"]: plain(entry["value"])
                      for entry in outputs.get("parameters") or () if "value" in entry}:  # fmt: skip
        row["parameters"] = parameters
    if artifacts := [entry["name"] for entry in outputs.get("artifacts") or ()]:
        row["artifacts"] = artifacts
    for field_ in ("result", "exitCode"):
        if field_ in outputs:
            row[field_] = plain(outputs[field_])
    return row
