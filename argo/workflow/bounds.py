"""The bounds of extended assets, as a manifest carries them: which place keeps which, and their NetworkPolicies.

What no place keeps is refused by name, before anything runs. `compiler.extend` writes what is read here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from argo.errors import UsageError
from compiler.labels import BOUNDS
from compiler.manifest_types import Object, Template, Workflow, WorkflowSpec

NOTHING, ADDRESSES, EVERYTHING = "egress to nothing", "egress to addresses", "egress to everything"
_RUNTIME: Final = frozenset({"cpu", "memory", "disk", "processes", NOTHING, EVERYTHING})
KEPT: Final[Mapping[str, frozenset[str]]] = {
    "the process executor": frozenset(),
    "podman": _RUNTIME,
    "docker": _RUNTIME,
    "Kubernetes": frozenset({"cpu", "memory", "disk", ADDRESSES, EVERYTHING}),
    "an Argo Server": frozenset({"cpu", "memory", "disk"}),
}
"""Which bounds each place keeps."""

_WHOLE: Final = frozenset({"0.0.0.0/0", "::/0"})
_CLUSTER: Final = ("Kubernetes", "an Argo Server")
_SWEAR: Final = "where the cluster keeps it by itself, the profile says so: enforces"
_HINTS: Final = (
    ("the process executor", "", "run it with podman or docker, or on a cluster"),
    ("Kubernetes", "processes", f"no field of a pod says it (kubelets do, podPidsLimit): {_SWEAR}"),
    ("Kubernetes", "egress", "its pods need the Kubernetes API and the store: profile, executorEgress"),
    ("an Argo Server", "", f"use a profile with a kubeconfig context; {_SWEAR}"),
    ("", ADDRESSES, "here a program reaches nothing, or everything: egress: [0.0.0.0/0, '::/0']"),
    ("", "egress", "containers of one pod have the machine's own network here: leave out the sidecars"),
    ("", "", "the runtime's `info` says what it can limit"),
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of one template that fields of its pod do not say. `executor`: what Argo's executor has to reach."""

    asset: str
    egress: tuple[str, ...] = ()
    executor: tuple[str, ...] = ()
    policy: str = ""
    processes: int | None = None
    enforced: tuple[str, ...] = ()
    alone: bool = True

    def rules(self, place: str) -> list[str]:
        """The names of the bounds, as the table has them."""
        reached = {*self.egress, *(self.executor if place in _CLUSTER else ())}
        egress = NOTHING if not reached else EVERYTHING if reached >= _WHOLE else ADDRESSES
        return ["cpu", "memory", "disk", *(["processes"] if self.processes else []), egress]

    def unkept(self, place: str, lacking: Iterable[str] = ()) -> list[str]:
        """The bounds that a place does not keep. `lacking`: what this one cannot do of what its kind can."""
        kept = KEPT[place] - {*lacking} - (frozenset() if self.alone or place in _CLUSTER else {NOTHING, EVERYTHING})
        sworn = self.enforced if place in _CLUSTER else ()
        return [rule for rule in self.rules(place) if rule not in kept and rule.split()[0] not in sworn]


def of_template(template: Template) -> Bounds | None:
    """The bounds of a template; None where it has none. Raises UsageError for what cannot be read."""
    text = ((template.get("metadata") or {}).get("annotations") or {}).get(BOUNDS)
    if text is None:
        return None
    alone = not template.get("sidecars") and len((template.get("containerSet") or {}).get("containers") or ()) < 2
    try:
        return of_description(json.loads(text), alone=alone)
    except (ValueError, TypeError, LookupError, AttributeError):
        message = f"the bounds of the template {template.get('name')} cannot be read"
        raise UsageError(message, hint=f"compile it anew, or mend its annotation {BOUNDS}") from None


def of_description(about: Mapping[str, Any], *, alone: bool = True) -> Bounds:
    """The bounds that `compiler.extend.described` describes."""
    egress, executor, enforced = (tuple(map(str, about.get(key) or ())) for key in ("egress", "executor", "enforced"))
    processes = about.get("processes")
    number = None if processes is None else int(processes)
    return Bounds(str(about["asset"]), egress, executor, str(about["policy"]), number, enforced, alone)


def bounded(workflow: Workflow, objects: Sequence[Object] = ()) -> Iterator[Bounds]:
    """The bounds of a Workflow's templates, and of those of the templates given with it."""
    specs: list[WorkflowSpec | None] = [workflow.get("spec")]
    specs += [value.get("spec") for value in objects if value["kind"].endswith("WorkflowTemplate")]
    for spec in specs:
        yield from filter(None, map(of_template, (spec or {}).get("templates") or ()))


def require(found: Iterable[Bounds], place: str, lacking: Iterable[str] = ()) -> None:
    """Raises UsageError, which names them, where bounds are not kept at a place."""
    without = [*lacking]
    for bounds in found:
        if rules := bounds.unkept(place, without):
            message = sentence(place, bounds.asset, rules)
            raise UsageError(message, known="nothing was started", hint=hint(place, rules[0]))


def sentence(place: str, name: str, rules: Sequence[str]) -> str:
    """Say in words which bounds a place does not keep."""
    return f"{place} does not keep these bounds of {name}: {', '.join(rules)}"


def place_of(executor: str) -> str:
    """Return the name that the table has for an executor of this machine."""
    return executor if executor in KEPT else "the process executor"


def hint(place: str, rule: str) -> str:
    """Return what to do where a place does not keep a bound."""
    return next(text for where, what, text in _HINTS if where in ("", place) and rule.startswith(what))


def policies(workflow: Workflow, objects: Sequence[Object] = ()) -> list[Object]:
    """The NetworkPolicies of a Workflow's bounded pods, each once."""
    from compiler.emit import policy
    from compiler.plan import Network

    found = {bounds.policy: bounds for bounds in bounded(workflow, objects)}
    allowed = [Network(name, tuple(sorted({*b.egress, *b.executor}))) for name, b in sorted(found.items())]
    return [cast("Object", policy(network)) for network in allowed]
