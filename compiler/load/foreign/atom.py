"""DAGs of Atom Workflows (`steps` with `id`, `dependsOn` and a `task` for a Task Runner) as DAGs.

Each step becomes a task that runs the asset `task-runner`. A step without `task` only joins others: who depends on it
depends on what it depends on.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from compiler.diagnostics import Diagnostic, Related, diagnostic, did_you_mean
from compiler.load.foreign.base import Foreign, Slugs, Translation, known_fields, slug
from compiler.load.validate import Mistake, validate
from compiler.models.base import EMPTY, Shape, Text
from compiler.models.offer import ARGUMENTS_SCHEMA, arguments

if TYPE_CHECKING:
    from compiler.program import Origin
    from compiler.source import Path

PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "tr-url": {"type": "string", "description": "URL of the Task Runner"},
    "tr-interval": {
        "type": "int", "default": 10, "minimum": 1, "maximum": 3600, "description": "Seconds between two looks",
    },
    "tr-audience": {"type": "string", "default": "", "description": "Of a Google ID token, without a Secret"},
}  # fmt: skip
_WITH: Final = {"url": "tr-url", "interval": "tr-interval", "audience": "tr-audience"}


class Task(Foreign):
    """A task that a Task Runner is to run."""

    name: Text | None = None
    image_uri: Text | None = None
    args: Annotated[tuple[str, ...] | dict[str, str], Shape(arguments, ARGUMENTS_SCHEMA)] = ()
    engine: Text | None = None
    url: Text | None = None
    scale_tier: Text | None = None
    master_type: Text | None = None
    labels: dict[str, Text] = EMPTY


class Step(Foreign):
    """A node of the DAG."""

    id: Text
    description: str | None = None
    depends_on: tuple[Text, ...] = ()
    task: Task | None = None


class Flow(Foreign):
    """The whole file."""

    name: Annotated[str | None, Field(description="Default: that of the file.")] = None
    steps: tuple[Step, ...]


def translate(data: dict[str, Any], origin: Origin) -> tuple[Translation | None, list[Diagnostic]]:
    """The DAG, or what is wrong with it."""
    found: list[Diagnostic] = []
    given = known_fields(Flow, data, origin, found)
    given["steps"] = [_step(step, origin.at("steps", index), found) for index, step in enumerate(data["steps"])]
    validated = validate(Flow, given, origin, _rules)
    found += validated.diagnostics
    if validated.value is None:
        return None, found
    return _dag(validated.value, origin, found), found


def _step(step: dict[str, Any], origin: Origin, found: list[Diagnostic]) -> dict[str, Any]:
    given = known_fields(Step, step, origin, found)
    if isinstance(given.get("task"), dict):
        given["task"] = known_fields(Task, given["task"], origin.at("task"), found)
    return given


def _rules(flow: Flow) -> Iterator[Mistake]:
    for index, step in enumerate(flow.steps):
        if step.task and not (step.task.image_uri or step.task.url):
            message = "a task needs 'imageUri' or, of an engine, 'url'"
            yield Mistake(("steps", index, "task"), "A127", message, key=True)


def _dag(flow: Flow, origin: Origin, found: list[Diagnostic]) -> Translation:
    own = origin.path
    file = os.path.splitext(os.path.basename(origin.source.name))[0]  # noqa: PTH119, PTH122
    slugs = Slugs()
    steps = _by_id(flow, origin, found)
    _check_order(steps, origin, found)
    tasks: dict[str, Any] = {}
    places: dict[Path, Path] = {(*own, "tasks"): (*own, "steps")}
    for index, step in steps.values():
        if step.task is None:
            continue
        name = slugs.name(step.id)
        given = {ours: f"${{{{ params.{theirs} }}}}" for ours, theirs in _WITH.items()}
        task = {
            "asset": "task-runner",
            "description": step.description,
            "needs": [slugs.name(other) for other in _needed(step, steps)],
            "with": {**given, "job": _job(step, step.task, file.lower())},
        }
        tasks[name] = {field: value for field, value in task.items() if value}
        place: Path = (*own, "steps", index)
        places[(*own, "tasks", name)] = place
        places[(*own, "tasks", name, "needs")] = (*place, "dependsOn")
        places[(*own, "tasks", name, "with")] = (*place, "task")
        places[(*own, "tasks", name, "with", "job")] = (*place, "task")
    data = {"kind": "Dag", "name": slug(flow.name or file), "parameters": PARAMETERS, "tasks": tasks}
    if flow.name and flow.name != data["name"]:
        data["title"] = flow.name
    return Translation("Dag", data, places)


def _by_id(flow: Flow, origin: Origin, found: list[Diagnostic]) -> dict[str, tuple[int, Step]]:
    steps: dict[str, tuple[int, Step]] = {}
    for index, step in enumerate(flow.steps):
        first, _ = steps.setdefault(step.id, (index, step))
        if first != index:
            related = (Related(origin.source.span((*origin.path, "steps", first, "id")), "the first one is here"),)
            where = origin.at("steps", index, "id")
            found.append(diagnostic("A160", where, f"the step '{step.id}' is there twice", related=related))
    return steps


def _job(step: Step, task: Task, file: str) -> dict[str, Any]:
    """The job as the Task Runner takes it."""
    args = task.args
    made: dict[str, Any] = {
        "job_name": task.name or step.id,
        "imageUri": task.image_uri or "",
        "args": dict(args) if isinstance(args, dict) else [*args],
    }
    optional = {
        "engine": task.engine, "url": task.url, "scaleTier": task.scale_tier, "masterType": task.master_type,
    }  # fmt: skip
    made |= {name: text for name, text in optional.items() if text}
    return made | {"labels": {**task.labels, "workflow": file, "type": "step"}}


def _check_order(steps: dict[str, tuple[int, Step]], origin: Origin, found: list[Diagnostic]) -> None:
    for index, step in steps.values():
        for number, other in enumerate(step.depends_on):
            if other not in steps:
                where = origin.at("steps", index, "dependsOn", number)
                found.append(diagnostic("A206", where, f"there is no step '{other}'", hint=did_you_mean(other, steps)))
            elif other == step.id and step.task is None:
                where = origin.at("steps", index, "dependsOn", number)
                found.append(diagnostic("A207", where, f"step '{other}' waits for itself"))


def _needed(step: Step, steps: dict[str, tuple[int, Step]]) -> list[str]:
    """The steps with a task that a step depends on, those behind joins included."""
    needed: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [*step.depends_on]
    while waiting:
        other = waiting.pop(0)
        if other in seen or other not in steps:
            continue
        seen.add(other)
        behind = steps[other][1]
        if behind.task is None:
            waiting += behind.depends_on
        else:
            needed[other] = None
    return [*needed]
