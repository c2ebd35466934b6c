"""Everything that a WorkflowSpec names, looked at in the order in which Argo validates it.

Facts: Argo workflow/validate/validate.go (Workflow, validateTemplateHolder, validateTemplate, validateSteps,
validateDAG, addOutputsToScope, addItemsToScope).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import argo.validate.graph as graph
from argo.validate.inputs import check_arguments, check_inputs, missing, own_scope, submitted
from argo.validate.leaf import check_any, check_leaf, has_main
from argo.validate.library import Context, TemplateLibrary, context_of, kind_of
from argo.validate.names import check_names, field_name, step_name
from argo.validate.outputs import check_outputs
from argo.validate.place import Place
from argo.validate.scope import Scope, unresolved
from argo.validate.spec import check_settings
from argo.workflow.kinds import TYPES, type_of, types_of
from compiler.diagnostics import Diagnostic, did_you_mean

_GLOBALS = (
    "workflow.name", "workflow.namespace", "workflow.mainEntrypoint", "workflow.serviceAccountName", "workflow.uid",
    "workflow.annotations", "workflow.annotations.json", "workflow.labels", "workflow.labels.json", "workflow.status",
)  # fmt: skip
_RESULTS = ("container", "script", "data", "http", "plugin")  # their nodes have one, and an exit code


class Walk:
    """One object's WorkflowSpec, and what it reaches in the library."""

    def __init__(self, spec: Place, library: TemplateLibrary) -> None:
        self.found: list[Diagnostic] = []
        self._spec = spec
        self._library = library
        self._is_template = spec.document.kind.endswith("WorkflowTemplate")
        self._seen: set[tuple[str, tuple[str | int, ...]]] = set()
        reference = spec.child("workflowTemplateRef")
        self._context = context_of(spec) if reference.value is None else library.context(reference)
        self._specs = [spec, *([self._context.spec] if self._context and reference.value is not None else [])]
        self.globals = Scope(set(self._global_names()), prefixes=("workflow.parameters",) if self._is_template else ())

    def report(self, found: Iterable[Diagnostic]) -> None:
        """Take mistakes down."""
        self.found.extend(found)

    def run(self) -> list[Diagnostic]:
        """All mistakes of the object's names."""
        spec, context = self._spec, self._context
        if context is None:
            self._unknown_object(spec.child("workflowTemplateRef"))
            return self.found
        if context.spec is not spec and spec.get("templates"):
            message = "templates is no field of a spec that has a workflowTemplateRef"
            self.report([spec.child("templates").problem("A724", message, key=True)])
        self.report(check_names(spec.items("templates"), "template", field_name))
        self.report(check_arguments(spec.child("arguments"), may_lack=True))
        self.report(check_settings(spec))
        self._entry(context)
        self._exits(context)
        for template in context.spec.items("templates"):
            self._template(template, context)
        return self.found

    def call(self, holder: Place, context: Context) -> Place | None:
        """The template that a step, task or hook calls, looked at itself; None where it is not known."""
        given = [name for name in ("template", "templateRef", "inline") if holder.get(name)]
        if len(given) != 1:
            message = "exactly one of template, templateRef and inline must be specified"
            self.report([holder.problem("A724", message, key=True)])
            return None
        place = holder.child(given[0])
        if given == ["inline"]:
            self._template(place, context)
            return place
        if given == ["templateRef"]:
            return self._referenced(place)
        return self._named(place, context)

    def _named(self, name: Place, context: Context) -> Place | None:
        found = context.templates.get(str(name.value))
        if found is not None:
            self._template(found, context)
        elif "{{" not in str(name.value):
            hint = did_you_mean(str(name.value), context.templates)
            self.report([name.problem("A720", f"template name '{name.value}' undefined", hint=hint)])
        return found

    def _referenced(self, reference: Place) -> Place | None:
        name, template = str(reference.get("name", "")), str(reference.get("template", ""))
        if "{{" in name:
            return None
        context = self._library.context(reference)
        if context is None:
            self._unknown_object(reference)
            return None
        found = context.templates.get(template)
        if found is None and "{{" in template:
            return None
        if found is None:
            hint = did_you_mean(template, context.templates)
            message = f"template reference {name}.{template} not found"
            self.report([reference.child("template").problem("A720", message, hint=hint)])
        else:
            self._template(found, context)
        return found

    def _unknown_object(self, reference: Place) -> None:
        name = str(reference.get("name", ""))
        hint = did_you_mean(name, self._library.names(reference)) or "give the file that holds it, too"
        self.report([reference.child("name").problem("A720", f"{kind_of(reference)} {name} not found", hint=hint)])

    def _template(self, template: Place, context: Context) -> None:
        identity = (template.document.source.name, (*template.document.path_prefix, *template.path))
        if identity in self._seen:
            return
        self._seen.add(identity)
        self.report(_type(template))
        kind = type_of(template)
        scope = own_scope(template, self.globals)
        self.report(check_inputs(template))
        self.report(check_any(template))
        if kind == "steps":
            _check_steps(self, template, context, scope)
        elif kind == "dag":
            _check_dag(self, template, context, scope)
        elif kind:
            self.report(check_leaf(template, context, scope))
        self.report(check_outputs(template, scope))

    def _entry(self, context: Context) -> None:
        specs = [spec for spec in self._specs if spec.get("entrypoint")]
        if specs:
            called = self._named(specs[0].child("entrypoint"), context)
            if called is not None and not self._is_template:
                given = [spec.child("arguments") for spec in self._specs]
                self.report(missing(specs[0].child("entrypoint"), called, given, submitted(self._specs)))
        elif not self._is_template:
            self.report([self._spec.problem("A720", "spec.entrypoint is required", key=True)])

    def _exits(self, context: Context) -> None:
        specs = [spec for spec in self._specs if spec.get("onExit")]
        hooks = [spec.child("hooks").child(event) for spec in self._specs for event in spec.get("hooks", {})]
        for hook in hooks:
            self.report(_check_hook(hook, str(hook.path[-1])))
        if specs or any(hook.path[-1] == "exit" for hook in hooks):
            self.globals.names.add("workflow.failures")
            self._export_dynamic(context)
        if specs:
            called = self._named(specs[0].child("onExit"), context)
            if called is not None and not self._is_template:
                self.report(missing(specs[0].child("onExit"), called, [self._spec.child("arguments")]))
        for hook in hooks:
            self.call(hook, context)

    def _export_dynamic(self, context: Context) -> None:
        """An exit handler may name any global artifact once one has a name that comes with the run."""
        for template in context.spec.items("templates"):
            for artifact in template.items("outputs", "artifacts"):
                if "{{" in str(artifact.get("globalName", "")):
                    self.globals.prefixes = (*self.globals.prefixes, "workflow.outputs.artifacts.")

    def _global_names(self) -> Iterator[str]:
        yield from _GLOBALS
        metadata = [Place(self._spec.document, self._spec.document.object, ()).child("metadata")]
        for spec in self._specs:
            if spec.get("priority") is not None:
                yield "workflow.priority"
            for parameter in spec.items("arguments", "parameters"):
                yield from ("workflow.parameters", "workflow.parameters.json")
                yield f"workflow.parameters.{parameter.get('name')}"
            metadata.append(spec.child("workflowMetadata"))
        for place in metadata:
            for kind, field in (("annotations", "annotations"), ("labels", "labels"), ("labels", "labelsFrom")):
                yield from (f"workflow.{kind}.{key}" for key in place.get(field, {}))


