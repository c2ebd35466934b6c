"""Definitions in Python: a module whose module-level values are DAGs, assets or Hera workflows."""

from __future__ import annotations

import ast
import os.path
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from types import TracebackType
from typing import TYPE_CHECKING, Any

from compiler.diagnostics import Diagnostic, at
from compiler.load import rules
from compiler.load.kinds import defines
from compiler.load.validate import mistakes, place
from compiler.models.base import Model, camel
from compiler.program import Definition, Origin
from compiler.source import SourceFile

if TYPE_CHECKING:
    from compiler.source import Path


def load(text: SourceFile, *, named: bool) -> tuple[list[Definition[Any]], list[Diagnostic]]:
    """Runs the module in this process, with its folder at the end of sys.path, and takes the definitions it has made.

    A module that the user did not name is run only if it imports Argosy's models or Hera: others are programs.
    """
    if not named and not defines(text.text):
        return [], []
    try:
        tree = ast.parse(text.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [], [_syntax_error(text, error)]
    source = SourceFile(text.name, text.text, text.location, _Places(text, tree).locate)
    values, diagnostics = _run(source, tree)
    definitions: list[Definition[Any]] = []
    seen: list[Any] = []
    for name, value in values.items():
        if any(value is other for other in seen):
            continue
        seen.append(value)
        definition, found = _defined(value, Origin(source, (name,)))
        diagnostics.extend(found)
        if definition is not None:
            definitions.append(definition)
    if named and not definitions and not diagnostics:
        hint = "assign a Dag, a ComputeAsset or a Hera Workflow to a name of the module"
        diagnostics.append(at("A111", source.at(0, 0), "the module makes no definition", hint=hint))
    return definitions, diagnostics


def _defined(value: Any, origin: Origin) -> tuple[Definition[Any] | None, list[Diagnostic]]:
    """The definition that a module's value is, if it is one."""
    if isinstance(value, Model) and type(value).__name__ in ("Dag", "ComputeAsset"):
        return Definition(value, origin), [place(mistake, origin) for mistake in rules.check(value)]
    if type(value).__module__.partition(".")[0] == "hera" and hasattr(value, "to_dict") and hasattr(value, "kind"):
        from compiler.load import hera

        manifest, found = hera.manifest(value, origin)
        return None if manifest is None else Definition(manifest, origin), found
    return None, []


def _run(source: SourceFile, tree: ast.Module) -> tuple[dict[str, Any], list[Diagnostic]]:
    import runpy

    from pydantic import ValidationError

    try:
        folder = os.path.dirname(source.location)  # noqa: PTH120
        with _on_path(folder), redirect_stdout(sys.stderr):
            return runpy.run_path(source.location, run_name="__argosy__"), []
    except ValidationError as error:
        line = _line(error.__traceback__, source.location)
        return {}, _refused(source, tree, error, line)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever a user's module raises is a mistake in it)
        line = _line(error.__traceback__, source.location)
        text = source.line(line)
        start = source.offset(line, len(text) - len(text.lstrip()) + 1)
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return {}, [at("A140", source.at(start, source.offset(line, len(text) + 1)), message)]


def _refused(source: SourceFile, tree: ast.Module, error: Any, line: int) -> list[Diagnostic]:
    """A model's constructor refused its arguments: one diagnostic for each mistake, at the argument."""
    import compiler.models

    model: type[Model] = getattr(compiler.models, error.title, Model)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    call = next((node for node in calls if _calls(node, error.title, line)), None)
    if call is None or model is Model:
        return [at("A140", source.at(source.offset(line)), str(error))]
    place_in = SourceFile(source.name, source.text, source.location, _Places(source, tree, call).locate)
    return [place(mistake, Origin(place_in)) for mistake in mistakes(model, error, {})]


def _calls(node: ast.Call, name: str, line: int) -> bool:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return called == name and node.lineno <= line <= (node.end_lineno or node.lineno)


def _line(traceback: TracebackType | None, location: str) -> int:
    """The last line of the file that the exception went through."""
    line = 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == location:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _syntax_error(source: SourceFile, error: Exception) -> Diagnostic:
    line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
    return at("A140", source.at(source.offset(line, column)), f"not Python: {getattr(error, 'msg', None) or error}")


@contextmanager
def _on_path(folder: str) -> Iterator[None]:
    """Modules in the folder can be imported meanwhile; another folder's may have the same names."""
    before, known = list(sys.path), set(sys.modules)
    sys.path.append(folder)  # last: a compiler.py or json.py in it would else be taken for ours, or for Python's
    try:
        yield
    finally:
        sys.path[:] = before
        fresh = () if folder in before else sys.modules.keys() - known
        own = {name for name in fresh if _is_in(sys.modules[name], folder)}
        for name in fresh:
            if name.partition(".")[0] in own:
                del sys.modules[name]


def _is_in(module: Any, folder: str) -> bool:
    place = next(iter(getattr(module, "__path__", ())), None) or getattr(module, "__file__", None)
    return place is not None and os.path.dirname(place) == folder  # noqa: PTH120


class _Places:
    """Where the parts of a model stand in a module: the arguments of the call that makes it."""

    def __init__(self, source: SourceFile, tree: ast.Module, call: ast.expr | None = None) -> None:
        self.source = SourceFile(source.name, source.text, source.location)
        self.tree = tree
        self.call = call

    def locate(self, path: Path, key: bool) -> tuple[int, int]:
        """The offsets of what stands at `path`; the first element is the variable, unless a call is given."""
        node: ast.AST | None = self.call
        rest = path
        if node is None:
            node, rest = self._assigned(str(path[0]) if path else ""), path[1:]
        if node is None:
            return 0, 0
        name: tuple[int, int] | None = None
        for part in rest:
            child = self._child(self._resolve(node), part)
            if child is None:
                key = True
                break
            node, name = child
        if key and name is not None:
            return name
        return self._first_line(self._resolve(node) if not rest else node)

    def _assigned(self, name: str) -> ast.expr | None:
        found = None
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                found = getattr(node, "value", None)
            elif isinstance(node, ast.With) and any(_binds(item, name) for item in node.items):
                found = node.items[0].context_expr
        return found

    def _resolve(self, node: ast.AST) -> ast.AST:
        """Return the expression that the module assigns to a name; any other node as it is."""
        if isinstance(node, ast.Name):
            return self._assigned(node.id) or node
        return node

    def _child(self, node: ast.AST, part: str | int) -> tuple[ast.expr, tuple[int, int]] | None:
        found = next(((value, key) for names, value, key in _children(node) if str(part) in names), None)
        if found is None:
            return None
        value, key = found
        if isinstance(key, ast.keyword):
            start = self._offset(key.lineno, key.col_offset)
            return value, (start, start + len(key.arg or ""))
        return value, self._first_line(key)

    def _first_line(self, node: Any) -> tuple[int, int]:
        start = self._offset(node.lineno, node.col_offset)
        if node.end_lineno == node.lineno:
            return start, self._offset(node.end_lineno, node.end_col_offset)
        return start, self.source.offset(node.lineno, len(self.source.line(node.lineno)) + 1)

    def _offset(self, line: int, column: int) -> int:
        """Ast counts columns in UTF-8 bytes."""
        before = self.source.line(line).encode()[:column].decode("utf-8", "ignore")
        return self.source.offset(line, len(before) + 1)


def _children(node: ast.AST) -> Iterator[tuple[tuple[str, ...], ast.expr, ast.AST]]:
    """The arguments, entries or items of an expression: names, value, and the node that the place is of."""
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg is not None:
                yield (keyword.arg, camel(keyword.arg)), keyword.value, keyword
    elif isinstance(node, ast.Dict):
        for given, value in zip(node.keys, node.values, strict=True):
            if isinstance(given, ast.Constant):
                yield (str(given.value),), value, given
    elif isinstance(node, ast.List | ast.Tuple):
        yield from (((str(index),), item, item) for index, item in enumerate(node.elts))


def _binds(item: ast.withitem, name: str) -> bool:
    return isinstance(item.optional_vars, ast.Name) and item.optional_vars.id == name
