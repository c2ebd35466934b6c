"""Checks for what is declared and never used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from compiler.check.survey import Container, Survey, all_tasks, is_complete, refs_of, refs_of_condition
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.models import ComputeAsset
from compiler.program import ResolvedDag
from compiler.refs import OPEN, Ref
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
    used = {(ref.kind, ref.name, ref.output) for ref in _references(dag)}
    for section, kind, names in (
        ("parameters", "params", dag.model.parameters),
        ("inputs", "inputs", dag.model.inputs),
    ):
        for name in names:
            if (kind, name, "") not in used and not _is_mentioned(dag, f"{kind}.{name}"):
                message = f"no task uses {section.removesuffix('s')} '{name}' of the DAG"
                hint = f"give it to a task: ${{{{ {kind}.{name} }}}}"
                yield diagnostic("A323", dag.origin.at(section, name), message, key=True, hint=hint)
    if dag.model.env is not None and ("env", "", "") not in used and not _is_mentioned(dag, "env"):
        hint = "give it to an input of `kind: env`: ${{ env }}"
        yield diagnostic("A323", dag.origin.at("env"), "no task uses the DAG's environment", key=True, hint=hint)
    for task in all_tasks(dag):
        if task.target is task.task:
            for name in task.task.outputs:
                mention = f"tasks.{task.name}.outputs.{name}"
                if ("tasks", task.name, name) not in used and not _is_mentioned(dag, mention):
                    message = f"nothing reads output '{name}' of task '{task.name}'"
                    hint = "give it to a task, name it in `results`, or leave it out"
                    yield diagnostic("A323", task.origin.at("outputs", name), message, key=True, hint=hint)


def _references(dag: ResolvedDag) -> Iterator[Ref]:
    for task in all_tasks(dag):
        for binding in task.bindings.values():
            yield from refs_of(binding)
        if task.foreach and task.foreach.ref:
            yield task.foreach.ref
        yield from refs_of_condition(task.when)
    yield from dag.results.values()


def _is_mentioned(dag: ResolvedDag, reference: str) -> bool:
    """True where a text of the DAG holds a reference, even one that a mistake beside it kept from being bound."""
    model = dag.model
    given = [(task.with_, task.when, task.foreach) for task in (*model.tasks.values(), *model.finally_.values())]
    pattern = re.compile(r"\$\{\{\s*" + re.escape(reference) + r"\s*\}\}")
    return any(pattern.search(text) for _, text in texts((given, model.results)) if OPEN in text)
