"""An asset that is asked for by itself, as the DAG of one task that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compiler.load.mapped import mapped
from compiler.program import Definition, Origin

if TYPE_CHECKING:
    from compiler.models import ComputeAsset, Dag


def as_dag(asset: Definition[ComputeAsset]) -> Definition[Dag]:
    """The DAG of that asset: it takes and gives what the asset does, under the same names."""
    from compiler.models.dag import Dag, Task

    model, origin = asset.model, asset.origin
    own, name = origin.path, model.name
    given: dict[str, Any] = {it: f"${{{{ params.{it} }}}}" for it in model.parameters}
    given |= {it: f"${{{{ inputs.{it} }}}}" for it in model.inputs}
    dag = Dag.model_construct(
        name=name,
        title=model.title,
        description=model.description,
        parameters=model.parameters,
        inputs={it: value.model_copy(update={"path": None}) for it, value in model.inputs.items()},
        tasks={name: Task(asset=f"{name}@{model.version}", with_=given)},
        results={it: f"${{{{ tasks.{name}.outputs.{it} }}}}" for it in model.outputs},
    )
    places = {(*own, "tasks"): own, (*own, "results"): (*own, "outputs"), (*own, "tasks", name): own}
    return Definition(dag, Origin(mapped(origin.source, places), own))
