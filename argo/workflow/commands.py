"""Commands to a run as edits of its Workflow object, as Argo's CLI makes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from argo.backend import CommandArguments
from argo.errors import ConflictError
from argo.workflow import nodes
from argo.workflow.demands import require_running
from argo.workflow.gates import APPROVE, DECISION, REJECT, resumed, signed
from argo.workflow.selectors import select
from argo.workflow.tasks import gate
from argo.workflow.tree import waiting
from argo.workflow.values import text
from compiler.manifest_types import NodeStatus, Workflow


def user() -> str:
    """The user of this machine, who is the one that gives commands here."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def apply(workflow: Workflow, verb: str, arguments: CommandArguments, now: datetime) -> set[str]:
    """Carry out a command: edits `workflow` and returns the ids of the nodes that it changed.

    Raises ConflictError where the run's state does not allow it.
    """
    require_running(workflow)
    changed = _VERBS[verb](workflow, arguments, now)
    if arguments.get("actor"):  # Argo: util/creator/creator.go
        labels = workflow["metadata"].setdefault("labels", {})
        labels["workflows.argoproj.io/actor"] = arguments["actor"]
        if verb in _ACTIONS:
            labels["workflows.argoproj.io/action"] = _ACTIONS[verb]
    return changed


class Answer(NamedTuple):
    """An answer to a waiting suspend node: its phase, its outputs and why."""

    phase: str
    outputs: dict[str, str]
    message: str


def answer(node: NodeStatus, verb: str, by: str, message: str = "", outputs: Mapping[str, str] | None = None) -> Answer:
    """The answer by which `by` approves or rejects a waiting node, with values for its other parameters.

    A gate ends with its decision, which its dependents read; a bare suspend node can only go on or fail. Raises
    ConflictError where a value is missing without which it cannot succeed.
    """
    given, decided = dict(outputs or {}), any(p["name"] == DECISION for p in nodes.supplied(node))
    phase = "Succeeded" if decided or verb == APPROVE else "Failed"
    if decided:
        given = {DECISION: verb, **given}
    return Answer(phase, _values(node, phase, given), signed(verb, by, message))


def _shut_down(strategy: str, workflow: Workflow, _arguments: CommandArguments, _now: datetime) -> set[str]:
    workflow["spec"]["shutdown"] = strategy
    return set()


def _suspend(workflow: Workflow, _arguments: CommandArguments, _now: datetime) -> set[str]:
    workflow["spec"]["suspend"] = True
    return set()


def _resume(workflow: Workflow, arguments: CommandArguments, now: datetime) -> set[str]:
    """Lift the suspension; bare suspend nodes go on, those that want a decision keep waiting."""
    workflow["spec"].pop("suspend", None)
    said = resumed(arguments.get("by", ""))
    return {nodes.resume_node(workflow, node, now, said) for node in waiting(workflow) if not nodes.supplied(node)}


def _answer(verb: str, workflow: Workflow, arguments: CommandArguments, now: datetime) -> set[str]:
    node = gate(workflow, arguments["task"])
    given = answer(node, verb, arguments.get("by", ""), arguments["message"], arguments.get("outputs"))
    return {nodes.set_node(workflow, node, now, phase=given.phase, message=given.message, parameters=given.outputs)}


def _resume_nodes(workflow: Workflow, arguments: CommandArguments, now: datetime) -> set[str]:
    """As Argo's `resume`: without a selector the suspension is lifted and all waiting nodes go on, gates, too."""
    selector, chosen = arguments.get("selector"), waiting(workflow)
    if selector:
        chosen = select(chosen, selector)
    for node in chosen:
        nodes.require_defaults(node)  # before anything is changed
    if not selector:
        workflow["spec"].pop("suspend", None)
    return {nodes.resume_node(workflow, node, now, arguments.get("message") or "") for node in chosen}


def _set_nodes(workflow: Workflow, arguments: CommandArguments, now: datetime) -> set[str]:
    """As Argo's `node set` and `stop` of single nodes: outputs, phase and message of the waiting nodes selected."""
    phase, message = (str(arguments.get(key) or "") for key in ("phase", "message"))
    return {
        nodes.set_node(workflow, node, now, phase=phase, message=message, parameters=arguments.get("outputs"))
        for node in select(waiting(workflow), arguments["selector"])
    }


_ACTIONS = {
    "stop": "Stop", "terminate": "Terminate", "suspend": "Suspend", "resume": "Resume", "resume-nodes": "Resume",
}  # fmt: skip
_VERBS: dict[str, Callable[[Workflow, CommandArguments, datetime], set[str]]] = {
    "stop": partial(_shut_down, nodes.STOP),
    "terminate": partial(_shut_down, nodes.TERMINATE),
    "suspend": _suspend,
    "resume": _resume,
    "resume-nodes": _resume_nodes,
    "set-nodes": _set_nodes,
    "approve": partial(_answer, APPROVE),
    "reject": partial(_answer, REJECT),
}


def _values(node: NodeStatus, phase: str, outputs: Mapping[str, str]) -> dict[str, str]:
    """The values that a waiting node ends with: what nobody supplied takes its default."""
    values = dict(outputs)
    for parameter in nodes.supplied(node):
        name, default = parameter["name"], parameter["valueFrom"].get("default")
        if name not in values and default is not None:
            values[name] = text(default)
        elif name not in values and phase == "Succeeded":
            raise ConflictError(f"{node['name']} wants a value for {name}")
    return values
