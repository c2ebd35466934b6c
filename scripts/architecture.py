"""Writes the list of modules into ARCHITECTURE.md: each module with the responsibility that its docstring states.

`python -m scripts.architecture` rewrites the list between its two markers, `--check` says whether it is current (exit
code 1 when it is not). The text around the list is written by hand.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "ARCHITECTURE.md"
FOLDERS = ("compiler", "argo", "scripts")
BEGIN, END = "<!-- modules: begin -->\n", "<!-- modules: end -->\n"


def responsibility(path: Path) -> str:
    """The first line of a module's docstring, without the full stop; empty when there is none."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].rstrip(".").replace("|", "\\|")


def rows(root: Path, folder: str) -> Iterator[str]:
    """A table row for each module below a folder, packages before what they hold."""
    paths = (path for path in (root / folder).rglob("*.py") if "__pycache__" not in path.parts)
    for path in sorted(paths, key=lambda path: tuple(part.replace("__init__.py", "") for part in path.parts)):
        name = path.relative_to(root).as_posix().replace("/__init__.py", "/")
        yield f"| `{name}` | {responsibility(path)} |"


def module_list(root: Path = ROOT) -> str:
    """The whole list, one table a folder."""
    head = ["| module | responsibility |", "|---|---|"]
    return "\n".join("\n".join([f"### {folder}/", "", *head, *rows(root, folder), ""]) for folder in FOLDERS)


def updated(document: str, modules: str) -> str:
    """The document with the list between its markers replaced."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks the markers {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}\n{modules}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Rewrite the list, or with `--check` compare it with what is written."""
    document = DOCUMENT.read_text(encoding="utf-8")
    new = updated(document, module_list())
    if "--check" not in arguments:
        DOCUMENT.write_text(new, encoding="utf-8")
        return 0
    print(f"ARCHITECTURE.md is {'current' if new == document else 'out of date: run python -m scripts.architecture'}")
    return 0 if new == document else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
