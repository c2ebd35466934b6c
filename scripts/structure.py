"""The gate on the shape of the code: modules of at most 600 lines, functions of at most 50, no import cycles.

`python scripts/structure.py [FOLDER…]` (default: compiler argo scripts) prints each finding and one closing line; exit
code 1 when there is a finding. Imports inside functions count for cycles, as do those for type checkers alone.
Generated data (`_generated/`) is left out. Complexity is ruff's part (C901).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

MODULE_LINES = 600
FUNCTION_LINES = 50
DEFAULT = ("compiler", "argo", "scripts")


@dataclass(frozen=True, slots=True)
class Module:
    """A module: its dotted name, its file, its syntax tree and its length in lines."""

    name: str
    path: Path
    tree: ast.Module
    lines: int


def modules(root: Path, folders: Iterable[str]) -> dict[str, Module]:
    """All modules below the folders, by dotted name."""
    found = {}
    for path in sorted(path for folder in folders for path in (root / folder).rglob("*.py")):
        relative = path.relative_to(root)
        if "_generated" in relative.parts:
            continue
        text = path.read_text(encoding="utf-8")
        name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        found[name] = Module(name, path, ast.parse(text, str(path)), len(text.splitlines()))
    return found


def too_long(module: Module) -> Iterator[str]:
    """The module and its functions that are over the limits."""
    if module.lines > MODULE_LINES:
        yield f"{module.path}: {module.lines} lines (at most {MODULE_LINES})"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{module.path}:{node.lineno}: {node.name} has {length} lines (at most {FUNCTION_LINES})"


def imports(module: Module, known: Mapping[str, Module]) -> set[str]:
    """The modules of ours that a module imports, a package's own module not counted for its children."""
    targets = {target for node in ast.walk(module.tree) for target in _targets(node, known)}
    return {name for name in targets if name in known and name != module.name}


def _targets(node: ast.AST, known: Mapping[str, Module]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:  # ruff refuses relative ones
        children = (f"{node.module}.{alias.name}" for alias in node.names)
        yield from (child if child in known else node.module for child in children)


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules of one import cycle, first again at the end; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]
    return []


def findings(root: Path, folders: Iterable[str]) -> tuple[int, list[str]]:
    """How many modules there are, and what is wrong with them."""
    known = modules(root, folders)
    wrong = [line for module in known.values() for line in too_long(module)]
    if ring := cycle({name: imports(module, known) for name, module in known.items()}):
        wrong.append("import cycle: " + " -> ".join(ring))
    return len(known), wrong


def main(arguments: list[str]) -> int:
    """Print the findings below the folders named."""
    count, wrong = findings(Path.cwd(), arguments or DEFAULT)
    for line in wrong:
        print(line)
    print(f"structure: {count} modules, {len(wrong)} findings")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
