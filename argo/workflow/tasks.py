"""Finds which tasks of a run somebody means by what they typed: the one rule, at every entrance."""

from __future__ import annotations

import re

from argo.backend import FINISHED
from argo.errors import ConflictError, NotFoundError, did_you_mean
from argo.workflow.status import nodes_of, relative
from argo.workflow.tree import waiting
from compiler.manifest_types import NodeStatus, Workflow

_ITEM = re.compile(r"\((\d+):[^()]*\)")  # of a node's name; Argo leaves parentheses out of what describes an item


def meant(workflow: Workflow, task: str, among: list[NodeStatus] | None = None) -> list[NodeStatus]:
    """The nodes that `task` names, of all or of those `among` which it is looked for.

    That is, in this order: a name in the run (`inner.task`, an item with or without what describes it: `count(0)`), a
    display name, a node's id, a loop by the name of its items. Raises NotFoundError where no node is called so.
    """
    nodes = [*nodes_of(workflow).values()] if among is None else among
    found = _called(workflow, task, nodes)
    if not found:
        run = workflow["metadata"]["name"]
        names = [relative(node["name"], run) for node in nodes]
        hint = did_you_mean(task, names) or f"argosy status {run} shows its tasks"
        raise NotFoundError(f"{run} has no task named {task}", hint=hint)
    return found


def task_names(workflow: Workflow, task: str) -> list[str]:
    """The names in the run of what `task` names; none where that is not there, or not yet."""
    found = _called(workflow, task, [*nodes_of(workflow).values()])
    return [relative(node["name"], workflow["metadata"]["name"]) for node in found]


def pods(workflow: Workflow, task: str | None = None) -> list[NodeStatus]:
    """The nodes of all pods, or of those that belong to what `task` names, in the order of their start.

    Items, attempts and the tasks inside it belong to a task. Raises NotFoundError where no node is called so.
    """
    return _pods_of(workflow, None if task is None else meant(workflow, task))


def pods_so_far(workflow: Workflow, task: str | None) -> list[NodeStatus]:
    """As `pods`; none for a task that a run which goes on does not have yet."""
    if task is None or (workflow.get("status") or {}).get("phase") in FINISHED:
        return pods(workflow, task)
    return _pods_of(workflow, _called(workflow, task, [*nodes_of(workflow).values()]))


def gate(workflow: Workflow, task: str) -> NodeStatus:
    """The waiting suspend node that `task` names.

    Raises NotFoundError where no node is called so, ConflictError where none of them waits, or more than one.
    """
    run, open_ = workflow["metadata"]["name"], waiting(workflow)
    found = _called(workflow, task, open_)
    if not found:
        meant(workflow, task)  # which says when there is no such task
        names = [relative(node["name"], run) for node in open_]
        hint = f"waiting are: {', '.join(names)}" if names else "no task waits"
        raise ConflictError(f"the task {task} of {run} does not wait for a decision", hint=hint)
    if len(found) > 1:
        names = [relative(node["name"], run) for node in found]
        raise ConflictError(f"several tasks of {run} are named {task}", hint=f"one of {', '.join(names)}")
    return found[0]


def _called(workflow: Workflow, task: str, nodes: list[NodeStatus]) -> list[NodeStatus]:
    """As `meant`; none where no node is called so."""
    known = [_names(node, workflow["metadata"]["name"]) for node in nodes]
    for alike in zip(*known, strict=True):
        if found := [node for node, name in zip(nodes, alike, strict=True) if name == task]:
            return found
    return []


def _pods_of(workflow: Workflow, tasks: list[NodeStatus] | None) -> list[NodeStatus]:
    """The nodes of the pods that belong to these tasks, None: of all pods."""
    chosen = [node for node in nodes_of(workflow).values() if node["type"] == "Pod"]
    if tasks is not None:
        chosen = [node for node in chosen if any(_within(node["name"], task["name"]) for task in tasks)]
    return sorted(chosen, key=lambda node: (node.get("startedAt") or "", node["name"]))


def spellings(name: str) -> tuple[str, str, str]:
    """A task's name as it may be typed: whole, items without what describes them, as the loop that it is an item of."""
    return name, _ITEM.sub(r"(\1)", name), name.rpartition("(")[0] if name.endswith(")") else name


def _names(node: NodeStatus, run: str) -> tuple[str, ...]:
    """The names that a node may be called by, the surest first."""
    *own, loop = spellings(relative(node["name"], run))
    *shown, loop_shown = spellings(node.get("displayName") or "")
    return *own, *shown, node["id"], loop, loop_shown


def _within(name: str, outer: str) -> bool:
    return name == outer or name.startswith((f"{outer}(", f"{outer}.", f"{outer}["))
