"""The gates of a run: what each asks, what was decided, by whom and why. Pure functions of a Workflow object.

Argo has one place for who decided a suspend node: the node's message. Argosy's commands write there what `signed`
makes, an Argo Server its `Resumed by`. Where the message says nothing, the run's labels name who acted last on it.
Facts: Argo workflow/util/util.go (ResumeWorkflow, updateSuspendedNode), workflow/creator/creator.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from argo.backend import FULFILLED
from argo.workflow.status import nodes_of, template_of
from argo.workflow.values import parse_duration, parse_time, text
from compiler.manifest_types import Inputs, NodeStatus, Workflow

DECISION = "decision"  # the output parameter of a gate
APPROVE, REJECT = "approve", "reject"
_SIGNED = re.compile(r"(?:approved|rejected) by (.+?)(?:: (.*))?", re.DOTALL)
_RESUMED = re.compile(r"Resumed by: map\[(.*)\]", re.DOTALL)
_CLAIM = re.compile(r"(PreferredUsername|Email|User):(.*?)(?= (?:PreferredUsername|User):|$)", re.DOTALL)
_ACTORS = ("actor-preferred-username", "actor-email", "actor")


@dataclass(frozen=True, slots=True)
class Gate:
    """A suspend node as people see it.

    `decision` is approved, rejected or expired (nobody decided in time), empty while it is open or where the run ended
    it. `by` is who decided, `reason` why, `values` what its other output parameters were given.
    """

    open: bool
    question: str = ""
    decision: str = ""
    by: str = ""
    reason: str = ""
    values: dict[str, str] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """The word that is shown in place of the node's phase; empty where the phase says it."""
        return "Waiting" if self.open else self.decision.capitalize()

    @property
    def note(self) -> str:
        """While it is open the question, then who decided, why, and what was asked."""
        if self.open:
            return self.question
        said = f"by {self.by}" if self.by else "nobody decided in time" if self.decision == "expired" else ""
        given = ", ".join(f"{name}={value}" for name, value in self.values.items())
        parts = (": ".join(filter(None, (said, self.reason))), given, self.question and f"(asked: {self.question})")
        return " ".join(filter(None, parts))

    def as_json(self) -> dict[str, object]:
        """`{"question", "decision", "by", "reason", "outputs"}`; `decision` is null while nothing is decided."""
        return {
            "question": self.question,
            "decision": self.decision or None,
            "by": self.by or None,
            "reason": self.reason,
            "outputs": self.values,
        }


def signed(verb: str, by: str, message: str) -> str:
    """The message of a node that `by` approves or rejects; of one that nobody says so of, only why."""
    said = f"{'approved' if verb == APPROVE else 'rejected'} by {by}" if by else ""
    return ": ".join(filter(None, (said, message)))


def gate_of(workflow: Workflow, node: NodeStatus) -> Gate | None:
    """Return a suspend node as a gate; None for any other node, and for one that only waits for its time to pass."""
    if node.get("type") != "Suspend":
        return None
    question = question_of(node.get("inputs") or {})
    phase, message = node.get("phase"), node.get("message") or ""
    if phase not in FULFILLED:
        return Gate(phase == "Running", question)
    given = (node.get("outputs") or {}).get("parameters") or ()
    values = {entry["name"]: text(entry["value"]) for entry in given if "value" in entry}
    chosen = values.pop(DECISION, "")
    by, reason = _who(message)
    expired = not by and _expired(workflow, node)
    if not by and not expired and (chosen or not message):
        by = _actor(workflow, node)
    return Gate(False, question, _decision(phase, chosen, by, expired), by, reason, values)


def _decision(phase: str | None, chosen: str, by: str, expired: bool) -> str:
    if phase in ("Failed", "Error"):
        return "rejected" if by else ""
    if not chosen:
        return "approved" if by and phase == "Succeeded" else ""
    return "approved" if chosen == APPROVE else "expired" if expired else "rejected"


def gates(workflow: Workflow) -> Iterator[tuple[NodeStatus, Gate]]:
    """The suspend nodes of a run with what is known of them, in the order of their start."""
    for node in sorted(nodes_of(workflow).values(), key=lambda node: (node.get("startedAt") or "", node["name"])):
        if (gate := gate_of(workflow, node)) is not None:
            yield node, gate


def question_of(inputs: Inputs) -> str:
    """Return the question of a suspend template, or of its node: the description of its parameter."""
    return next((str(p["description"]) for p in inputs.get("parameters") or () if p.get("description")), "")


def how(run: str, task: str, again: str = "") -> str:
    """The commands that decide a gate; `again` leads to the place where the run is."""
    return f"argosy approve {run} {task}{again}   or: argosy reject {run} {task}{again}"


def resumed(by: str) -> str:
    """The message of a node that `by` lets go on without deciding anything, as an Argo Server writes it."""
    return f"Resumed by: map[User:{by}]" if by else ""


def _who(message: str) -> tuple[str, str]:
    """Who decided, and why, out of a node's message."""
    if match := _SIGNED.fullmatch(message):
        return match[1], match[2] or ""
    if match := _RESUMED.search(message):
        claims = dict(_CLAIM.findall(match[1]))
        found = next((claims[name] for name in ("PreferredUsername", "Email", "User") if name in claims), "")
        return found, message[: match.start()].rstrip("; ")
    return "", message


def _actor(workflow: Workflow, node: NodeStatus) -> str:
    """Who acted last on the run, where the node is the one that was decided last."""
    nodes = nodes_of(workflow).values()
    ends = [n.get("finishedAt") or "" for n in nodes if n.get("type") == "Suspend" and n.get("phase") in FULFILLED]
    labels = workflow["metadata"].get("labels") or {}
    if (node.get("finishedAt") or "") != max(ends):
        return ""
    found = (labels.get(f"workflows.argoproj.io/{name}") for name in _ACTORS)
    return next((str(name).replace(".at.", "@") for name in found if name), "")


def _expired(workflow: Workflow, node: NodeStatus) -> bool:
    """True where a node ended because its time had passed."""
    duration = (template_of(node, workflow).get("suspend") or {}).get("duration")
    try:
        taken = parse_time(node["finishedAt"] or "") - parse_time(node["startedAt"] or "")
        return bool(duration) and taken >= parse_duration(str(duration))
    except (KeyError, TypeError, ValueError):
        return False
