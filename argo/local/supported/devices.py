"""The devices that a run asks for by its arguments: known when it is submitted, before anything runs."""

from __future__ import annotations

import json
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


def require_devices(workflow: Workflow, objects: Sequence[Object], machine: resources.Machine) -> None:
    """Raises UsageError for a task that asks for more devices than this machine has at all.

    What comes to be only in the run (an item of a loop, an output) is looked at then.
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
        templates = [*(base.get("templates") or ()), *(spec.get("templates") or ())]
        self._templates = {str(template.get("name")): template for template in templates}
        self._arguments = dict([*_parameters(base.get("arguments")), *_parameters(spec.get("arguments"))])
        self._global = {f"workflow.parameters.{name}": value for name, value in self._arguments.items()}
        self._seen: set[str] = set()

    def asked(self) -> Iterator[tuple[str, str, Decimal]]:
        """Tasks, the devices that they ask for, and how many."""
        for name in (self._spec.get("entrypoint"), self._spec.get("onExit")):
            yield from self._template(str(name), str(name), self._arguments)  # Argo gives these by their names

    def _template(self, task: str, name: str, given: Values) -> Iterator[tuple[str, str, Decimal]]:
        template = self._templates.get(name)
        seen = json.dumps([name, sorted(given.items())])
        if template is None or seen in self._seen:
            return
        self._seen.add(seen)
        values = {**dict(_parameters(template.get("inputs"))), **given}
        known = {f"inputs.parameters.{name}": value for name, value in values.items() if "{{" not in value}
        scope = {**self._global, **known}
        yield from ((task, *found) for found in _devices(template, scope))
        steps = [step for group in template.get("steps") or () for step in group]
        for inner in [*((template.get("dag") or {}).get("tasks") or ()), *steps]:
            arguments = {name: _known(value, scope) for name, value in _parameters(inner.get("arguments"))}
            if inner.get("template"):
                yield from self._template(str(inner.get("name")), inner["template"], arguments)


def _devices(template: Template, scope: Values) -> Iterator[tuple[str, Decimal]]:
    patch: Any = {}
    if template.get("podSpecPatch"):
        import yaml

        try:
            patch = yaml.safe_load(_known(str(template["podSpecPatch"]), scope))
        except yaml.YAMLError:
            patch = {}
    patched = {c.get("name"): c for c in (patch.get("containers") or () if isinstance(patch, dict) else ())}
    for container in resources.containers_of(template):
        limits = [(c.get("resources") or {}).get("limits") or {} for c in (container, _of(container, patched))]
        for name, value in {**limits[0], **limits[1]}.items():
            try:
                amount = quantity(value)
            except ValueError:
                continue  # a variable whose value comes to be in the run
            if resources.is_device(name):
                yield name, amount


def _of(container: Container, patched: Mapping[Any, Container]) -> Container:
    return patched.get(container.get("name") or "main") or {}


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
