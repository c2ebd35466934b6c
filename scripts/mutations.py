"""Changes single lines, spread over all rooms by a seed, and says which changes the tests of their room notice.

`python -m scripts.mutations [COUNT] [SEED] [ROOM…]` copies the checkout, and for each change runs the tests that mirror
the room, stopping at the first that fails. It prints a line a change and those that nothing noticed at the end. Takes
minutes a change: it is no part of CI.
"""

from __future__ import annotations

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts import structure

ROOT = Path(__file__).resolve().parents[1]
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_METHODS = {"fullmatch": "match", "match": "search", "startswith": "endswith", "endswith": "startswith", "min": "max"}
_HANGS = 900  # seconds after which a change counts as noticed: tests have limits of their own


@dataclass(frozen=True, slots=True)
class Mutation:
    """An expression of one line, and what stands in its place."""

    path: Path
    node: ast.expr
    changed: str

    def apply(self, root: Path) -> str:
        """Change the file below `root`; the old text of the file."""
        file = root / self.path
        old = file.read_text(encoding="utf-8")
        lines = old.splitlines(keepends=True)
        line = lines[self.node.lineno - 1].encode()
        new = line[: self.node.col_offset] + self.changed.encode() + line[self.node.end_col_offset or 0 :]
        lines[self.node.lineno - 1] = new.decode()
        file.write_text("".join(lines), encoding="utf-8")
        return old

    def __str__(self) -> str:
        return f"{self.path}:{self.node.lineno}: {ast.unparse(self.node)} -> {self.changed}"


def changed(node: ast.AST) -> ast.expr | None:
    """The expression with one thing in it that is not as it was; None where there is nothing to change."""
    match node:
        case ast.Compare(ops=[operator]):
            return ast.Compare(node.left, [_COMPARISONS[type(operator)]()], node.comparators)
        case ast.BoolOp():
            return ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            return node.operand
        case ast.Constant(value=bool()):
            return ast.Constant(not node.value)
        case ast.Constant(value=int() as number):
            return ast.Constant(number + 1)
        case ast.IfExp():
            return ast.IfExp(node.test, node.orelse, node.body)
        case ast.Call(func=ast.Attribute(attr=name) as method) if name in _METHODS:
            return ast.Call(ast.Attribute(method.value, _METHODS[name], method.ctx), node.args, node.keywords)
    return None


def mutations(path: Path, tree: ast.Module) -> Iterator[Mutation]:
    """Every change that a module allows, those inside functions alone."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    statements = (statement for function in functions for statement in function.body)
    for node in (node for statement in statements for node in ast.walk(statement)):
        if isinstance(node, ast.expr) and node.lineno == node.end_lineno and (new := changed(node)) is not None:
            yield Mutation(path, node, f"({ast.unparse(new)})")


def room(path: Path) -> str:
    """The room of a module: a folder of `argo` or a stage of the compiler; the package itself for loose files."""
    return "/".join(path.parts[: min(len(path.parts) - 1, 2)])


def tests_of(name: str, root: Path) -> list[str]:
    """The tests of a room, or of the loose files of a package; a room without any is tried by those around it."""
    mirror = Path("tests") / name
    while not (root / mirror).is_dir():
        mirror = mirror.parent
    return [str(mirror)] if "/" in name else sorted(map(str, (root / mirror).glob("test_*.py")))


def chosen(count: int, seed: str, rooms: list[str]) -> list[Mutation]:
    """So many changes, each room's turn coming as often as that of any other."""
    found: dict[str, list[Mutation]] = {}
    for module in structure.modules(ROOT, ("argo", "compiler")).values():
        path = module.path.relative_to(ROOT)
        if not rooms or room(path) in rooms:
            found.setdefault(room(path), []).extend(mutations(path, module.tree))
    draw = random.Random(seed)
    for many in found.values():
        draw.shuffle(many)
    order = [many[turn] for turn in range(count) for many in found.values() if turn < len(many)]
    return order[:count]


def noticed(mutation: Mutation, root: Path) -> bool:
    """True where a test of the room fails with the change."""
    old = mutation.apply(root)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "auto", "-p", "no:cacheprovider"]
    command += tests_of(room(mutation.path), root)
    environment = {**os.environ, "PYTHONPATH": str(root)}
    try:
        done = subprocess.run(command, check=False, cwd=root, env=environment, capture_output=True, timeout=_HANGS)
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        (root / mutation.path).write_text(old, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Try the changes; exit code 1 where one of ten or more was noticed by nothing."""
    count, seed = int(arguments[0]) if arguments else 40, arguments[1] if len(arguments) > 1 else "1"
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "checkout"
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache"))
        survivors = []
        for mutation in chosen(count, seed, arguments[2:]):
            seen = noticed(mutation, root)
            print(f"{'noticed ' if seen else 'SURVIVED'} {mutation}", flush=True)
            survivors += [] if seen else [mutation]
    print(f"{count - len(survivors)} of {count} noticed", *survivors, sep="\n")
    return 1 if len(survivors) * 10 > count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
