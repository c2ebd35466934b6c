"""Checks what a model's types cannot say: fields that exclude each other, belong together, or need a form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from compiler.load.kinds import TARGETS
from compiler.load.validate import Mistake
from compiler.models.base import REFERENCE, camel

if TYPE_CHECKING:
    from compiler.models import ComputeAsset, Dag, Input, Output, Parameter, Project, Schedule, Task, Volume
    from compiler.models.parts import Runnable

Key = tuple[str | int, ...]

CONTAINER = ("command", "args", "script", "working_dir", "user", "inputs", "outputs", "parameters", "sidecars")
_NOT_REMOTE = ("command", "args", "script", "working_dir", "inputs", "outputs", "env", "volumes", "sidecars", "ports")
_NOT_OF_GATES = ("with_", "foreach", "retry", "resources", "cache")


def check(model: Any) -> Iterator[Mistake]:
    """Every mistake of this kind in a validated definition or project."""
    rules: dict[str, Callable[[Any], Iterator[Mistake]]] = {"Dag": _dag, "ComputeAsset": _asset, "Project": _project}
    return rules[type(model).__name__](model)


def _asset(asset: ComputeAsset) -> Iterator[Mistake]:
    yield from _parameters(asset.parameters)
    yield from _container(asset, ())
    if asset.remote is not None:
        yield from _remote(asset)
    if asset.remote is None and asset.image is None and asset.mode != "extended":
        hint = "name an image, or a Task Runner with 'remote'"
        yield Mistake(("image",), "A121", "missing field 'image'", hint, key=True)
    for mode, fields in (("interactive", ("ports", "lifetime", "idle", "token")), ("extended", ("bounds",))):
        for name in fields if asset.mode != mode else ():
            if name in asset.model_fields_set:
                yield Mistake((name,), "A128", f"'{name}' is only for an asset with mode: {mode}", key=True)
    if asset.mode == "interactive":
        yield from _interactive(asset)
    yield from _outside(asset)
    if asset.valid and asset.valid.from_ and asset.valid.until and asset.valid.until < asset.valid.from_:
        yield Mistake(("valid", "until"), "A125", "the last day is before the first")


def _interactive(asset: ComputeAsset) -> Iterator[Mistake]:
    if not asset.ports:
        yield Mistake(("ports",), "A121", "missing field 'ports'", "say where its program listens: web: {port: 8888}")
    for name, port in asset.ports.items():
        if port.protocol != "TCP":
            yield Mistake(("ports", name, "protocol"), "A123", "connections are passed on over TCP alone")
    if asset.script is None and not asset.command:
        hint = "an image's own entry point is not known to Argo"
        yield Mistake(("command",), "A121", "missing field 'command'", hint, key=True)
    if asset.token is not None:
        yield from _variable(asset.token.env, ("token", "env"))
    for name in ("retry", "cache"):
        if name in asset.model_fields_set:
            yield Mistake((name,), "A128", f"an interactive asset has no '{name}'", key=True)


def _outside(asset: ComputeAsset) -> Iterator[Mistake]:
    """Check an asset's bounds for consumers and its offer in a data space."""
    if asset.bounds:
        yield from _networks(asset.bounds.egress, ("bounds", "egress"))
        for name in ("cpu", "memory", "disk"):
            if REFERENCE in (getattr(asset.bounds, name) or ""):
                yield Mistake(("bounds", name), "A126", "a bound is a fixed amount, not a reference")
    if asset.offer and asset.offer.output is not None and asset.remote is None:
        given = asset.outputs.get(asset.offer.output)
        if given is None or given.kind == "value":
            message = f"'{asset.offer.output[:60]}' is no output with a file"
            yield Mistake(("offer", "output"), "A123", message, f"it has {', '.join(asset.outputs) or 'none'}")


def _networks(texts: tuple[str, ...], way: tuple[str, ...]) -> Iterator[Mistake]:
    for index, text in enumerate(texts):
        if not _is_network(text):
            hint = "write addresses: 10.0.0.0/8, 192.0.2.7/32, 2001:db8::/32; NetworkPolicies know no names"
            yield Mistake((*way, index), "A126", f"'{text[:60]}' is no range of addresses", hint)


def _is_network(text: str) -> bool:
    from ipaddress import ip_network

    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _remote(asset: ComputeAsset) -> Iterator[Mistake]:
    remote = asset.remote
    assert remote is not None
    if asset.image is not None:
        yield Mistake(("remote",), "A127", "'remote' and 'image' exclude each other", key=True)
    for name in _NOT_REMOTE:
        if name in asset.model_fields_set:
            yield Mistake((camel(name),), "A128", f"an asset with 'remote' has no '{camel(name)}'", key=True)
    if asset.mode != "job":
        yield Mistake(("mode",), "A127", f"'remote' and mode: {asset.mode} exclude each other", key=True)
    if REFERENCE not in remote.url and not re.match(r"https?://[^/]", remote.url):
        yield Mistake(("remote", "url"), "A126", "a Task Runner's URL begins with https:// or http://")
    if remote.job is not None and not isinstance(remote.job, dict) and REFERENCE not in str(remote.job):
        yield Mistake(("remote", "job"), "A122", "expected a mapping, or a reference to one")
    if remote.job is None and not (remote.image or remote.target):
        yield Mistake(("remote",), "A121", "missing field 'image'", "say what the Task Runner is to run", key=True)