def _type(template: Place) -> Iterator[Diagnostic]:
    present = types_of(template)
    name = template.get("name", "this one")
    if len(present) == 1:
        return
    what = f"multiple template types specified ({', '.join(present)})" if present else "template type unspecified"
    yield template.problem("A724", f"{name}: {what}. choose one of: {', '.join(TYPES)}", key=True)


def _check_steps(walk: Walk, template: Place, context: Context, scope: Scope) -> None:
    """Step groups in order: a step sees the results of those before it."""
    steps = [step for group in template.items("steps") for step in group.items()]
    walk.report(check_names(steps, "step", step_name))
    for step in steps:
        name = str(step.get("name", ""))
        scope.names.add(f"steps.{name}.status")
        walk.report(_loops(step))
        _add_items(step, scope)
        called = _called(walk, step, context)
        if step.get("onExit") or "exit" in step.get("hooks", {}):
            scope.names |= _results(walk, "steps", step, called, aggregated=False)
        walk.report(unresolved(step, _inner(step, scope)))
        scope.names |= _results(walk, "steps", step, called, aggregated=_aggregates(step))


def _check_dag(walk: Walk, template: Place, context: Context, scope: Scope) -> None:
    """Tasks: a task sees all outputs, and the status of those that it depends on."""
    tasks = list(template.items("dag", "tasks"))
    if not tasks:
        walk.report([template.child("dag").problem("A724", "a dag must have at least one task", key=True)])
    walk.report(check_names(tasks, "task", field_name))
    waits = graph.Waits(tasks)
    walk.report(waits.problems())
    walk.report(_styles(tasks))
    for task in waits.order():
        called = _called(walk, task, context)
        scope.names |= _results(walk, "tasks", task, called, aggregated=_aggregates(task))
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
        walk.report(_check_hook(hooks.child(event), event))
        walk.call(hooks.child(event), context)
    return called


def _check_hook(hook: Place, event: str) -> Iterator[Diagnostic]:
    """A hook other than `exit` needs a condition."""
    if event != "exit" and not hook.get("expression"):
        yield hook.problem("A726", f"hooks.{event} Expression required", key=True)


def _results(walk: Walk, prefix: str, holder: Place, called: Place | None, *, aggregated: bool) -> set[str]:
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


def _aggregates(holder: Place) -> bool:
    return bool(holder.get("withItems") or holder.get("withParam"))


def _loops(holder: Place) -> Iterator[Diagnostic]:
    given = [name for name in graph.LOOPS if holder.get(name) not in (None, [], "")]
    if len(given) > 1:
        message = f"only one of {', '.join(graph.LOOPS)} can be specified"
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
