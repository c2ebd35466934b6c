"""Long lists of children, kept row by row: a loop of thousands grows by a few items a turn, not by its whole list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from compiler.manifest_types import NodeStatus

LONG = 64  # children; a shorter list stands in its node

StoredNodes = dict[str, Any]
"""Nodes as they are stored: a long list of children is its length, a removed node is None."""

ChildRow = tuple[str, str, int, str]
"""The run's uid, the node's id, the place in its list, the child's id."""


class Fanouts:
    """The stored part of the nodes' long lists, as far as this process knows it."""

    def __init__(self) -> None:
        self._stored: dict[tuple[str, str], list[str]] = {}

    def rows(self, uid: str, changed: Collection[str], nodes: Mapping[str, NodeStatus]) -> list[ChildRow]:
        """The rows to write for the nodes that changed; `keep` then takes them as stored."""
        rows: list[ChildRow] = []
        for key in changed:
            children = _children(nodes.get(key))
            if len(children) <= LONG:
                continue
            stored = self._stored.get((uid, key), [])
            start = len(stored) if children[: len(stored)] == stored else 0
            rows += [(uid, key, place, children[place]) for place in range(start, len(children))]
        return rows

    def keep(self, rows: Iterable[ChildRow]) -> None:
        """Take rows as stored."""
        for uid, key, place, child in rows:
            stored = self._stored.setdefault((uid, key), [])
            del stored[place:]
            stored.append(child)


def short(node: NodeStatus | None) -> object:
    """The node as it is stored: with the number of its children where there are many."""
    return node if node is None or len(_children(node)) <= LONG else {**node, "children": len(node["children"])}


def whole(nodes: StoredNodes, before: Mapping[str, NodeStatus], rows: Iterable[ChildRow]) -> None:
    """Give stored nodes their lists in place: what `before` had of them, and the rows written since."""
    found: dict[str, list[tuple[int, str]]] = {}
    for _, key, place, child in rows:
        found.setdefault(key, []).append((place, child))
    for key, node in nodes.items():
        if node is None or not isinstance(node.get("children"), int):
            continue
        children = list(_children(before.get(key)))
        for place, child in found.get(key, ()):  # in the order of their places
            del children[place:]
            children.append(child)
        node["children"] = children[: node["children"]]


def _children(node: Any) -> list[str]:
    return (node or {}).get("children") or []
