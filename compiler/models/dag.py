"""Dag: what runs when, composed of assets, other DAGs, gates and inline containers."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from compiler.models.base import EMPTY, Model, Name, Problem, Shape, Text, describe, lazy
from compiler.models.parts import Input, Parameter, Runnable


def _env(value: Any) -> Any:
    if isinstance(value, dict) and value and not value.keys() & {"file", "values"}:
        return {"values": value}
    return value


def _schedule(value: Any) -> Any:
    if isinstance(value, str | list | tuple):
        return {"cron": value}
    return value


if TYPE_CHECKING:
    from compiler.models.settings import ConfigFile, ContinueOn, EnvSource, Limits, Pause, Schedule
else:
    ConfigFile = lazy("compiler.models.settings", "ConfigFile")
    ContinueOn = lazy("compiler.models.settings", "ContinueOn")
    EnvSource = lazy(
        "compiler.models.settings", "EnvSource", _env, {"type": "object", "description": "Variables written here."}
    )
    Limits = lazy("compiler.models.settings", "Limits")
    Pause = lazy("compiler.models.settings", "Pause")
    Schedule = lazy(
        "compiler.models.settings",
        "Schedule",
        _schedule,
        {"type": "string", "examples": ["0 3 * * 1"]},
        {"type": "array", "items": {"type": "string"}},
    )


def _needs(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise Problem("A122", f"expected the names of tasks, found {describe(item)} as item {index + 1}")
        return tuple(value)
    raise Problem("A122", f"expected a list of tasks or an expression, found {describe(value)}", "write needs: [a, b]")


_NEEDS_SCHEMA = {
    "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string", "examples": ["a && b.Failed"]}]
}


class Task(Runnable):
    """One of `asset`, `dag`, `pause`, or an inline container (`image` with `command` or `script`)."""

    asset: Annotated[str | None, Field(description="name, or name@version where the version may be a prefix.")] = None
    dag: str | None = None
    pause: Pause | None = None
    with_: Annotated[dict[str, Any], Field(alias="with", description="Its parameters and inputs.")] = EMPTY
    needs: Annotated[tuple[str, ...] | str, Shape(_needs, _NEEDS_SCHEMA)] = ()
    foreach: Annotated[
        Any,
        Field(description="A list, {axis: list, …}, {range: n}, {range: {from, to, step}}, or a reference to a list."),
    ] = None
    when: str | None = None
    continue_on: ContinueOn | None = None
    parameters: Annotated[dict[Name, Parameter], Field(description="Of an inline container.")] = EMPTY


class Dag(Model):
    """A DAG of tasks with parameters, inputs and results."""

    api_version: Literal["argosy/v1"] = "argosy/v1"
    kind: Literal["Dag"] = "Dag"
    name: Name
    title: str | None = None
    description: str | None = None
    parameters: dict[Name, Parameter] = EMPTY
    inputs: dict[Name, Input] = EMPTY
    env: EnvSource | None = None
    files: dict[str, ConfigFile] = EMPTY
    tasks: dict[Name, Task]
    finally_: Annotated[dict[Name, Task], Field(alias="finally", description="Run when all others have ended.")] = EMPTY
    schedule: Schedule | None = None
    limits: Limits | None = None
    results: Annotated[dict[Name, str], Field(description="Names for the outputs of tasks to keep.")] = EMPTY
    labels: dict[str, Text] = EMPTY
    annotations: dict[str, Text] = EMPTY

    @property
    def all_tasks(self) -> tuple[Task, ...]:
        return (*self.tasks.values(), *self.finally_.values())
