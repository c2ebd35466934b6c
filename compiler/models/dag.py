"""Dag: what runs when, composed of assets, other DAGs, gates and inline containers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt

from compiler.models.base import Duration, Model, Name, Text
from compiler.models.parts import Input, Parameter, Runnable


class Pause(Model):
    """A gate: its dependents run only on approve; expiry rejects."""

    message: str | None = None
    timeout: Duration | None = None


class ContinueOn(Model):
    """The DAG goes on although this task ended so."""

    failed: StrictBool = False
    error: StrictBool = False


class Task(Runnable):
    """One of `asset`, `dag`, `pause`, or an inline container (`image` with `command` or `script`)."""

    asset: str | None = None  # name or name@version-prefix
    dag: str | None = None
    pause: Pause | None = None
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}
    needs: tuple[str, ...] | str = ()  # ["a", "b.Failed"] are joined by &&; a str is a whole expression
    foreach: Any = None  # list | {axis: list, …} | {range: n | {from,to,step}} | "${{ reference }}"
    when: str | None = None
    continue_on: ContinueOn | None = None
    parameters: dict[Name, Parameter] = {}  # of an inline container


class EnvSource(Model):
    """The DAG's environment: a dotenv file beside the definition, values written here, or both (values win)."""

    file: str | None = None
    values: dict[str, Text] = {}


def _env(value: Any) -> Any:
    if isinstance(value, dict) and value and not value.keys() & {"file", "values"}:
        return {"values": value}
    return value


class ConfigFile(Model):
    """A file (job-config) kept in the run's ConfigMap and mounted at `path` in the tasks named (none named: in all)."""

    file: str | None = None
    text: str | None = None
    path: str
    tasks: tuple[str, ...] = ()


class Schedule(Model):
    """When the DAG starts by itself (CronWorkflow)."""

    cron: tuple[str, ...]
    timezone: str | None = None
    concurrency: Literal["Allow", "Forbid", "Replace"] = "Forbid"
    suspend: StrictBool = False
    starting_deadline: Duration | None = None
    keep_succeeded: StrictInt | None = None
    keep_failed: StrictInt | None = None


def _schedule(value: Any) -> Any:
    if isinstance(value, str):
        return {"cron": (value,)}
    if isinstance(value, list):
        return {"cron": tuple(value)}
    if isinstance(value, dict) and isinstance(value.get("cron"), str):
        return {**value, "cron": (value["cron"],)}
    return value


class Limits(Model):
    parallelism: StrictInt | None = Field(default=None, ge=1)
    timeout: Duration | None = None
    mutex: str | None = None


class Dag(Model):
    """A DAG of tasks with parameters, inputs and results."""

    api_version: Literal["argosy/v1"] = "argosy/v1"
    kind: Literal["Dag"] = "Dag"
    name: Name
    title: str | None = None
    description: str | None = None
    parameters: dict[Name, Parameter] = {}
    inputs: dict[Name, Input] = {}
    env: Annotated[EnvSource | None, BeforeValidator(_env)] = None
    files: dict[str, ConfigFile] = {}
    tasks: dict[Name, Task]
    finally_: Annotated[dict[Name, Task], Field(alias="finally")] = {}
    schedule: Annotated[Schedule | None, BeforeValidator(_schedule)] = None
    limits: Limits | None = None
    results: dict[Name, str] = {}
    labels: dict[str, Text] = {}
    annotations: dict[str, Text] = {}
