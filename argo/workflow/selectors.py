"""Nodes chosen by Argo's node field selectors.

Facts: workflow/util/util.go (SelectorMatchesNode): `displayName`, `name`, `id`, `templateName`, `phase`,
`templateRef.name`, `templateRef.template`, `inputs.parameters.NAME.value`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from argo.errors import ConflictError, UsageError
from argo.workflow.values import text
from compiler.manifest_types import NodeStatus

_FIELDS = frozenset({"displayName", "name", "id", "templateName", "phase"})


def select(nodes: Iterable[NodeStatus], selector: str) -> list[NodeStatus]:
    """The nodes that match all of a selector. Raises ConflictError where none does, UsageError for a malformed one."""
    wanted = [_part(part) for part in selector.split(",") if part.strip()]
    found = [node for node in nodes if all((_value(node, key) == value) == same for key, same, value in wanted)]
    if not found:
        raise ConflictError("currently, set only targets suspend nodes: no suspend nodes matching nodeFieldSelector")
    return found


def _part(text: str) -> tuple[str, bool, str]:
    key, equals, value = text.strip().partition("=")
    if not equals:
        raise UsageError(f"invalid selector: {text}")
    return key.rstrip("!").strip(), not key.endswith("!"), value.lstrip("=").strip()


def _value(node: NodeStatus, key: str) -> str | None:
    holder: Mapping[str, object] = node.get("templateRef") or {} if key.startswith("templateRef.") else node
    if holder is not node or key in _FIELDS:
        found = holder.get(key.removeprefix("templateRef."))
        return None if found is None else str(found)
    if key.startswith("inputs.parameters.") and key.endswith(".value"):
        name = key.removeprefix("inputs.parameters.").removesuffix(".value")
        parameters = (node.get("inputs") or {}).get("parameters") or ()
        return next((text(p.get("value")) for p in parameters if p["name"] == name), None)
    raise UsageError(f"unknown field of a node: {key}")
