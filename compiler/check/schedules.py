"""Schedules: a DAG that starts by itself gets nothing from anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.check.survey import Survey
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.program import EMBEDDED, LocalFile, ResolvedDag


def check(survey: Survey) -> Iterable[Diagnostic]:
    for dag in survey.program.dags:
        if dag.model.schedule is not None:
            yield from _parameters(dag)
            yield from _inputs(dag)


def _parameters(dag: ResolvedDag) -> Iterator[Diagnostic]:
    for name, parameter in dag.model.parameters.items():
        if parameter.required:
            message = f"DAG '{dag.name}' starts by a schedule, but its parameter '{name}' has no default"
            yield diagnostic("A410", dag.origin.at("parameters", name), message, key=True, hint="give it a default")


def _inputs(dag: ResolvedDag) -> Iterator[Diagnostic]:
    for name, given in dag.model.inputs.items():
        default, where = dag.inputs.get(name), dag.origin.at("inputs", name)
        if given.default is None and not given.optional:
            message = f"DAG '{dag.name}' starts by a schedule, but its input '{name}' has no default"
            hint = "give it a default in the store: default: {key: path/of/the/object}"
            yield diagnostic("A410", where, message, key=True, hint=hint)
        elif isinstance(default, LocalFile) and len(default.content) > EMBEDDED:
            size = f"{len(default.content) / 1024:.0f} KiB"
            message = f"'{default.path}' has {size} and is uploaded at submission, which a schedule does not do"
            hint = "a manifest takes 100 KiB; put the file in the store: default: {key: path/of/the/object}"
            yield diagnostic("A410", where.at("default"), message, hint=hint)
