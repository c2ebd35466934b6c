"""The tasks of one DAG: each bound to what it runs, with its data flow, its order and its conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from compiler.diagnostics import did_you_mean
from compiler.models import ComputeAsset, Dag, Task
from compiler.order import cycles
from compiler.program import Definition, Origin, ResolvedDag, ResolvedTask, leaves, refs_of
from compiler.resolve.bindings import Binder
from compiler.resolve.containers import check_container
from compiler.resolve.context import Context
from compiler.resolve.needs import resolve_needs
from compiler.resolve.scope import Scope, Site
from compiler.resolve.targets import Target, of_asset, of_dag, of_inline, of_pause
from compiler.resolve.types import Type
from compiler.resolve.versions import Versions

_READ: Final = frozenset({"asset", "dag", "with_", "needs", "foreach", "when", "description", "continue_on"})
_CONSTANT: Final = "a task changes an asset by constants only; let the asset have a parameter for it"


class TaskTargets:
    """The targets of tasks: the assets, and the DAGs resolved so far with the types of their results."""

    def __init__(self, context: Context, versions: Versions) -> None:
        self._context = context
        self._assets: dict[int, Target] = {}
        self.versions = versions
        self.dags: dict[str, Target | None] = {}  # None: a mistake in it is reported already

    def add(self, dag: ResolvedDag, results: Mapping[str, Type]) -> None:
        self.dags[dag.name] = of_dag(dag, results)

    def target(self, name: str, task: Task, origin: Origin) -> Target | None:
        """Find what a task runs; None, with a diagnostic, where it names nothing that is known."""
        if task.asset is not None:
            asset = self.versions.find(task.asset, origin)
            return None if asset is None else self._asset(asset)
        if task.dag is not None:
            return self._dag(task.dag, origin.at("dag"))
        if task.pause is not None:
            return of_pause(name, task.pause)
        return of_inline(self._context, name, task, origin)

    def _asset(self, asset: Definition[ComputeAsset]) -> Target:
        target = self._assets.get(id(asset))
        if target is None:
            target = self._assets[id(asset)] = of_asset(self._context, asset)
        return target

    def _dag(self, name: str, origin: Origin) -> Target | None:
        if name not in self.dags and self._context.is_flawed("Dag", name):
            return None
        if name not in self.dags:
            known = self._context.workspace.dags
            hint = self._context.broken("Dag", name) or did_you_mean(name, known)
            hint = hint or (f"there is {', '.join(known)}" if len(known) < 10 else None)
            self._context.add("A204", origin, f"there is no DAG '{name}'", hint=hint)
            return None
        return self.dags[name]


class Tasks:
    """Resolves the tasks of one DAG."""

    def __init__(self, context: Context, library: TaskTargets, dag: Definition[Dag]) -> None:
        self._context = context
        self._dag = dag
        model, origin = dag.model, dag.origin
        sections = (("tasks", model.tasks), ("finally", model.finally_))
        self._origins = {name: origin.at(section, name) for section, tasks in sections for name in tasks}
        self._targets = {
            name: library.target(name, task, self._origins[name])
            for _, tasks in sections
            for name, task in tasks.items()
        }
        self.scope = Scope(context, dag, self._targets)
        self._binder = Binder(context, self.scope)

    def resolve(self, tasks: Mapping[str, Task], *, closing: bool = False) -> tuple[ResolvedTask, ...]:
        """The tasks of one section in the order of the file; cycles are reported."""
        resolved = [self._task(name, task, tasks, closing) for name, task in tasks.items()]
        known = tuple(task for task in resolved if task is not None)
        self._report_cycles(known)
        return known

    def _task(self, name: str, task: Task, siblings: Mapping[str, Task], closing: bool) -> ResolvedTask | None:
        context, origin, target = self._context, self._origins[name], self._targets[name]
        site = Site(name, origin, closing)
        foreach = when = None
        if task.foreach is not None:
            from compiler.resolve.loops import resolve_foreach

            foreach, site.item = resolve_foreach(context, self.scope, task.foreach, site)
        if task.when is not None:
            from compiler.resolve.when import resolve_when

            when = resolve_when(context, self.scope, task.when, site)
        needs = resolve_needs(context, task, origin, siblings)
        self._check_texts(task, target, site)
        if target is None:
            for given, value in task.with_.items():
                self._read_only(value, given, site)
            return None
        bindings = self._binder.bind(task, target, site)
        return ResolvedTask(name, task, origin, target.definition, bindings, foreach, needs, when, tuple(site.data))

    def _read_only(self, value: object, given: str, site: Site) -> None:
        """References in a task whose target is not known are held against the DAG all the same."""
        if isinstance(value, str):
            for ref in refs_of(self._context.parse(value, site.origin, ("with", given))):
                self.scope.type_of(ref, site, ("with", given))

    def _check_texts(self, task: Task, target: Target | None, site: Site) -> None:
        origin = site.origin
        if target is not None and target.definition is task:
            check_container(self._context, task, origin, self._dag.model.files, closing=site.closing)
            return
        fields = task.model_fields_set
        if fields <= _READ:
            return
        for field in fields - _READ:
            hint = _CONSTANT if task.asset is not None else ""
            where = origin.at(type(task).model_fields[field].alias or field)
            self._context.refuse(getattr(task, field), where, hint)

    def _report_cycles(self, tasks: tuple[ResolvedTask, ...]) -> None:
        graph = {task.name: _edges(task) for task in tasks}
        for cycle in cycles(graph):
            name = cycle[0]
            origin = self._origins[name]
            if len(cycle) == 2:
                self._context.add("A207", origin, f"task '{name}' waits for itself", key=True)
                continue
            message = f"tasks wait for each other: {' -> '.join(cycle)}"
            hint = "an arrow leads to what a task needs or reads; remove one of them"
            self._context.add("A207", origin, message, hint=hint, key=True)


def _edges(task: ResolvedTask) -> list[str] | tuple[str, ...]:
    return task.data if task.needs is None else [*task.data, *(leaf.task for leaf in leaves(task.needs))]
