"""Steps and DAG templates: names, what they call, and which results they may read.

Facts: Argo workflow/validate/validate.go (validateSteps, validateDAG, addOutputsToScope, addItemsToScope).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import argo.validate.graph as graph
from argo.validate.inputs import check_arguments, missing
from argo.validate.leaf import has_main
from argo.validate.library import Context
from argo.validate.names import check_names, field_name, step_name
from argo.validate.place import Place
from argo.validate.scope import Scope, unresolved
from argo.workflow.kinds import type_of
from compiler.diagnostics import Diagnostic

_LOOPS = ("withItems", "withParam", "withSequence")
_RESULTS = (
    "container",
    "script",
    "data",
    "http",
    "plugin",
)  # which have one, and an exit code


class Walk(Protocol):
    """A walk over an object and what it calls."""

    globals: Scope

    def report(self, found: Iterator[Diagnostic]) -> None:
        """Take mistakes down."""

    def call(self, holder: Place, context: Context) -> Place | None:
        """The template that a step, task or hook calls, looked at itself; None where it is not known."""


def check_steps(walk: Walk, template: Place, context: Context, scope: Scope) -> None:
    """Step groups in order: a step sees the results of those before it."""
    steps = [step for group in template.items("steps") for step in group.items()]
    walk.report(check_names(steps, "step", step_name))
    for step in steps:
        name = str(step.get("name", ""))
        scope.names.add(f"steps.{name}.status")
        walk.report(_loops(step))
        _add_items(step, scope)
        called = _called(walk, step, context)
        if _has_exit(step):
            scope.names |= results(walk, "steps", step, called, aggregated=False)
        walk.report(unresolved(step, _inner(step, scope)))
        scope.names |= results(walk, "steps", step, called, aggregated=_aggregates(step))


def check_dag(walk: Walk, template: Place, context: Context, scope: Scope) -> None:
    """Tasks: a task sees all outputs, and the status of those that it depends on."""
    tasks = list(template.items("dag", "tasks"))
    if not tasks:
        walk.report(iter([template.child("dag").problem("A724", "a dag must have at least one task", key=True)]))
    walk.report(check_names(tasks, "task", field_name))
    waits = graph.Waits(tasks)
    walk.report(waits.problems())
    walk.report(_styles(tasks))
    for task in waits.order():
        called = _called(walk, task, context)
        scope.names |= results(walk, "tasks", task, called, aggregated=_aggregates(task))
        if task.get("hooks") is not None:
            scope.names.add(f"tasks.{task.get('name')}.status")
    target = template.child("dag").child("target")
    walk.report(unresolved(target, scope))
    walk.report(waits.targets(target))
    for task in tasks:
        walk.report(_task(task, scope, waits))


def _task(task: Place, scope: Scope, waits: graph.Waits) -> Iterator[Diagnostic]:
    name = str(task.get("name", ""))

    def status(tag: str) -> bool:
        parts = tag.split(".")
        return len(parts) == 3 and parts[::2] == ["tasks", "status"] and waits.follows(name, parts[1])

    own = _inner(task, Scope(set(), later=status, outer=scope))
    yield from _loops(task)
    _add_items(task, own)
    yield from unresolved(task, own)
    values = [(item, item.child("value")) for item in task.items("arguments", "parameters")]
    values += [(item, item.child("from")) for item in task.items("arguments", "artifacts")]
    for item, value in values:
        if not isinstance(value.value, str) or not value.value.startswith("{{tasks."):
            continue
        other = value.value.split(".")[1]
        if waits.knows(other) and not waits.follows(name, other):
            yield value.problem("A720", f"missing dependency '{other}' for '{item.get('name')}'")


def _called(walk: Walk, holder: Place, context: Context) -> Place | None:
    """The template called, arguments and hooks looked at, too."""
    walk.report(check_arguments(holder.child("arguments"), may_lack=False))
    called = walk.call(holder, context)
    if called is not None:
        walk.report(missing(holder, called, [holder.child("arguments")]))
    hooks = holder.child("hooks")
    for event in hooks.value or {}:
        walk.report(check_hook(hooks.child(event), event))
        walk.call(hooks.child(event), context)
    return called


def check_hook(hook: Place, event: str) -> Iterator[Diagnostic]:
    """A hook other than `exit` needs a condition."""
    if event != "exit" and not hook.get("expression"):
        yield hook.problem("A726", f"hooks.{event} Expression required", key=True)


def results(walk: Walk, prefix: str, holder: Place, called: Place | None, *, aggregated: bool) -> set[str]:
    """The variables that a step or task sets; what has a globalName goes to the workflow's."""
    base = f"{prefix}.{holder.get('name')}"
    names = {f"{base}.{field}" for field in ("id", "startedAt", "finishedAt", "hostNodeName")}
    if called is None:
        return names
    if called.get("daemon"):
        names.add(f"{base}.ip")
    kind = type_of(called)
    if kind in _RESULTS or (kind == "containerSet" and has_main(called)):
        names |= {f"{base}.outputs.result", f"{base}.exitCode"}
    for kind in ("parameters", "artifacts"):
        for output in called.items("outputs", kind):
            names.add(f"{base}.outputs.{kind}.{output.get('name')}")
            _export(walk.globals, kind, str(output.get("globalName", "")))
    if aggregated:
        names.add(f"{base}.outputs.parameters")
        if kind in ("script", "containerSet"):
            names |= {f"{base}.outputs.result", f"{base}.exitCode"}
    return names


