"""Collects what the checks look at: every container, DAG and task of a program, each once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from compiler.models import ComputeAsset, Task
from compiler.models.parts import Output
from compiler.program import Binding, Condition, GatheredFiles, Origin, Program, ResolvedDag, ResolvedTask
from compiler.program import Definition as Loaded
from compiler.refs import Ref, Text


class Container(NamedTuple):
    """An asset or an inline task. `what` names it in messages."""

    what: str
    model: ComputeAsset | Task
    origin: Origin


class Survey(NamedTuple):
    """`dags` are those asked for and all they nest, `tasks` theirs, those of `finally` included."""

    program: Program
    dags: tuple[ResolvedDag, ...]
    tasks: tuple[tuple[ResolvedDag, ResolvedTask], ...]
    containers: tuple[Container, ...]


def survey(program: Program) -> Survey:
    dags: dict[int, ResolvedDag] = {}
    waiting = list(reversed(program.dags))
    while waiting:
        dag = waiting.pop()
        if id(dag) not in dags:
            dags[id(dag)] = dag
            waiting.extend(task.target for task in all_tasks(dag) if isinstance(task.target, ResolvedDag))
    tasks = tuple((dag, task) for dag in dags.values() for task in all_tasks(dag))
    containers = [Container(f"asset '{asset.model.name}'", asset.model, asset.origin) for asset in program.assets]
    containers += [
        Container(f"task '{task.name}'", task.task, task.origin) for _, task in tasks if task.target is task.task
    ]
    return Survey(program, tuple(dags.values()), tasks, tuple(containers))


def all_tasks(dag: ResolvedDag) -> tuple[ResolvedTask, ...]:
    return (*dag.tasks, *dag.finally_)


def is_complete(dag: ResolvedDag) -> bool:
    """True where no task of the DAG was left out because of a mistake."""
    return len(dag.tasks) == len(dag.model.tasks) and len(dag.finally_) == len(dag.model.finally_)


def outputs(task: ResolvedTask) -> dict[str, Output]:
    """The outputs of what a task runs, where it is a container."""
    if isinstance(task.target, Loaded):
        asset: ComputeAsset = task.target.model
        return asset.outputs
    return task.task.outputs if task.target is task.task else {}


def refs_of(binding: Binding | None) -> tuple[Ref, ...]:
    """The references in a binding."""
    if isinstance(binding, Ref):
        return (binding,)
    if isinstance(binding, GatheredFiles):
        return (binding.ref,)
    if isinstance(binding, Text):
        return tuple(part for part in binding.parts if isinstance(part, Ref))
    return ()


def refs_of_condition(condition: Condition | None) -> Iterator[Ref]:
    """The references in a condition."""
    if condition is None:
        return
    for operand in condition.operands:
        if isinstance(operand, Ref):
            yield operand
        elif isinstance(operand, Condition):
            yield from refs_of_condition(operand)
