"""argosy.lock: the versions chosen for `name@prefix`, one `name@prefix: version` a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from compiler.diagnostics import at
from compiler.resolve.context import Context
from compiler.source import SourceFile

NAME: Final = "argosy.lock"
_HEAD: Final = (
    "# The versions of assets that this project's DAGs use. Written by Argosy; keep it with the definitions.\n"
)
_LINE: Final = r"([a-z0-9][-a-z0-9]*@\d+(?:\.\d+)?): (\d+\.\d+\.\d+\S*)"


def read(context: Context) -> dict[str, str]:
    """The lock beside argosy.yaml: `name@prefix` -> version; empty where there is none. Bad lines are reported."""
    project = context.workspace.project
    if project is None:
        return {}
    location = project.origin.source.resolve(NAME)
    content = context.workspace.files.get(location)
    if content is None:
        return {}
    source = SourceFile(NAME, content.decode("utf-8", "replace"), location)
    lock: dict[str, str] = {}
    for number, line in enumerate(source.text.splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = re.fullmatch(_LINE, text)
        if match is None:
            span = source.at(source.offset(number), source.offset(number) + len(line))
            hint = "a line is written like `train@2: 2.1.0`; without the file the versions are chosen anew"
            context.found.append(at("A210", span, "not a line of a lock file", hint=hint))
        else:
            lock[match[1]] = match[2]
    return lock


def render(locked: Mapping[str, str]) -> str:
    """The content of argosy.lock for what a compile chose (`Program.locked`), sorted."""
    return _HEAD + "".join(f"{reference}: {locked[reference]}\n" for reference in sorted(locked))