def _dag(dag: Dag) -> Iterator[Mistake]:
    if not dag.tasks:
        yield Mistake(("tasks",), "A121", "a DAG needs at least one task", key=True)
    yield from _parameters(dag.parameters)
    for name, given in dag.inputs.items():
        if given.path is not None:
            hint = "the task that takes the input says where it lies"
            yield Mistake(("inputs", name, "path"), "A128", "an input of a DAG has no 'path'", hint, key=True)
    for group, tasks in (("tasks", dag.tasks), ("finally", dag.finally_)):
        for name, task in tasks.items():
            yield from _task(task, (group, name))
    for name in dag.finally_.keys() & dag.tasks.keys():
        yield Mistake(("finally", name), "A160", f"the task '{name}' is also one of 'tasks'", key=True)
    yield from _files(dag)
    if dag.env is not None:
        yield from _variables(dag.env.values, ("env", "values"))
    if dag.schedule is not None:
        yield from _schedule(dag.schedule)


def _files(dag: Dag) -> Iterator[Mistake]:
    for name, file in dag.files.items():
        yield from _exactly_one(file, ("file", "text"), ("files", name))
        yield from _absolute(file.path, ("files", name, "path"))
        if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", name):
            message = f"'{name[:60]}' cannot be a file's name in a ConfigMap"
            yield Mistake(("files", name), "A124", message, "letters, digits, '-', '_' and '.'", key=True)


def _task(task: Task, at: Key) -> Iterator[Mistake]:
    given = task.model_fields_set
    targets = [name for name in TARGETS if getattr(task, name) is not None]
    if len(targets) != 1:
        message = "a task needs one of 'asset', 'dag', 'pause' and 'image'"
        if targets:
            message = " and ".join(f"'{name}'" for name in targets) + " exclude each other"
        yield Mistake((*at, targets[1]) if targets else at, "A127", message, key=True)
        return
    if task.image is None:
        yield from _without(CONTAINER, task, at, "'{}' is only for a task with 'image'")
    elif not task.command and task.script is None:
        hint = "an image's own entry point is not known to Argo"
        yield Mistake((*at, "command"), "A121", "missing field 'command' or 'script'", hint, key=True)
    if task.pause is not None:
        yield from _without(_NOT_OF_GATES, task, at, "a gate has no '{}'")
    if len(given) > 2:
        yield from _parameters(task.parameters, at)
        yield from _container(task, at)


def _without(names: Iterable[str], task: Task, at: Key, message: str) -> Iterator[Mistake]:
    for name in names:
        if name in task.model_fields_set:
            yield Mistake((*at, camel(name)), "A128", message.format(camel(name)), key=True)


def _container(part: Runnable, at: Key) -> Iterator[Mistake]:
    """Inputs, outputs, volumes and environment of an asset or an inline task."""
    if part.inputs:
        for name, given in part.inputs.items():
            yield from _input(given, (*at, "inputs", name))
    if part.outputs:
        for name, output in part.outputs.items():
            yield from _output(output, (*at, "outputs", name))
    if part.volumes:
        for name, volume in part.volumes.items():
            yield from _volume(volume, (*at, "volumes", name))
    if part.env:
        yield from _variables(part.env, (*at, "env"))
    gpu = part.resources.gpu if part.resources else None
    if gpu is not None and gpu.mig is not None and gpu.shared:
        yield Mistake((*at, "resources", "gpu", "shared"), "A127", "'mig' and 'shared' exclude each other", key=True)


def _parameters(parameters: Mapping[str, Parameter], at: Key = ()) -> Iterator[Mistake]:
    for name, parameter in parameters.items():
        yield from _parameter(parameter, (*at, "parameters", name))


def _parameter(parameter: Parameter, at: Key) -> Iterator[Mistake]:
    from compiler.models.values import conform

    if parameter.type == "enum" and not parameter.enum:
        yield Mistake((*at, "enum"), "A121", "missing field 'enum'", "write enum: [a, b]", key=True)
        return
    numeric = parameter.type in ("int", "number")
    for bound in ("minimum", "maximum") if not numeric else ():
        if getattr(parameter, bound) is not None:
            yield Mistake((*at, bound), "A128", f"'{bound}' is only for int and number", key=True)
    if parameter.pattern is not None:
        yield from _pattern(parameter, at)
    if parameter.minimum is not None and parameter.maximum is not None and parameter.maximum < parameter.minimum:
        yield Mistake((*at, "maximum"), "A125", "the maximum is below the minimum")
    problem = None if parameter.required else conform(parameter, parameter.default)
    if problem:
        yield Mistake((*at, "default"), "A132", problem)


