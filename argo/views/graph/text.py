"""A graph as Mermaid and as DOT."""

from __future__ import annotations

from argo.views.graph.model import Graph, Node

_MERMAID = {"task": ('["', '"]'), "loop": ('[["', '"]]'), "gate": ('{{"', '"}}'), "dag": ('("', '")')}
_DOT = {"task": "box", "loop": "box3d", "gate": "octagon", "dag": "folder"}
COLORS = {
    **dict.fromkeys(("Succeeded", "Approved"), ("#e7f6ec", "#2f9e5b")),
    **dict.fromkeys(("Failed", "Error", "Rejected"), ("#fdeaea", "#d64545")),
    **dict.fromkeys(("Running", "Waiting"), ("#e6f2fd", "#2b7cd3")),
    **dict.fromkeys(("Pending", "Expired"), ("#fff6e0", "#c98a12")),
    **dict.fromkeys(("Skipped", "Omitted"), ("#f3f4f6", "#9aa2ad")),
    "": ("#eef3f9", "#52708f"),
}
"""Fill and line of a box, by phase, or by what was decided at a gate."""


def mermaid(graph: Graph) -> str:
    """A Mermaid flowchart."""
    keys = {node.id: f"n{position}" for position, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        opening, closing = _MERMAID[node.kind]
        lines.append(f"  {keys[node.id]}{opening}{_mermaid(node)}{closing}")
    for edge in graph.edges:
        arrow = f"-- {_escape(edge.label)} -->" if edge.label else "-->"
        lines.append(f"  {keys[edge.source]} {arrow} {keys[edge.target]}")
    for phase in sorted({node.phase for node in graph.nodes if node.phase}):
        fill, line = COLORS.get(phase, COLORS[""])
        members = ",".join(keys[node.id] for node in graph.nodes if node.phase == phase)
        lines += [f"  classDef {phase} fill:{fill},stroke:{line}", f"  class {members} {phase}"]
    return "\n".join(lines) + "\n"


def dot(graph: Graph) -> str:
    """A Graphviz digraph."""
    lines = [f"digraph {_quote(graph.title)} {{", "  rankdir=LR", '  node [fontname="sans-serif" style=filled]']
    for node in graph.nodes:
        fill, line = COLORS.get(node.phase, COLORS[""])
        label = node.label + (f"\n{node.note}" if node.note else "")
        look = f"shape={_DOT[node.kind]} fillcolor={_quote(fill)} color={_quote(line)}"
        lines.append(f"  {_quote(node.id)} [label={_quote(label)} {look}]")
    for edge in graph.edges:
        label = f" [label={_quote(edge.label)}]" if edge.label else ""
        lines.append(f"  {_quote(edge.source)} -> {_quote(edge.target)}{label}")
    return "\n".join([*lines, "}"]) + "\n"


def _mermaid(node: Node) -> str:
    return _escape(node.label) + (f"<br><small>{_escape(node.note)}</small>" if node.note else "")


def _escape(text: str) -> str:
    return "".join(c if c.isalnum() or c in " -_.:×," else f"#{ord(c)};" for c in text)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
