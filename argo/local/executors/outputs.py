"""From a pod's exit record to its outcome: outputs stored, phase and message as Argo gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from argo.errors import ArgosyError, StoreError
from argo.files import archives
from argo.files.beneath import Node
from argo.files.shortage import shortage
from argo.local.executors.errors import PodError
from argo.local.executors.folder import PodFolder
from argo.local.executors.inputs import Locate
from argo.local.executors.shim.record import EXIT, Record
from argo.local.pods import ACTIVE_MESSAGE, ContainerState, PodOutcome, PodPhase, PodRequest
from argo.local.resources import disk
from argo.storage import Store
from argo.storage.errors import passing
from argo.workflow.values import text
from compiler.manifest_types import Artifact, Outputs, Parameter

_PROGRESS = 4096  # of the file's end: more is no line of it
# What an exit record has, its outputs, and each of its containers.
_RECORD = frozenset({"containers", "finishedAt", "late", "error", "result", "outputs"})
_FOUND = frozenset({"parameters", "artifacts", "errors"})
_CONTAINER = frozenset({"role", "exitCode", "message", "broken", "startedAt", "finishedAt"})
# What Argo's wait container says and exits with.
_NOT_SAVED = "wait: Error (exit code 64): "
# The kubelet's words when it evicts a pod; in bytes, as the limit is known here.
_FULL = "Pod ephemeral local storage usage exceeds the total limit of containers {}. "
# By role the exit codes that are no failure, of a sidecar also those of one that was made to end, in the order in which
# Argo looks for failures: workflow/controller/operator.go, inferFailedReason.
_ENDED_WELL = {"init": (0,), "main": (0,), "sidecar": (0, 137, 143)}


def conclude(request: PodRequest, folder: PodFolder, locate: Locate, *, last: bool = True) -> PodOutcome:
    """The outcome of a pod that has an exit record. Stores its outputs: again and again with the same effect.

    Raises what this machine lacks for it (`argo.files.shortage`), and Unreachable unless this is the `last` attempt.
    """
    record = folder.read(EXIT)
    if not sound(record):
        message = f"how it ended is not known: its record is damaged: {folder.path / EXIT}"
        return PodOutcome("Error", message, finished_at=datetime.now(UTC))
    problems = Problems(last=last)
    outputs = _outputs(request, record, folder, locate, problems)
    phase, message = _phase(request, record)
    if phase == "Succeeded" and problems:
        phase, message = "Error", _NOT_SAVED + "; ".join(problems)
    main = _main(record)
    return PodOutcome(
        phase=phase,
        message=message,
        exit_code=main["exitCode"] if main and main["startedAt"] else None,
        outputs=outputs,
        started_at=_started(record),
        finished_at=_time(record["finishedAt"]),
        progress=progress(folder),
        containers={name: _container(item) for name, item in record["containers"].items() if item["role"] == "main"},
    )


def sound(record: Any) -> bool:
    """True where an exit record is whole, as every one that a supervisor wrote."""
    if not isinstance(record, dict) or not record.keys() >= _RECORD or not isinstance(record["containers"], dict):
        return False
    found = record["outputs"]
    return (found is None or (isinstance(found, dict) and found.keys() >= _FOUND)) and all(
        isinstance(item, dict) and item.keys() >= _CONTAINER for item in record["containers"].values()
    )


def progress(folder: PodFolder) -> str | None:
    """The last line that the program wrote to ARGO_PROGRESS_FILE, when it is `n/m`."""
    try:
        with Node.at(str(folder.root)) as root, root.below(("argo", "progress")) as file:
            lines = file.end(_PROGRESS).decode(errors="replace").split()
    except OSError:
        return None
    done, slash, total = (lines[-1] if lines else "").partition("/")
    valid = slash and done.isdecimal() and total.isdecimal() and int(total) > 0 and int(done) <= int(total)
    return f"{int(done)}/{int(total)}" if valid else None


def to_json(outcome: PodOutcome) -> Record:
    """An outcome as JSON."""
    value = asdict(outcome)
    for name in ("started_at", "finished_at"):
        value[name] = value[name] and value[name].isoformat()
    return value


def from_json(value: Any) -> PodOutcome | None:
    """The outcome that `to_json` gave; None for what is none."""
    try:
        times = {name: _time(value[name]) for name in ("started_at", "finished_at")}
        return PodOutcome(**{**value, **times})
    except (KeyError, TypeError, ValueError):
        return None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _started(record: Record) -> datetime | None:
    return _time(min((item["startedAt"] for item in record["containers"].values() if item["startedAt"]), default=""))


def _main(record: Record) -> Record | None:
    containers: dict[str, Record] = record["containers"]
    if "main" in containers:
        return containers["main"]
    return next((item for item in containers.values() if item["role"] == "main"), None)


def _phase(request: PodRequest, record: Record) -> tuple[PodPhase, str]:
    """Which container's failure is the pod's, in Argo's order: init, main, sidecars."""
    if record.get("full"):
        return "Failed", _FULL.format(disk(request.template))
    if record["late"]:
        return "Failed", _late_message(request, record)
    if record["error"]:
        return "Error", record["error"]
    for role, well in _ENDED_WELL.items():
        of_role = [(name, item) for name, item in record["containers"].items() if item["role"] == role]
        failed = [(name, item) for name, item in of_role if item["startedAt"] and item["exitCode"] not in well]
        if failed:
            return "Failed", f"{failed[0][0]}: {_exit_text(failed[0][1])}"
    if not all(item["startedAt"] for item in record["containers"].values()):
        return "Failed", "pod was stopped before its containers started"
    return "Succeeded", ""


