"""The size budget: what a Workflow object grows to, and what an Argo controller stores of it.

An object may hold about 1 MiB in etcd's own limits before Argo compresses or offloads its status; each node adds about
580 bytes of status.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from compiler.diagnostics import Diagnostic, at
from compiler.source import Span

if TYPE_CHECKING:
    from compiler.models.project import Profile
    from compiler.program import Program, ResolvedDag

BUDGET: Final = 1 << 20  # bytes
NODE: Final = 580  # bytes of status


def estimate(manifest: int, nodes: int) -> int:
    """Bytes of the Workflow object at the end of its run: its manifest, and the status of all nodes."""
    return manifest + nodes * NODE


def note(profile: Profile, size: int, children: int = 0) -> str:
    """Say what is done about a size; `children`: the number of child Workflows that the DAG was split into."""
    if children:
        return f"the largest of {children + 1} Workflows: split into {children} child Workflow{'s' * (children > 1)}"
    if size <= BUDGET:
        return "within the budget"
    return "the controller offloads node status" if profile.offload else "over the budget"


def check(program: Program, dag: ResolvedDag, size: int, nodes: int, reason: str) -> list[Diagnostic]:
    """An error on a cluster that does not offload; a warning here, where nothing limits it. `reason`: why the DAG was
    not split."""
    if size <= BUDGET or program.profile.offload:
        return []
    engine = program.profile.engine
    code = "A450" if engine.server or engine.context else "A451"
    message = (
        f"DAG '{dag.name}' comes to about {size / BUDGET:.1f} MiB as a Workflow ({nodes} nodes of {NODE} bytes and its "
        f"manifest); Argo stores about 1 MiB, and it cannot be split into child Workflows: {reason}"
    )
    hint = "make several DAGs of it, or say `offload: true` in the profile of a controller that offloads"
    return [at(code, _name(dag), message, hint=hint)]


def _name(dag: ResolvedDag) -> Span:
    """Where the DAG's name stands: looked for in the text first; a file of this size takes long to parse again."""
    source = dag.origin.source
    found = re.search(rf"^name:[ \t]+({re.escape(dag.name)})[ \t]*$", source.text, re.MULTILINE)
    return source.at(*found.span(1)) if found else source.span((*dag.origin.path, "name"))
