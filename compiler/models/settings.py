"""Models a DAG's settings: gates, environment, job-config files, schedule, limits."""

from typing import Annotated, Any, Literal

from compiler.models.base import EMPTY, Duration, Flag, Model, Problem, Shape, Text, describe, whole


class Pause(Model):
    """A gate: its dependents run only on approve; expiry rejects."""

    message: str | None = None
    timeout: Duration | None = None


class ContinueOn(Model):
    """The DAG goes on although this task ended so."""

    failed: Flag = False
    error: Flag = False


class EnvSource(Model):
    """The DAG's environment: a dotenv file beside the definition, values written here, or both (values win)."""

    file: str | None = None
    values: dict[str, Text] = EMPTY


class ConfigFile(Model):
    """A file (job-config) kept in the run's ConfigMap and mounted at `path` in the tasks named (none named: in all)."""

    file: str | None = None
    text: str | None = None
    path: str
    tasks: tuple[str, ...] = ()


def _cron(value: Any) -> tuple[str, ...]:
    times = (value,) if isinstance(value, str) else value
    if not isinstance(times, list | tuple) or not all(isinstance(item, str) for item in times):
        raise Problem("A122", f"expected a cron schedule, found {describe(value)}", 'write "0 3 * * 1"')
    if not times:
        raise Problem("A121", "expected a cron schedule, found an empty list")
    return tuple(times)


_CRON_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


class Schedule(Model):
    """When the DAG starts by itself (CronWorkflow)."""

    cron: Annotated[tuple[str, ...], Shape(_cron, _CRON_SCHEMA)]
    timezone: str | None = None
    concurrency: Literal["Allow", "Forbid", "Replace"] = "Forbid"
    suspend: Flag = False
    starting_deadline: Duration | None = None
    keep_succeeded: Annotated[int, whole(0)] | None = None
    keep_failed: Annotated[int, whole(0)] | None = None


class Limits(Model):
    """Limits on a run of the DAG: tasks at once, time, a mutex."""

    parallelism: Annotated[int, whole(1)] | None = None
    timeout: Duration | None = None
    mutex: str | None = None