def deadline(request: PodRequest, started: float) -> float | None:
    """When a pod that starts then must end, in seconds since the epoch."""
    own = None if request.active_seconds is None else started + request.active_seconds
    return min((moment for moment in (own, request.deadline) if moment is not None), default=None)


def _late_message(request: PodRequest, record: Record) -> str:
    started = _started(record)
    own = started is not None and deadline(request, started.timestamp()) != request.deadline
    return ACTIVE_MESSAGE if own else request.deadline_message


def _exit_text(item: Record) -> str:
    text = f"Error (exit code {item['exitCode']})"
    message = item["message"] or (f"its log is not whole: {item['logCut']}" if item.get("logCut") else "")
    return f"{text}: {message}" if message else text


def _container(item: Record) -> ContainerState:
    code = item["exitCode"]
    failed: PodPhase = "Error" if item["broken"] else "Failed"
    phase: PodPhase = "Succeeded" if code == 0 else "Pending" if code is None else failed
    return {
        "phase": phase,
        "exitCode": code,
        "message": "" if code in (0, None) else _exit_text(item),
        "startedAt": item["startedAt"],
        "finishedAt": item["finishedAt"],
    }


class Problems(list[str]):
    """A list of the errors met in keeping outputs."""

    def __init__(self, *, last: bool) -> None:
        super().__init__()
        self._last = last

    def met(self, what: str, error: ArgosyError | OSError) -> None:
        """Add an error, or raise it where another attempt may do better."""
        if shortage(error) or (passing(error) and not self._last):
            raise error
        self.append(f"{what}: {error.message if isinstance(error, ArgosyError) else error.strerror}")


def _outputs(request: PodRequest, record: Record, folder: PodFolder, locate: Locate, problems: Problems) -> Outputs:
    outputs: Outputs = {}
    declared = request.template.get("outputs") or {}
    found = record["outputs"]
    if found is not None:
        problems += found["errors"]
        parameters = [_parameter(item, found["parameters"], problems) for item in declared.get("parameters") or ()]
        if parameters:
            outputs["parameters"] = parameters
        artifacts = [
            artifact
            for artifact in declared.get("artifacts") or ()
            if _store_artifact(artifact, found["artifacts"], folder, locate, problems)
        ]
        artifacts += _store_logs(request, record, folder, locate, problems)
        if artifacts:
            outputs["artifacts"] = artifacts
        outputs["result"] = record["result"]
    main = _main(record)
    if main and main["startedAt"] and main["exitCode"] is not None:
        outputs["exitCode"] = str(main["exitCode"])
    return outputs


