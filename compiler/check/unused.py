"""Checks for what is declared and never used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from compiler.check.survey import Container, Survey, is_complete
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.models import ComputeAsset
from compiler.program import Origin, ResolvedDag
from compiler.refs import OPEN, Ref, print_ref
from compiler.resolve.containers import references
from compiler.resolve.texts import texts


def check(survey: Survey) -> Iterable[Diagnostic]:
    for container in survey.containers:
        yield from _parameters(container)
    for dag in survey.dags:
        if is_complete(dag):
            yield from _of_dag(dag)


def _parameters(container: Container) -> Iterator[Diagnostic]:
    model = container.model
    if not model.parameters or (isinstance(model, ComputeAsset) and model.mode != "job"):
        return
    used = {ref.name for _, ref in references(model) if ref.kind == "params"}
    for name in model.parameters:
        if name not in used:
            message = f"{container.what} never uses its parameter '{name}'"
            hint = f"write ${{{{ params.{name} }}}} in args, env or resources, or leave it out"
            yield diagnostic("A323", container.origin.at("parameters", name), message, key=True, hint=hint)


def _of_dag(dag: ResolvedDag) -> Iterator[Diagnostic]:
    used = {ref[:3] for task in dag.all_tasks for ref in (*task.refs, task.foreach and task.foreach.ref) if ref}
    used |= {ref[:3] for ref in dag.results.values()}
    for ref, origin, message, hint in _declared(dag):
        if ref[:3] not in used and not _is_mentioned(dag, ref):
            yield diagnostic("A323", origin, message, key=True, hint=hint)


def _declared(dag: ResolvedDag) -> Iterator[tuple[Ref, Origin, str, str]]:
    """All that a DAG declares for its tasks: a reference to it, its place, message and hint where nothing uses it."""
    model, origin = dag.model, dag.origin
    for name in model.parameters:
        message, hint = f"no task uses parameter '{name}' of the DAG", f"give it to a task: ${{{{ params.{name} }}}}"
        yield Ref("params", name), origin.at("parameters", name), message, hint
    for name in model.inputs:
        message, hint = f"no task uses input '{name}' of the DAG", f"give it to a task: ${{{{ inputs.{name} }}}}"
        yield Ref("inputs", name), origin.at("inputs", name), message, hint
    if model.env is not None:
        hint = "give it to an input of `kind: env`: ${{ env }}"
        yield Ref("env"), origin.at("env"), "no task uses the DAG's environment", hint
    for task in dag.all_tasks:
        for name in task.task.outputs if task.target is task.task else ():
            message = f"nothing reads output '{name}' of task '{task.name}'"
            hint = "give it to a task, name it in `results`, or leave it out"
            yield Ref("tasks", task.name, name), task.origin.at("outputs", name), message, hint


def _is_mentioned(dag: ResolvedDag, ref: Ref) -> bool:
    """True where a text of the DAG holds a reference, even one that a mistake beside it kept from being bound."""
    given = [(task.with_, task.when, task.foreach) for task in dag.model.all_tasks]
    pattern = re.compile(re.escape(print_ref(ref)).replace(r"\ ", r"\s*"))
    return any(pattern.search(text) for _, text in texts((given, dag.model.results)) if OPEN in text)
