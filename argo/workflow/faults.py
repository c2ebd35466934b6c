"""Whose fault a failure is, why, and what to do: told from what Argo says of a node. Its own words stay as they are.

Facts: Argo's workflow/controller/operator.go (inferFailedReason) and workflow/executor; the kubelet's words for pods.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from argo.workflow.status import template_of
from compiler.manifest_types import NodeStatus, Template, Workflow


class Fault(NamedTuple):
    """Whose fault it is, a sentence on why, and what to do; `why` is empty where Argo's own words say it."""

    whose: str
    why: str = ""
    hint: str = ""

    def as_json(self) -> dict[str, object]:
        """As `argosy status -o json` and the service show it."""
        return self._asdict()


PROGRAM, DEFINITION, MACHINE, STORE = "the program", "the definition", "the machine or cluster", "the store"
SOMEBODY, TIME = "whoever stopped it", "a limit of time"
_MEMORY: Final = "give it more memory (resources: {memory: …}), or let it use less"

_CODE = re.compile(r"(?:^|\b)(?:([a-z0-9-]+): )?(?:Error|OOMKilled) \(exit code (\d+)\)")
_SIGNALS: Final = {
    "SIGKILL": ("killed (SIGKILL); most often because memory ran out", _MEMORY),
    "SIGTERM": ("told to end (SIGTERM)", "look who stopped it: argosy status, the cluster's events"),
    "SIGSEGV": ("crashed (SIGSEGV): a fault in the program, or in a library of its image", "argosy logs"),
}
_CODES: Final = {
    126: ("its command is there, but cannot be executed", "is it executable, and of this kind of machine?"),
    127: ("its shell found no such program", "install it in the image; processes use no image: on this machine"),
}

Explain = Callable[[re.Match[str], NodeStatus, Template], Fault]
_Rule = tuple[str, Explain]


def _said(whose: str, why: str = "", hint: str = "") -> Explain:
    return lambda match, _node, _template: Fault(whose, match.expand(why), match.expand(hint))


def _late(_match: re.Match[str], _node: NodeStatus, template: Template) -> Fault:
    seconds = template.get("activeDeadlineSeconds")
    limit = f"its timeout of {seconds} s is over" if seconds is not None else "its timeout is over"
    return Fault(TIME, f"{limit} (the task's or asset's `timeout`: activeDeadlineSeconds of its template)", "raise it")