def _parameter(item: Parameter, values: Mapping[str, str | None], problems: list[str]) -> Parameter:
    source = item.get("valueFrom") or {}
    if not source.get("path"):
        return item
    value = values.get(item["name"])
    if item["name"] not in values:  # what is there is refused, and said to be
        return item
    if value is None:
        if source.get("default") is None:
            problems.append(f"output parameter '{item['name']}': {source['path']}: no such file or directory")
            return item
        value = text(source["default"])
    return {**item, "value": value}


def _store_artifact(
    artifact: Artifact, places: Mapping[str, str | None], folder: PodFolder, locate: Locate, problems: Problems
) -> bool:
    """Store one artifact; whether it is stored."""
    if not artifact.get("path"):
        return False
    place = places.get(artifact["name"])
    try:
        if place is None:
            if artifact["name"] in places and not artifact.get("optional"):
                problems.append(f"output artifact '{artifact['name']}': {artifact['path']} no such file or directory")
            return False
        location = artifact.get("s3")
        if not location or not location.get("key"):
            raise PodError("it has no S3 key to be stored at")
        with folder.hold(place) as node:
            _put(artifact, node, locate(location), location["key"].strip("/"), folder)
    except (StoreError, PodError, OSError) as error:
        problems.met(f"output artifact '{artifact['name']}'", error)
        return False
    return True


def _put(artifact: Artifact, node: Node, store: Store, key: str, folder: PodFolder) -> None:
    node.usable()
    archive = artifact.get("archive") or {}
    packed = folder.path / "packed"
    packed.unlink(missing_ok=True)
    if archive.get("none") is not None:
        for inner, file in archives.files(node):
            path = Path(file.lend(str(packed)))
            store.put_file(f"{key}/{inner}" if inner else key, path, give=True)
            packed.unlink(missing_ok=True)
        return
    name = Path(artifact["path"]).name  # as declared, wherever the content lies
    if archive.get("zip") is not None:
        archives.pack_zip(node, packed, name)
    else:
        level = (archive.get("tar") or {}).get("compressionLevel")
        archives.pack_tar(node, packed, name, 6 if level is None or level < 0 else level)
    store.put_file(key, packed, give=True)
    packed.unlink()


def _store_logs(
    request: PodRequest, record: Record, folder: PodFolder, locate: Locate, problems: Problems
) -> list[Artifact]:
    """The logs as artifacts `<container>-logs`, where the template's archiveLocation asks for it."""
    archive = request.template.get("archiveLocation") or {}
    location = archive.get("s3") or {}
    if not archive.get("archiveLogs") or not location.get("key"):
        return []
    stored: list[Artifact] = []
    for name, item in record["containers"].items():
        if item["role"] != "main" or not item["startedAt"]:
            continue
        key = f"{location['key'].strip('/')}/{name}.log"
        plain = folder.path / "staging" / f"{name}.log"
        plain.parent.mkdir(parents=True, exist_ok=True)
        try:
            with plain.open("wb") as file:
                file.writelines(printed(folder.path / f"{name}.log"))
            locate(location).put_file(key, plain, give=True)
        except StoreError as error:
            problems.met(f"logs of {name}", error)
            continue
        stored.append({"name": f"{name}-logs", "s3": {**location, "key": key}})
    return stored


def printed(log: Path) -> Iterator[bytes]:
    """The lines in a log as the container wrote them. A log that is not there is empty."""
    with suppress(FileNotFoundError), log.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                _, _, kind, text = [*line.split(b" ", 3), b"", b"", b""][:4]  # of a line cut short, what there is
                yield text if kind == b"F" else text[:-1]
