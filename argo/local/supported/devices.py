"""The devices that a run asks for by its arguments: known when it is submitted, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from argo.errors import UsageError
from argo.expressions.errors import ExpressionError, TemplateError
from argo.expressions.template import substitute
from argo.local import resources
from argo.workflow.values import text
from compiler.manifest_types import Container, Object, Template, Workflow, WorkflowSpec
from compiler.quantities import quantity

Values = Mapping[str, str]
Templates = Mapping[str, Template]
Asked = tuple[str, str, Decimal]


def require_devices(workflow: Workflow, objects: Sequence[Object], machine: resources.Machine) -> None:
    """Raises UsageError for a task that asks for more devices than this machine has at all.

    What comes to be only in the run (an output, an item that is one) is looked at then.
    """
    for task, name, amount in _Walk(workflow, objects).asked():
        has = machine.has(name)
        if amount > has:
            raise UsageError(
                f"{task} asks for {amount} {name}, and this machine has {has or 'none'}",
                known="nothing was started",
                hint="run it on a cluster: argosy submit --profile NAME",
            )


class _Walk:
    """All templates that a run reaches, with the parameters that are known of each use."""

    def __init__(self, workflow: Workflow, objects: Sequence[Object]) -> None:
        spec = workflow.get("spec") or {}
        given = [o for o in objects if str(o.get("kind")).endswith("WorkflowTemplate")]
        reference = (spec.get("workflowTemplateRef") or {}).get("name")
        base = next((o.get("spec") or {} for o in given if o["metadata"].get("name") == reference), {})
        self._spec: WorkflowSpec = {**base, **spec}
        self._library = {str(o["metadata"].get("name")): _by_name(o.get("spec")) for o in given}
        self._templates = {**_by_name(base), **_by_name(spec)}
        self._arguments = dict([*_parameters(base.get("arguments")), *_parameters(spec.get("arguments"))])
        self._global = {f"workflow.parameters.{name}": value for name, value in self._arguments.items()}
        self._seen: set[tuple[int, frozenset[tuple[str, str]]]] = set()

    def asked(self) -> Iterator[Asked]:
        """Tasks, the devices that they ask for, and how many."""
        for name in (self._spec.get("entrypoint"), self._spec.get("onExit")):
            yield from self._use({"name": name, "template": name}, self._templates, self._arguments)

    def _use(self, task: Any, templates: Templates, given: Values) -> Iterator[Asked]:
        """The devices of a task, which uses one of the `templates`, one of another object, or has one of its own."""
        reference = task.get("templateRef") or {}
        if reference:
            templates = self._library.get(str(reference.get("name")), {})
        template = task.get("inline") or templates.get(reference.get("template") or task.get("template"))
        seen = (id(template), frozenset(given.items()))
        if template is None or seen in self._seen:
            return
        self._seen.add(seen)
        values = {**dict(_parameters(template.get("inputs"))), **given}
        known = {f"inputs.parameters.{name}": value for name, value in values.items() if "{{" not in value}
        scope = {**self._global, **known}
        yield from ((str(task.get("name")), *found) for found in _devices(template, scope))
        steps = [step for group in template.get("steps") or () for step in group]
        for inner in [*((template.get("dag") or {}).get("tasks") or ()), *steps]:
            for item in _items(inner.get("withItems")):
                arguments = _parameters(inner.get("arguments"))
                yield from self._use(inner, templates, {n: _known(value, {**scope, **item}) for n, value in arguments})


def _by_name(spec: Any) -> Templates:
    return {str(template.get("name")): template for template in (spec or {}).get("templates") or ()}


def _items(items: Any) -> list[dict[str, str]]:
    """The variables of each item of a loop; none are known where there is no loop over constants."""
    fields = [
        {"": item, **{f".{k}": v for k, v in (item.items() if isinstance(item, dict) else ())}} for item in items or ()
    ]
    return [{f"item{name}": text(value) for name, value in found.items()} for found in fields] or [{}]


def _devices(template: Template, scope: Values) -> Iterator[tuple[str, Decimal]]:
    patched = _patched(template, scope)
    for container in resources.containers_of(template):
        limits = {**_limits(container), **_limits(patched.get(container.get("name") or "main") or {})}
        for name, value in limits.items():
            amount = known_quantity(value)
            if amount is not None and resources.is_device(name):
                yield name, amount


def _limits(container: Container) -> Mapping[str, Any]:
    return (container.get("resources") or {}).get("limits") or {}


def known_quantity(value: object) -> Decimal | None:
    """A quantity; None for a variable whose value comes to be in the run."""
    try:
        return quantity(value)
    except ValueError:
        return None


def _patched(template: Template, scope: Values) -> Mapping[Any, Container]:
    """The containers of a template's podSpecPatch, by name."""
    if not template.get("podSpecPatch"):
        return {}
    import yaml

    try:
        patch = yaml.safe_load(_known(str(template["podSpecPatch"]), scope))
    except yaml.YAMLError:
        return {}
    return {c.get("name"): c for c in (patch.get("containers") or () if isinstance(patch, dict) else ())}


def _known(value: str, scope: Values) -> str:
    """A text with the variables that are known."""
    try:
        return str(substitute(value, scope, allow_unresolved=True))
    except (TemplateError, ExpressionError):
        return value


def _parameters(holder: Any) -> list[tuple[str, str]]:
    """The parameters that have a value, or a default."""
    found = (holder or {}).get("parameters") or ()
    values = [(str(entry.get("name")), entry.get("value", entry.get("default"))) for entry in found]
    return [(name, text(value)) for name, value in values if value is not None]