def _export(known: Scope, kind: str, name: str) -> None:
    if "{{" in name:
        known.prefixes = tuple({*known.prefixes, f"workflow.outputs.{kind}."})
    elif name:
        known.names.add(f"workflow.outputs.{kind}.{name}")


def _inner(holder: Place, scope: Scope) -> Scope:
    """Return the scope of a holder's own texts: of an inline template its parameters, too."""
    inline = holder.child("inline")
    if inline.value is None:
        return scope
    names = {f"inputs.parameters.{item.get('name')}" for item in inline.items("inputs", "parameters")}
    return Scope(names, outer=scope)


def _has_exit(holder: Place) -> bool:
    return bool(holder.get("onExit")) or "exit" in holder.get("hooks", {})


def _aggregates(holder: Place) -> bool:
    return bool(holder.get("withItems") or holder.get("withParam"))


def _loops(holder: Place) -> Iterator[Diagnostic]:
    given = [name for name in _LOOPS if holder.get(name) not in (None, [], "")]
    if len(given) > 1:
        message = f"only one of {', '.join(_LOOPS)} can be specified"
        yield holder.child(given[1]).problem("A724", message, key=True)
    sequence = holder.child("withSequence")
    if sequence.get("count") is not None and sequence.get("end") is not None:
        message = "only one of count or end can be defined in withSequence"
        yield sequence.child("end").problem("A724", message, key=True)


def _add_items(holder: Place, scope: Scope) -> None:
    """Add the variables that a loop sets for its items."""
    if holder.get("withParam"):
        scope.prefixes = (*scope.prefixes, "item.")
    for item in holder.get("withItems", []):
        scope.names |= {f"item.{key}" for key in _parts(item)}


def _parts(item: Any) -> Iterator[str]:
    if isinstance(item, dict):
        yield from map(str, item)
    elif isinstance(item, list):
        yield from (f"[{index}]" for index in range(len(item)))


def _styles(tasks: Sequence[Place]) -> Iterator[Diagnostic]:
    """`depends` and the older ways of saying the same exclude each other in one DAG."""
    by_depends = any(task.get("depends") for task in tasks)
    for task in tasks:
        name = str(task.get("name", ""))
        if (by_depends or task.get("dependencies")) and name[:1].isdigit():
            message = f"{name} name cannot begin with a digit when using either 'depends' or 'dependencies'"
            yield task.child("name").problem("A725", message)
        if by_depends and task.get("dependencies"):
            message = "cannot use both 'depends' and 'dependencies' in the same DAG template"
            yield task.child("dependencies").problem("A724", message, key=True)
        if by_depends and task.get("continueOn") is not None:
            message = "cannot use 'continueOn' when using 'depends'"
            hint = "use 'dep-task.Failed' or 'dep-task.Errored'"
            yield task.child("continueOn").problem("A724", message, hint=hint, key=True)
