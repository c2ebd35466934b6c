"""A resolved program -> its plan: templates shared, loops rolled, references in Argo's terms."""

from __future__ import annotations

from compiler.diagnostics import Diagnostic
from compiler.lower.workflows import lower_workflow
from compiler.plan import Plan
from compiler.program import Program

__all__ = ["lower", "lower_workflow"]


def lower(program: Program) -> tuple[Plan, list[Diagnostic]]:
    """The plan of all DAGs that were asked for. The program must be free of errors."""
    workflows = []
    diagnostics: list[Diagnostic] = []
    for dag in program.dags:
        workflow, found = lower_workflow(program, dag)
        workflows.append(workflow)
        diagnostics += found
    return Plan(tuple(workflows)), diagnostics
