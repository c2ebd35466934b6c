"""Commands to a run as edits of its Workflow object, as Argo's CLI makes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple, TypedDict

from argo.backend import FINISHED
from argo.errors import ConflictError
from argo.workflow import nodes
from argo.workflow.gates import APPROVE, DECISION, REJECT, resumed, signed
from argo.workflow.selectors import select
from argo.workflow.tasks import gate
from argo.workflow.tree import waiting
from argo.workflow.values import text
from compiler.manifest_types import NodeStatus, Workflow


class CommandArguments(TypedDict, total=False):
    """The arguments of a command: who gives it, the nodes that it is for, and what they get."""

    actor: str
    by: str
    task: str
    selector: str
    phase: str
    message: str
    outputs: dict[str, str]


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
    status = workflow.get("status") or {}
    if status.get("phase") in FINISHED:
        name = workflow["metadata"]["name"]
        raise ConflictError(
            f"{name} has ended: {status['phase']}", known="nothing was changed", hint=f"argosy status {name}"
        )
    changed = _VERBS[verb](workflow, arguments, now)
    if arguments.get("actor"):  # Argo: util/creator/creator.go
        labels = workflow["metadata"].setdefault("labels", {})
        labels["workflows.argoproj.io/actor"] = arguments["actor"]
        if verb in _ACTIONS:
            labels["workflows.argoproj.io/action"] = _ACTIONS[verb]
    return changed


def supplied(node: NodeStatus) -> list[str]:
    """The output parameters of a suspend node that somebody has to supply, and has not."""
    parameters = (node.get("outputs") or {}).get("parameters") or ()
    return [p["name"] for p in parameters if "supplied" in (p.get("valueFrom") or {}) and "value" not in p]


class Answer(NamedTuple):
    """An answer to a waiting suspend node: its phase, its outputs and why."""

    phase: str
    outputs: dict[str, str]
    message: str


def answer(node: NodeStatus, verb: str, by: str, message: str = "", outputs: Mapping[str, str] | None = None) -> Answer:
    """The answer by which `by` approves or rejects a waiting node, with values for its other parameters.

    A gate ends with its decision, which its dependents read; a bare suspend node can only go on or fail.
    """
    given, said = dict(outputs or {}), signed(verb, by, message)
    if DECISION in supplied(node):
        return Answer("Succeeded", {DECISION: verb, **given}, said)
    return Answer("Succeeded" if verb == APPROVE else "Failed", given, said)


def _stop(workflow: Workflow, _arguments: CommandArguments, _now: datetime) -> set[str]:
    nodes.stop(workflow)
    return set()


def _terminate(workflow: Workflow, _arguments: CommandArguments, _now: datetime) -> set[str]:
    nodes.stop(workflow, nodes.TERMINATE)
    return set()


def _suspend(workflow: Workflow, _arguments: CommandArguments, _now: datetime) -> set[str]:
    nodes.suspend(workflow)
    return set()


def _resume(workflow: Workflow, arguments: CommandArguments, now: datetime) -> set[str]:
    """Lift the suspension; bare suspend nodes go on, those that want a decision keep waiting."""
    workflow["spec"].pop("suspend", None)
    said = resumed(arguments.get("by", ""))
    return {nodes.resume_node(workflow, node, now, said) for node in waiting(workflow) if not supplied(node)}


def _set(workflow: Workflow, arguments: CommandArguments, now: datetime) -> set[str]:
    node = gate(workflow, arguments["task"])
    return _decide(workflow, node, now, arguments["phase"], arguments["outputs"], arguments["message"])


def _answer(verb: str, workflow: Workflow, arguments: CommandArguments, now: datetime) -> set[str]:
    node = gate(workflow, arguments["task"])
    given = answer(node, verb, arguments.get("by", ""), arguments["message"], arguments.get("outputs"))
    return _decide(workflow, node, now, *given)


def _resume_nodes(workflow: Workflow, arguments: CommandArguments, now: datetime) -> set[str]:
    """As Argo's `resume`: without a selector the suspension is lifted and all waiting nodes go on, gates, too."""
    if not arguments.get("selector"):
        return nodes.resume(workflow, now, arguments.get("message") or "")
    chosen = select(waiting(workflow), arguments["selector"])
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
    "stop": _stop,
    "terminate": _terminate,
    "suspend": _suspend,
    "resume": _resume,
    "set": _set,
    "resume-nodes": _resume_nodes,
    "set-nodes": _set_nodes,
    "approve": partial(_answer, APPROVE),
    "reject": partial(_answer, REJECT),
}


def decision(node: NodeStatus, phase: str, outputs: Mapping[str, str]) -> dict[str, str]:
    """The values that a waiting node ends with: what nobody supplied takes its default.

    Raises ConflictError where a value is missing without which it cannot succeed.
    """
    parameters = {p["name"]: p for p in (node.get("outputs") or {}).get("parameters") or ()}
    values = dict(outputs)
    for name in supplied(node):
        default = parameters[name]["valueFrom"].get("default")
        if name not in values and default is not None:
            values[name] = text(default)
        if name not in values and phase == "Succeeded":
            raise ConflictError(f"{node['name']} wants a value for {name}")
    return values


def _decide(
    workflow: Workflow, node: NodeStatus, now: datetime, phase: str, outputs: Mapping[str, str], message: str
) -> set[str]:
    values = decision(node, phase, outputs)
    return {nodes.set_node(workflow, node, now, phase=phase, message=message, parameters=values)}
