"""Collects what the checks look at: every container, DAG and task of a program, each once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from compiler.models import ComputeAsset, Task
from compiler.models.parts import Output
from compiler.program import Binding, Origin, Program, ResolvedDag, ResolvedTask


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
            waiting.extend(task.target for task in dag.all_tasks if isinstance(task.target, ResolvedDag))
    tasks = tuple((dag, task) for dag in dags.values() for task in dag.all_tasks)
    containers = [Container(f"asset '{asset.model.name}'", asset.model, asset.origin) for asset in program.assets]
    containers += [
        Container(f"task '{task.name}'", task.task, task.origin) for _, task in tasks if task.target is task.task
    ]
    return Survey(program, tuple(dags.values()), tasks, tuple(containers))


def bindings_of(dag: ResolvedDag) -> Iterator[tuple[ResolvedTask, str, Binding]]:
    """All that the tasks of a DAG are given, each with the task and the name of the parameter or input."""
    return ((task, name, binding) for task in dag.all_tasks for name, binding in task.bindings.items())


def is_complete(dag: ResolvedDag) -> bool:
    """True where no task of the DAG was left out because of a mistake."""
    return len(dag.tasks) == len(dag.model.tasks) and len(dag.finally_) == len(dag.model.finally_)


def outputs(task: ResolvedTask) -> dict[str, Output]:
    """The outputs of what a task runs, where it is a container."""
    return {} if isinstance(task.target, ResolvedDag) else task.model.outputs
