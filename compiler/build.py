"""Lowers, emits and renders one DAG: as one Workflow, or as several where one would outgrow what Argo stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from compiler import render, size
from compiler.diagnostics import has_errors
from compiler.emit import emit_workflow
from compiler.lower.workflows import lower_workflow
from compiler.result import DagStats, Document

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic
    from compiler.lower.split.dags import Split
    from compiler.plan import DagTask, WorkflowPlan
    from compiler.program import Program, ResolvedDag

# What is aimed at in parts of the budget, one after the other: sizes are only known when everything is rendered.
_AIMS: Final = (0.75, 0.5, 0.3)


class CompiledDag(NamedTuple):
    """A compiled DAG."""

    documents: tuple[Document, ...]
    stats: DagStats
    diagnostics: list[Diagnostic]


class _RenderedObjects(NamedTuple):
    """The objects of one or several Workflows; `size` is what the largest grows to, `largest` its name."""

    documents: tuple[Document, ...]
    length: int
    size: int
    largest: WorkflowPlan


def build(program: Program, dag: ResolvedDag, form: Literal["template", "workflow"]) -> CompiledDag:
    """The objects of a DAG, and what they come to."""
    whole, found = lower_workflow(program, dag)
    rendered = None
    splits = not program.profile.offload and not has_errors(found)
    if not splits or size.estimate(0, whole.nodes) <= size.BUDGET:
        rendered = _render((whole,), form)
    reason = ""
    if splits and (rendered is None or rendered.size > size.BUDGET):
        split, made, reason = _split(program, dag, whole, form)
        if split is not None and made is not None:
            note = size.note(program.profile, made.size, len(split.children))
            return CompiledDag(made.documents, _stats(dag, split.plans, made, note), found)
    rendered = rendered or _render((whole,), form)
    found = [*found, *size.check(program, dag, rendered.size, whole.nodes, reason)]
    note = size.note(program.profile, rendered.size)
    return CompiledDag(rendered.documents, _stats(dag, (whole,), rendered, note), found)


def _split(
    program: Program, dag: ResolvedDag, whole: WorkflowPlan, form: Literal["template", "workflow"]
) -> tuple[Split | None, _RenderedObjects | None, str]:
    """The DAG as Workflows within the budget; else why there are none."""
    from compiler.lower.split.dags import split_workflow

    reason = _alone(whole, f"would make {whole.nodes} nodes")
    for aim in _AIMS:
        split = split_workflow(program, dag, whole, int(size.BUDGET * aim), size.NODE)
        if split is None:
            break
        rendered = _render(split.plans, form)
        if rendered.size <= size.BUDGET:
            return split, rendered, ""
        reason = _reason(split, rendered)
    return None, None, reason


def _reason(split: Split, rendered: _RenderedObjects) -> str:
    """Why the largest of the Workflows is too large."""
    large = rendered.largest
    if large is split.parent:
        return f"the Workflow of {len(split.children)} children and of what cannot be in one is {rendered.size:,} bytes"
    return _alone(large, f"would come to {rendered.size:,} bytes ({large.nodes} nodes)")


def _alone(plan: WorkflowPlan, what: str) -> str:
    """Say of a Workflow that is too large that its tasks cannot be parted."""
    bodies = {template.name: template.body for template in plan.templates}
    tasks: tuple[DagTask, ...] = getattr(bodies[plan.entrypoint], "tasks", ())
    if plan.entrypoint.endswith("-exported"):  # around the DAG
        tasks = getattr(bodies[tasks[0].template], "tasks", ())
    names = [f"'{task.name}'" for task in tasks]
    if len(names) == 1:
        return f"task {names[0]} alone {what}"
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"the tasks {listed}, which cannot be parted, {what}"


def _render(plans: tuple[WorkflowPlan, ...], form: Literal["template", "workflow"]) -> _RenderedObjects:
    documents: list[Document] = []
    lengths = []
    for number, plan in enumerate(plans):
        lengths.append(0)
        # Only the DAG itself is run: its children are there to be started by it.
        for obj in emit_workflow(plan, form if number == 0 else "template"):
            document = Document.of(obj, render.yaml(obj))
            documents.append(document)
            if document.kind in ("Workflow", "WorkflowTemplate"):
                lengths[-1] += len(document.data)
    sizes = [size.estimate(length, plan.nodes) for length, plan in zip(lengths, plans, strict=True)]
    largest = max(range(len(plans)), key=sizes.__getitem__)
    return _RenderedObjects(tuple(documents), sum(lengths), sizes[largest], plans[largest])


def _stats(dag: ResolvedDag, plans: tuple[WorkflowPlan, ...], rendered: _RenderedObjects, note: str) -> DagStats:
    return DagStats(
        dag.name,
        rendered.length,
        sum(plan.nodes for plan in plans),
        sum(plan.open_loops for plan in plans),
        sum(len(plan.templates) for plan in plans),
        rendered.size,
        note,
    )
