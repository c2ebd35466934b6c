"""Reads the status of a run: its nodes, their names within the run, and what belongs to what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from compiler.manifest_types import NodeStatus, Template, Workflow


def nodes_of(workflow: Workflow) -> dict[str, NodeStatus]:
    """The nodes of a run by their ids; none before it has a status."""
    return (workflow.get("status") or {}).get("nodes") or {}


def relative(name: str, run: str) -> str:
    """A node's name below its run; an exit handler's `run.onExit` is `onExit`."""
    return name[len(run) + 1 :] if name.startswith(run + ".") else name


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time as Argo writes it, None where there is none."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def members(nodes: Mapping[str, NodeStatus], *types: str) -> Iterator[tuple[str, str]]:
    """The ids of groups of these types, each with that of an item or an attempt in it.

    After its items, the children of an empty group are the tasks that come next.
    """
    for key, node in nodes.items():
        for child in (node.get("children") or ()) if node["type"] in types else ():
            if child in nodes and nodes[child]["name"].startswith(node["name"] + "("):
                yield key, child


def template_of(node: NodeStatus, workflow: Workflow) -> Template:
    """The template of a node, as the Workflow has it; empty where it has none of that name."""
    status = workflow.get("status") or {}
    stored = (status.get("storedWorkflowTemplateSpec") or {}).get("templates") or ()
    own = (workflow.get("spec") or {}).get("templates") or ()
    templates = [*own, *stored, *(status.get("storedTemplates") or {}).values()]
    name = node.get("templateName") or (node.get("templateRef") or {}).get("template")
    return next((template for template in templates if name and template.get("name") == name), Template())
