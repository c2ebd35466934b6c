"""Definitions in the formats of other systems, read as they stand: which one a document is in, and what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compiler.load.foreign.base import Translation
from compiler.load.kinds import foreign_system

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic
    from compiler.program import Origin


def translate(data: dict[str, Any], origin: Origin, named: bool) -> tuple[Translation | None, list[Diagnostic]] | None:
    """A document of another system, translated; None for any other document.

    `named`: whether the user named the file. In others a document must be unmistakable.
    """
    system = foreign_system(data, named)
    if system == "gx4ki":
        from compiler.load.foreign import gx4ki

        return gx4ki.translate(data, origin)
    if system == "atom":
        from compiler.load.foreign import atom

        return atom.translate(data, origin)
    return None
