"""Where a system gives no process a view of its own: declared paths written anew in what the container is told.

Only texts can be changed: command, arguments, script, environment. A path that a program knows by itself, and one
that is not declared, stays the machine's; those that can be seen in the texts are named in a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

_PATH = re.compile(r"(?<![\w./:$~-])/(?:tmp|mnt|media|[a-z][\w.-]*)(?:/[\w.-]+)*")
# Folders of the machine that are meant when they are named.
_MEANT = {"bin", "dev", "etc", "lib", "lib64", "opt", "proc", "sbin", "sys", "usr"}


class Remap:
    """Rewrites the container's paths `declared`, and all below them, to where `place` says they lie."""

    def __init__(self, declared: Iterable[str], place: Callable[[str], str]) -> None:
        paths = sorted({path for given in declared for path in _with_parents(given)}, key=len, reverse=True)
        self._places = {path: place(path) for path in paths}
        alternatives = "|".join(re.escape(path) for path in paths)
        self._pattern = re.compile(rf"(?<![\w./-])(?:{alternatives})(?![\w.-])") if paths else None

    def text(self, text: str) -> str:
        """`text` with every declared path replaced."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self._places[match.group()], text)

    def left(self, text: str) -> set[str]:
        """Literal paths in `text` that a container would have as its own, and that were not replaced."""
        rest = self._pattern.sub("", text) if self._pattern else text
        return {path for path in _PATH.findall(rest) if path.split("/")[1] not in _MEANT and path.count("/") > 1}


def _with_parents(path: str) -> Iterator[str]:
    """`path` and its parents as far as the machine has none of that name, so that a script may make them."""
    yield path
    for parent in Path(path).parents:
        if parent.exists():
            return
        yield str(parent)
