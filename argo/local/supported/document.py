"""The table of supported fields as Markdown, for docs/engine.md."""

from __future__ import annotations

from collections.abc import Iterable

from argo.local.supported.table import FIELDS, TITLES, Fields


def markdown() -> str:
    """One section a type: what is executed, ignored, refused and why. A test holds docs/engine.md against it."""
    return "\n".join(f"### {title}\n\n{_section(FIELDS[kind])}" for kind, title in TITLES.items())


def _section(fields: Fields) -> str:
    lines = [f"- executed: {_names(fields.supported)}"]
    if fields.ignored:
        lines.append(f"- ignored: {_names(fields.ignored)}")
    for reason in dict.fromkeys(fields.refused.values()):
        names = [name for name, why in fields.refused.items() if why == reason]
        lines.append(f"- refused ({reason}): {_names(names)}")
    return "\n".join(lines) + "\n"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
