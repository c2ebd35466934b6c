"""The files of a folder that others may be at work in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Each file and what it holds; what goes in the meantime is left out."""
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it is gone, or none that can be read
                yield (path := Path(place, name)), path.read_bytes()
