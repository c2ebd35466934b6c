"""The routes of imla-k8s-api: jobs by job-configs and dotenv files, their states, the files that they leave.

A job-config is run by one extended asset of the service, within its bounds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from argo.errors import UsageError
from argo.files.archives import Member, tar_members, told
from argo.serve.refusal import Refusal
from argo.serve.workflow_api.receive import described, received_form, streamed
from argo.serve.workflow_api.results import attachment
from argo.serve.workflow_api.runs import ACTIVE

if TYPE_CHECKING:
    from argo.serve.workflow_api.consumers import Consumer
    from argo.serve.workflow_api.core import Service
    from argo.serve.workflow_api.database import Row
    from argo.serve.workflow_api.inputs import ReceivedFile
    from argo.serve.workflow_api.results import Download
    from argo.serve.workflow_api.settings import Limits
    from compiler.extend import Extension

_LIMIT: Final = 64 << 10  # bytes of a job-config
_PIECE: Final = 256 << 10
_CONTAINER: Final = "dummy-job"  # the name under which imla's clients look for the job's container
_PHASES: Final = {"pending": "Pending", "running": "Running", "succeeded": "Succeeded"}


def router(service: Service) -> APIRouter:
    """The routes. Raises NotFoundError, UsageError for an asset that cannot run job-configs."""
    routes, jobs = APIRouter(tags=["imla-k8s-api"]), _Jobs(service)
    for method, path, call, summary, field in (
        ("POST", "/job/deploy/", jobs.deploy, "Start a job by its job-config", "config_data"),
        ("GET", "/job/{run}", jobs.get, "A job's state", ""),
        ("DELETE", "/job/{run}", jobs.delete, "Stop a job, and remove it with its results", ""),
        ("POST", "/job/{run}/result/store/", jobs.store, "Whether a job's results are stored", ""),
        ("GET", "/job/{run}/result/list", jobs.files, "The files that a job left", ""),
        ("GET", "/job/{run}/result", jobs.file, "One of them", ""),
        ("POST", "/resource/env/", jobs.put, "Upload a dotenv file for jobs", "env_file"),
        ("DELETE", "/resource/env/{upload}", jobs.forget, "Forget it", ""),
    ):
        extra = described(field) if field else None
        routes.add_api_route(path, call, methods=[method], summary=summary, openapi_extra=extra)
    return routes


class _Jobs:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._name = service.settings.job_configs
        model = self._offered.model
        if model.mode != "extended" or not self._variables:
            message = f"the asset {self._name} cannot run job-configs"
            raise UsageError(message, hint="it needs mode: extended, and an input of kind env")
        self._offered.given_out()

    @property
    def _offered(self) -> Any:
        return self._service.catalog.get(self._name)

    @property
    def _variables(self) -> str:
        """The input that takes dotenv files."""
        return next((name for name, given in self._offered.model.inputs.items() if given.kind == "env"), "")

    async def deploy(self, request: Request, config_map_ref: str = "") -> Any:
        consumer = self._service.allowed(request, "runs").consumer
        async with received_form(request, "config_data", _LIMIT) as given:
            run = await run_in_threadpool(self._deploy, consumer, given, [*filter(None, config_map_ref.split(","))])
        return {"status": "job deployed", "job_uuid": run}

    def _deploy(self, consumer: Consumer, given: ReceivedFile, refs: list[str]) -> str:
        service, offered = self._service, self._service.catalog.usable(self._offered)
        service.require_possible(offered)
        extension = _extension(given.path.read_bytes(), offered.model.outputs[offered.given_out()].path)
        merged = self._merged(consumer, refs) if len(refs) > 1 else ""
        uploads = {self._variables: merged or refs[0]} if refs else {}
        try:
            row = service.runs.start(
                consumer, offered, uploads=uploads, extension=extension, origin="imla", current=False
            )
        finally:
            if merged:
                service.inputs.drop(consumer, merged)
        return str(row["id"])

    def _merged(self, consumer: Consumer, refs: list[str]) -> str:
        """Several dotenv files as one, the last one of a variable counts; the id of that."""
        from argo.serve.workflow_api.inputs import spooled
        from compiler.load.dotenv import parse, written

        values: dict[str, str] = {}
        for ref in refs:
            row = self._service.inputs.get(consumer, ref)
            if row is None:
                raise Refusal(422, "invalid", f"{self._variables}: you have no such input")
            values |= parse(ref, self._service.inputs.content(row))[0]
        with spooled(written(values).encode(), "merged.env") as given:
            kept = self._service.inputs.keep(consumer, self._offered, self._variables, given, current=False)
        return str(kept["id"])

    def get(self, run: str, request: Request) -> Any:
        return state(self._service.run(request, run, "runs"))

    def delete(self, run: str, request: Request) -> Any:
        row = self._service.run(request, run, "runs")
        self._service.runs.discard(row["id"])
        return {"status": "Success", "details": {"name": row["id"], "kind": "jobs"}}

    def store(self, run: str, request: Request) -> Any:
        self._ended(self._service.run(request, run, "outputs"))
        return {}

    def files(self, run: str, request: Request) -> Any:
        found = self._result(run, request)
        if found.packed != "tar":
            return [found.filename]
        limits = self._service.settings.limits
        with _opened(found) as archive:
            return [_inside(member) for member in _files(archive, limits)]

    def file(self, run: str, file: str, request: Request) -> Response:
        found = self._result(run, request)
        if found.packed != "tar":
            if file != found.filename:
                raise Refusal(404, "not-found", "the job left no such file")
            size, pieces = found.info.size, found.pieces(found.part(None))
        else:
            pieces = _content(found, file, self._service.settings.limits)
            size = int(next(pieces))
        headers = {"Content-Disposition": attachment(file.rpartition("/")[2]), "Content-Length": str(size)}
        return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)

    def _result(self, run: str, request: Request) -> Download:
        row = self._ended(self._service.run(request, run, "outputs"))
        return self._service.results.download(row, self._service.catalog.get(row["asset"]).given_out())

    def _ended(self, row: Row) -> Row:
        if row["state"] in ACTIVE:
            raise Refusal(409, "conflict", "the job has not ended", hint="its results are stored when it has")
        if row["state"] != "succeeded":
            raise Refusal(409, "conflict", f"the job has {row['state']}: {row['message']}")
        return row

    async def put(self, request: Request) -> Any:
        service = self._service
        consumer = service.allowed(request, "inputs").consumer
        offered = await run_in_threadpool(lambda: self._offered)
        async with received_form(request, "env_file", service.inputs.largest("env")) as given:
            kept = await streamed(
                consumer, lambda: service.inputs.keep(consumer, offered, self._variables, given, current=False)
            )
        return {"filename": kept["filename"], "resource_id": kept["id"]}

    def forget(self, upload: str, request: Request) -> Any:
        if not self._service.inputs.drop(self._service.allowed(request, "inputs").consumer, upload):
            raise Refusal(404, "not-found", "there is no such resource")
        return {}


def _extension(data: bytes, folder: str) -> Extension:
    """Read a job-config as an extension of an asset whose results lie in `folder`. Raises Refusal for mistakes."""
    from compiler.extend import Extension
    from compiler.load.foreign.imla import translate
    from compiler.load.reader import decode

    source, found = decode("job-config", data, None)
    translation = None
    if not found:
        translation, _, found = translate(source)
    wrong = next((item for item in found if item.severity == "error"), None)
    if translation is None or wrong is not None:
        line = f"line {wrong.span.line}: " if wrong is not None and wrong.span else ""
        raise Refusal(422, "invalid", f"the job-config is refused: {line}{wrong.message if wrong else ''}")
    asked = translation.data
    wanted = asked["outputs"]["result"]["path"].rstrip("/")
    gpus = 1 if asked.get("resources") else 0
    return Extension(image=asked["image"], gpu=gpus, results="" if wanted == folder.rstrip("/") else wanted)


def state(row: Mapping[str, Any]) -> dict[str, Any]:
    """A job as imla's clients read it: they wait until the container is `terminated`."""
    pod = json.loads(row["worker"]).get("pod")
    ended = row["state"] not in ACTIVE
    states: dict[str, Any] = dict.fromkeys(("running", "terminated", "waiting"))
    if ended:
        states["terminated"] = {
            "exit_code": _code(row, pod), "reason": "Completed" if row["state"] == "succeeded" else "Error",
            "message": row["message"] or None, "started_at": _time(row["started_at"]),
            "finished_at": _time(row["finished_at"]),
        }  # fmt: skip
    elif pod is not None and pod["state"] == "waiting":
        states["waiting"] = {"reason": "ContainerCreating", "message": pod["details"]}
    elif pod is not None:
        states["running"] = {"started_at": _time(row["started_at"])}
    return {
        "pod_name": row["name"] or row["id"],
        "pod.status.phase": _PHASES.get(row["state"], "Failed"),
        "container_states": {_CONTAINER: states} if ended or pod is not None else None,
    }


