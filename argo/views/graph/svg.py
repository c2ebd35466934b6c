"""A graph as SVG, complete in itself: no script, no font, nothing to load."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from argo.views.graph.layout import HEIGHT, LONGEST, Point, layout
from argo.views.graph.model import Graph, Node
from argo.views.graph.text import COLORS

_MARGIN = 28.0
_TITLE = 34.0
_INK, _FAINT, _LINE = "#1f2933", "#66727f", "#9aa7b4"
_MARKS = {"task": "", "loop": "↻", "gate": "‖", "dag": "⊞"}
_SIGNS = {
    "Succeeded": "✓", "Failed": "✗", "Error": "!", "Running": "…", "Pending": "·", "Skipped": "–", "Omitted": "–",
    "Approved": "✓", "Rejected": "✗", "Expired": "✗",
}  # fmt: skip


def svg(graph: Graph) -> str:
    """An SVG document."""
    placed = layout(graph)
    width, height = placed.width + 2 * _MARGIN, placed.height + 2 * _MARGIN + _TITLE
    x, y = _MARGIN, _MARGIN + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"',
        f' viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label={quoteattr(graph.title)}',
        ' font-family="system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif">',
        f"<title>{escape(graph.title)}</title>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">',
        f'<path d="M0 0.8 L7 4 L0 7.2 z" fill="{_LINE}"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{x}" y="{y}" font-size="16" font-weight="600" fill="{_INK}">{escape(graph.title)}</text>',
        f'<g transform="translate({_MARGIN} {_MARGIN + _TITLE})">',
    ]
    for edge, points in placed.arrows:
        parts.append(
            f'<path d="{_curve(points)}" fill="none" stroke="{_LINE}" stroke-width="1.4" marker-end="url(#arrow)"/>'
        )
        if edge.label:
            parts.append(_label(edge.label, points))
    parts += [_box(node, placed.boxes[node.id], placed.box) for node in graph.nodes]
    return "\n".join([*parts, "</g>", "</svg>"]) + "\n"


def _curve(points: Sequence[Point]) -> str:
    """Horizontal at every point, so that an arrow leaves and reaches boxes straight."""
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x1, y1), (x2, y2) in pairwise(points):
        half = (x1 + x2) / 2
        text += f" L{x2:.1f} {y2:.1f}" if y1 == y2 else f" C{half:.1f} {y1:.1f} {half:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return text


def _label(text: str, points: Sequence[Point]) -> str:
    (x1, y1), (x2, y2) = points[-2], points[-1]
    return (
        f'<text x="{(x1 + x2) / 2:.1f}" y="{(y1 + y2) / 2 - 4:.1f}" font-size="10" text-anchor="middle" '
        f'fill="{_FAINT}" paint-order="stroke" stroke="#ffffff" stroke-width="3">{escape(text)}</text>'
    )


def _box(node: Node, corner: Point, width: float) -> str:
    x, y = corner
    fill, line = COLORS.get(node.phase, COLORS[""])
    dash = ' stroke-dasharray="4 3"' if node.kind == "gate" else ""
    parts = [f'<g transform="translate({x:.1f} {y:.1f})">', f"<title>{escape(_tip(node))}</title>"]
    if node.kind == "loop":
        parts.append(_rectangle(4, width, fill, line, ""))
    parts.append(_rectangle(0, width, fill, line, dash))
    if node.phase:
        parts.append(f'<path d="M7 0 A7 7 0 0 0 0 7 V{HEIGHT - 7} A7 7 0 0 0 7 {HEIGHT} Z" fill="{line}"/>')
    top = HEIGHT / 2 + (-3 if node.note else 5)
    parts.append(_text(14, top, 13, _INK, _cut(node.label, LONGEST), ' font-weight="600"'))
    if node.note:
        parts.append(_text(14, top + 16, 11, _FAINT, _cut(node.note, int((width - 42) / 6.2))))
    mark = _SIGNS.get(node.phase, "") or _MARKS[node.kind]
    if mark:
        parts.append(_text(width - 12, HEIGHT / 2 + 5, 13, line, mark, ' text-anchor="end"'))
    return "".join([*parts, "</g>"])


def _text(x: float, y: float, size: int, fill: str, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}"{more}>{escape(text)}</text>'


def _rectangle(shift: float, width: float, fill: str, line: str, dash: str) -> str:
    return (
        f'<rect x="{shift}" y="{shift}" width="{width:.1f}" height="{HEIGHT}" rx="7" fill="{fill}" stroke="{line}" '
        f'stroke-width="1.3"{dash}/>'
    )


def _tip(node: Node) -> str:
    return " · ".join(part for part in (node.label, node.note, node.phase) if part)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