_RULES: Final[tuple[_Rule, ...]] = (
    (r"OOMKilled", _said(PROGRAM, "it used more memory than its limit, and was killed", _MEMORY)),
    (r"Pod ephemeral local storage usage exceeds|exceeds its local ephemeral storage", _said(
        PROGRAM, "it wrote more to disk than its limit", "raise resources: {disk: …}, or let it write less")),
    (r"The node was low on resource: ([\w-]+)", _said(
        MACHINE, r"its node ran out of \1, and it was evicted", r"ask for what it needs (resources), or retry it")),
    (r"Preempt|preempted", _said(MACHINE, "something of higher priority took its place", "retry it")),
    (r"No more retries left", _said(PROGRAM, "all its attempts failed", "argosy logs shows the last one's")),
    (r"longer than the specified deadline|DeadlineExceeded", _late),
    (r"Step exceeded its deadline|exceeded workflow deadline|exceeded its deadline", _said(
        TIME, "the time of the whole run is over (`limits: {timeout}` of the DAG or the profile's `timeout`; "
        "activeDeadlineSeconds of the Workflow)", "raise it")),
    (r"Max duration limit exceeded", _said(
        TIME, "the time for its retries is over (`retry: {backoff: {max}}`; maxDuration)", "raise it")),
    (r"shutdown with strategy|Stopped with strategy", _said(SOMEBODY)),
    (r"failed to find name in PATH: exec: \"([^\"]*)\"", _said(
        DEFINITION, r"there is no program \1: the process executor uses no images, and looks for it on this machine; "
        "elsewhere the image lacks it", r"mend `command`; install \1 here, or run with --executor podman or docker")),
    (r"failed to start command", _said(
        DEFINITION, "its command is there, but cannot be executed", "is it executable, and of this kind of machine?")),
    (r"secret \"([^\"]+)\" with key (\S+) not found", _said(
        DEFINITION, r"the Secret \1 has no key \2 where it runs",
        r"on this machine: write ARGOSY_HOME/secrets/\1/\2, mode 0600; on a cluster: kubectl create secret generic "
        r"\1 --from-file=\2=FILE")),
    (r"couldn't find key (\S+) in Secret \S+/(\S+)", _said(
        DEFINITION, r"the Secret \2 has no key \1", r"kubectl edit secret \2")),
    (r"secret \"([^\"]+)\" not found", _said(
        DEFINITION, r"there is no Secret \1 where it runs",
        r"on this machine: write its keys as ARGOSY_HOME/secrets/\1/KEY, mode 0600; on a cluster: "
        r"kubectl create secret generic \1")),
    (r"configmap \"([^\"]+)\" not found", _said(DEFINITION, r"there is no ConfigMap \1", "give it with the run")),
    (r"ImagePullBackOff|ErrImagePull|InvalidImageName|ErrImageNeverPull", _said(
        DEFINITION, "its image cannot be had: the name, the registry's access, or the way to it",
        "look at `image`, and at `imagePullSecrets` of the profile")),
    (r"AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Access Denied|does not match the signature", _said(
        STORE, "the store refuses the credentials", "argosy doctor looks at them")),
    (r"no such bucket|NoSuchBucket|bucket does not exist", _said(
        STORE, "the bucket is not there", "argosy doctor looks at the store")),
    (r"^init: .*(?:required|failed to load|does not exist|NoSuchKey|404)", _said(
        DEFINITION, "an input of it could not be brought: it is not where the definition says",
        "look whether what should have made it did")),
    (r"^wait: .*?output (?:parameter|artifact) '([^']+)'.*no such file or directory", _said(
        PROGRAM, r"it ended, and has not written its output \1 where the definition says",
        "mend the program or the output's `path`; or say `optional: true`")),
    (r"no such file or directory|does not exist in the container|failed to stat", _said(
        PROGRAM, "it ended, and has not written an output where the definition says",
        "mend the program or the output's `path`; or say `optional: true`")),
    (r"^wait: ", _said(STORE, "its outputs could not be stored", "argosy doctor looks at the store; argosy retry")),
    (r"^init: ", _said(MACHINE, "what it needs could not be brought to it", "argosy logs; argosy retry")),
    (r"Unschedulable: this machine has ", _said(MACHINE, "", "run it on a cluster: argosy submit --profile")),
    (r"Unschedulable: .*Insufficient (\S*?gpu\S*?)[,.]", _said(
        MACHINE, r"waits for \1: what there is, others have, or no node has any", "argosy doctor counts them")),
    (r"Unschedulable: .*(?:affinity|selector|taint)", _said(
        MACHINE, "waits for a node of the kind that it asks for: none has room", "look at `placement`, `gpu`")),
    (r"Unschedulable: .*?nodes are available: (.*)", lambda match, _n, _t: Fault(
        MACHINE, f"waits until other tasks let go of {_lacking(match[1])}", "it starts by itself")),
    (r"PodInitializing|ContainerCreating", _said(MACHINE, "is being prepared: image, volumes and inputs are brought")),
    (r"pod deleted|NodeLost|node lost|NodeShutdown", _said(
        MACHINE, "its pod was taken away while it ran: a restart, a removed node, or somebody", "argosy retry")),
    (r"the container runtime could not start it", _said(MACHINE, "", "argosy logs")),
)  # fmt: skip


def explained(node: NodeStatus, workflow: Workflow) -> Fault | None:
    """Whose fault the failure, or the waiting, of a task that runs something is. None where it has neither."""
    phase, message = node.get("phase") or "Pending", node.get("message") or ""
    failed = phase in ("Failed", "Error")
    if node.get("type") not in ("Pod", "Container", "Retry") or not (failed or (phase == "Pending" and message)):
        return None
    for pattern, explain in _RULES:
        if match := re.search(pattern, message):
            return explain(match, node, template_of(node, workflow))
    if match := _CODE.search(message):
        return _of_code(int(match[2]))
    return Fault(PROGRAM if phase == "Failed" else MACHINE) if failed else None


def last(attempts: Iterable[NodeStatus], node: NodeStatus) -> NodeStatus:
    """A retried node whose attempts are used up, with what its last attempt says in place of that."""
    failed = [attempt for attempt in attempts if attempt.get("phase") in ("Failed", "Error")]
    return {**node, "message": failed[-1].get("message") or ""} if failed else node


def _of_code(code: int) -> Fault:
    if code in _CODES:
        return Fault(PROGRAM, *_CODES[code])
    try:
        name = signal.Signals(code - 128).name if code > 128 else ""
    except ValueError:
        name = ""
    why, hint = _SIGNALS.get(name, (f"ended by the signal {name}" if name else "", ""))
    return Fault(PROGRAM, why, hint)


def _lacking(text: str) -> str:
    """Say what nodes lack, from Kubernetes' list of reasons why no node fits."""
    found = [name for name in ("cpu", "memory") if f"Insufficient {name}" in text]
    return " and ".join([*found, *(["a place: too many run at once"] if "Too many pods" in text else [])]) or "room"