def _code(row: Mapping[str, Any], pod: Mapping[str, Any] | None) -> int:
    code = str((pod or {}).get("exitCode") or "")
    return int(code) if code.isdigit() else 0 if row["state"] == "succeeded" else 1


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


@contextmanager
def _opened(found: Download) -> Iterator[Iterator[Member]]:
    with found.store.open(found.info.key) as source, told():
        yield tar_members(source)


def _files(archive: Iterator[Member], limits: Limits) -> Iterator[Member]:
    """The files in a stored folder, one after the other as they come, within what an archive may hold: whoever made it
    is not to keep the service busy. Raises Refusal."""
    size = 0
    for number, member in enumerate(archive, 1):
        size += member.size
        if size > limits.unpacked or number > limits.files:
            raise Refusal(413, "too-large", "the job left too much to look into", hint="/v1 gives it as a whole")
        if member.kind == "file":
            yield member


def _inside(member: Member) -> str:
    """A file's name below the folder that was stored, which is the one at the top."""
    return member.name.removeprefix("./").partition("/")[2] or member.name


def _content(found: Download, wanted: str, limits: Limits) -> Iterator[Any]:
    """A file out of a stored folder: first its size in bytes, then its content. Raises Refusal."""
    with _opened(found) as archive:
        member = next((item for item in _files(archive, limits) if _inside(item) == wanted), None)
        if member is None or member.content is None:
            raise Refusal(404, "not-found", "the job left no such file")
        yield member.size
        while piece := member.content.read(_PIECE):
            yield piece
