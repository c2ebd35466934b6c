"""Describes what a task runs as its DAG sees it: the parameters and inputs it takes, the outputs it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from compiler.models.parts import Input, Parameter
from compiler.program import Binding, Definition, Origin, ResolvedDag
from compiler.resolve.context import Context
from compiler.resolve.types import DECISION, Type, of_output

if TYPE_CHECKING:
    from compiler.models import ComputeAsset, Pause, Task


class Target(NamedTuple):
    """An asset, an inline container, a nested DAG or a gate. `what` names it in messages."""

    what: str
    definition: Definition[ComputeAsset] | Task | ResolvedDag | Pause
    parameters: Mapping[str, Parameter]
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Type]
    defaults: Mapping[str, Binding]  # of inputs
    required: frozenset[str]  # parameters and inputs that must be given


def of_asset(context: Context, asset: Definition[ComputeAsset]) -> Target:
    model = asset.model
    return _of_container(context, f"asset '{model.name}'", asset, model, asset.origin)


def of_inline(context: Context, name: str, task: Task, origin: Origin) -> Target:
    return _of_container(context, f"task '{name}'", task, task, origin)


def of_dag(dag: ResolvedDag, results: Mapping[str, Type]) -> Target:
    """A nested DAG; `results` are the types of its results."""
    model = dag.model
    required = _required(model.parameters, model.inputs)
    return Target(f"DAG '{dag.name}'", dag, model.parameters, model.inputs, results, dag.inputs, required)


def of_pause(name: str, pause: Pause) -> Target:
    return Target(f"gate '{name}'", pause, {}, {}, {"decision": DECISION}, {}, frozenset())


def _of_container(
    context: Context, what: str, definition: Definition[ComputeAsset] | Task, model: ComputeAsset | Task, origin: Origin
) -> Target:
    defaults: dict[str, Binding] = {}
    for name, given in model.inputs.items():
        if given.default is not None:
            default = context.default(given, origin.at("inputs", name))
            if default is not None:
                defaults[name] = default
    outputs = {name: of_output(output) for name, output in model.outputs.items()}
    required = _required(model.parameters, model.inputs)
    return Target(what, definition, model.parameters, model.inputs, outputs, defaults, required)


def _required(parameters: Mapping[str, Parameter], inputs: Mapping[str, Input]) -> frozenset[str]:
    names = [name for name, parameter in parameters.items() if parameter.required]
    names += [name for name, given in inputs.items() if not given.optional and given.default is None]
    return frozenset(names)