def _pattern(parameter: Parameter, at: Key) -> Iterator[Mistake]:
    from compiler import regex

    if parameter.type != "string":
        yield Mistake((*at, "pattern"), "A128", "'pattern' is only for string", key=True)
    try:
        regex.compiled(parameter.pattern or "")
    except regex.PatternError as error:
        hint = "patterns are those of Go (RE2): without lookaround, (?=…), and references to groups, \\1"
        yield Mistake((*at, "pattern"), "A126", f"not a regular expression: {error}", hint)


def _input(given: Input, at: Key) -> Iterator[Mistake]:
    if given.kind == "env":
        if given.path is not None:
            yield Mistake(
                (*at, "path"), "A128", "an env input has no 'path': it becomes environment variables", key=True
            )
    elif given.path is None:
        yield Mistake((*at, "path"), "A121", "missing field 'path'", "say where in the container it lies", key=True)
    else:
        yield from _absolute(given.path, (*at, "path"))


def _output(output: Output, at: Key) -> Iterator[Mistake]:
    yield from _absolute(output.path, (*at, "path"))
    if output.kind != "value":
        for name in ("type", "default"):
            if name in output.model_fields_set:
                yield Mistake((*at, name), "A128", f"'{name}' is only for an output of kind: value", key=True)
        return
    if output.default is not None:
        from compiler.models.parts import Parameter
        from compiler.models.values import conform

        problem = conform(Parameter.model_construct(type=output.type, default=None), output.default)
        if problem:
            yield Mistake((*at, "default"), "A132", problem)


def _volume(volume: Volume, at: Key) -> Iterator[Mistake]:
    yield from _exactly_one(volume, ("claim", "empty", "config_map", "secret"), at)
    if volume.optional and (volume.claim or volume.empty):
        message = "'optional' is only for a volume from a ConfigMap or a Secret"
        yield Mistake((*at, "optional"), "A128", message, key=True)
    yield from _absolute(volume.path, (*at, "path"))


def _exactly_one(part: Any, names: Iterable[str], at: Key) -> Iterator[Mistake]:
    written = {name: camel(name) for name in names}
    given = [word for name, word in written.items() if getattr(part, name) is not None]
    if len(given) > 1:
        message = " and ".join(f"'{name}'" for name in given) + " exclude each other"
        yield Mistake((*at, given[1]), "A127", message, key=True)
    elif not given:
        yield Mistake(at, "A127", "needs one of " + ", ".join(f"'{word}'" for word in written.values()), key=True)


def _absolute(path: str, at: Key) -> Iterator[Mistake]:
    if not path.startswith("/"):
        hint = None if REFERENCE in path else f"write /{path[:60].removeprefix('./')}"
        yield Mistake(at, "A129", "a path in a container begins with '/'", hint)
    elif ".." in path.split("/"):
        yield Mistake(at, "A129", "a path in a container has no '..'")


def _variables(variables: Mapping[str, Any], at: Key) -> Iterator[Mistake]:
    for name in variables:
        yield from _variable(name, (*at, name), key=True)


def _variable(name: str, at: Key, *, key: bool = False) -> Iterator[Mistake]:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
        message = f"'{name[:60]}' is not a name of an environment variable: letters, digits and '_'"
        yield Mistake(at, "A124", message, key=key)


def _schedule(schedule: Schedule) -> Iterator[Mistake]:
    from compiler.load.cron import problem

    for index, text in enumerate(schedule.cron):
        wrong = problem(text)
        if wrong:
            hint = "five fields: minute hour day-of-month month day-of-week, as in '0 3 * * 1', or @daily"
            yield Mistake(("schedule", "cron", index), "A130", wrong, hint)
    if schedule.timezone is not None and not _known_zone(schedule.timezone):
        hint = "write a name of the IANA time zones, like Europe/Berlin"
        yield Mistake(("schedule", "timezone"), "A131", f"unknown time zone '{schedule.timezone[:60]}'", hint)


def _known_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return name in ("UTC", "Etc/UTC")
    return True


def _project(project: Project) -> Iterator[Mistake]:
    from compiler.diagnostics import did_you_mean

    for name, profile in project.profiles.items():
        if profile.engine.server is not None and profile.engine.context is not None:
            at = ("profiles", name, "engine", "context")
            yield Mistake(at, "A127", "'server' and 'context' exclude each other", key=True)
        yield from _networks(profile.executor_egress, ("profiles", name, "executorEgress"))
    if project.default is not None and project.default not in (*project.profiles, "local"):
        hint = did_you_mean(project.default, (*project.profiles, "local"))
        yield Mistake(("default",), "A123", f"there is no profile '{project.default[:60]}'", hint)
