"""Lowers inputs of kind env: dotenv text to the data of a ConfigMap."""

from __future__ import annotations

from compiler.lower.text import constant
from compiler.program import Literal_, LocalFile, ObjectKey


def variables(given: Literal_ | LocalFile | ObjectKey | None) -> dict[str, str]:
    """The variables of a dotenv file or text, which was checked before; none of nothing."""
    from compiler.load.dotenv import parse

    if isinstance(given, LocalFile):
        return parse(given.path, given.content)[0]
    return parse("", constant(given.value).encode())[0] if isinstance(given, Literal_) else {}
