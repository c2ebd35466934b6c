"""Assets with `remote`, as the container that they come to: one that starts a job on a Task Runner and follows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from compiler.load.mapped import mapped
from compiler.models.base import REFERENCE
from compiler.program import Definition, Origin

if TYPE_CHECKING:
    from compiler.models import ComputeAsset, Remote
    from compiler.source import Path as Place

_TOKEN: Final = "/var/run/task-runner"  # noqa: S105  (a folder)
_RESULT: Final = "/tmp/task-runner/job.json"  # noqa: S108  (in the pod)
_FIELDS: Final = (
    # Field of the definition, and of the job (the Task Runner's API).
    ("name", "job_name"), ("image", "imageUri"), ("engine", "engine"), ("target", "url"),
    ("scale_tier", "scaleTier"), ("master_type", "masterType"),
)  # fmt: skip


def as_container(asset: Definition[ComputeAsset]) -> Definition[ComputeAsset]:
    """The asset with the container in place of `remote`. Its one output, `job`, is what the Task Runner says last."""
    from compiler.models.parts import Output

    model, remote = asset.model, asset.model.remote
    assert remote is not None
    words = [*_words(model, remote)]
    variables = _variables(remote)
    update: dict[str, Any] = {
        "remote": None,
        "image": remote.client,
        "command": ("python3", "-c", program()),
        "args": tuple(text for text, _ in words),
        "env": {name: text for name, (text, _) in variables.items()},
        "outputs": {"job": Output(kind="value", path=_RESULT, type="json")},
        "volumes": _volumes(remote),
    }
    model = model.model_copy(update=update)
    model.__pydantic_fields_set__.discard("remote")
    return Definition(model, _origin(asset.origin, words, variables))


@cache
def program() -> str:
    """The text of the program that runs in the pod."""
    text = Path(__file__).parent.parent.joinpath("pod_programs", "task_runner.py").read_text(encoding="utf-8")
    assert REFERENCE not in text
    return text


def _words(model: ComputeAsset, remote: Remote) -> Iterator[tuple[str, Place]]:
    """The job as the program's arguments, each with its place below `remote`."""
    fields = remote.model_fields_set
    if remote.job is not None:
        text = remote.job if isinstance(remote.job, str) else json.dumps(remote.job, ensure_ascii=False, sort_keys=True)
        yield f"={text}", ("job",)
    elif "name" not in fields:
        yield f"job_name={model.name}", ()
    for own, theirs in _FIELDS:
        text = getattr(remote, own)
        if text is not None:
            yield f"{theirs}={text}", (type(remote).model_fields[own].alias or own,)
    if isinstance(remote.args, dict):
        yield from ((f"args.{name}={text}", ("args", name)) for name, text in remote.args.items())
    else:
        yield from ((f"args[]={text}", ("args", index)) for index, text in enumerate(remote.args))
    yield from ((f"labels.{name}={text}", ("labels", name)) for name, text in sorted(remote.labels.items()))


def _variables(remote: Remote) -> dict[str, tuple[str, Place]]:
    found: dict[str, tuple[str, Place]] = {
        "TASK_RUNNER_URL": (remote.url, ("url",)),
        "TASK_RUNNER_INTERVAL": (str(remote.interval), ("interval",)),
        "TASK_RUNNER_PATIENCE": (str(remote.patience), ("patience",)),
        "TASK_RUNNER_RUN": ("${{ run.uid }}", ()),
        "TASK_RUNNER_RESULT": ("${{ outputs.job.path }}", ()),
    }
    if remote.token is not None:
        key = remote.token.secret.partition("/")[2]
        found["TASK_RUNNER_TOKEN_FILE"] = (f"{_TOKEN}/{key}", ("token",))
    if remote.google_audience:
        found["TASK_RUNNER_AUDIENCE"] = (remote.google_audience, ("googleAudience",))
    return found


def _volumes(remote: Remote) -> dict[str, Any]:
    from compiler.models.hardware import Volume

    if remote.token is None:
        return {}
    name = remote.token.secret.partition("/")[0]
    return {"token": Volume(path=_TOKEN, secret=name, optional=remote.token.optional)}


def _origin(origin: Origin, words: list[tuple[str, Place]], variables: dict[str, tuple[str, Place]]) -> Origin:
    own = origin.path
    places: dict[Place, Place] = {(*own, "args", i): (*own, "remote", *at) for i, (_, at) in enumerate(words)}
    places |= {(*own, "env", name): (*own, "remote", *at) for name, (_, at) in variables.items()}
    places |= {(*own, "image"): (*own, "remote", "client"), (*own, "volumes"): (*own, "remote", "token")}
    return Origin(mapped(origin.source, places), own)
