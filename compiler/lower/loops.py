"""Lowers `foreach`: constant items, or a list that comes to be in the run; each item carries its index."""

from __future__ import annotations

from typing import Any

from compiler.lower.text import closed, constant, escape, expression, quote, tag
from compiler.plan import Loop
from compiler.program import Foreach, ResolvedTask

WHOLE = "v"


def index_of(task: ResolvedTask) -> str:
    """The name of the index in the items of a task's loop: `i`, or what no field of the items is called."""
    name = "i"
    fields = _fields(task)
    while name in fields:
        name = "_" + name
    return name


def lower_loop(task: ResolvedTask, foreach: Foreach, list_expression: str) -> Loop:
    """The items of a task; `list_expression` is the list's variable."""
    index = index_of(task)
    if foreach.items:
        whole = WHOLE in _used(task)
        items = enumerate(foreach.items)
        return Loop(tuple(((index, number), *_item(value, whole)) for number, value in items))
    if foreach.ref is None:
        return Loop(expression="[]")
    fields = _fields(task)
    pairs = [f"{quote(index)}: #index"]
    pairs += [f"{quote(name)}: {expression(('#', name))}" for name in fields]
    if WHOLE in _used(task) or not fields:
        pairs.append(f"'{WHOLE}': #")
    # Argo wants blanks between the braces, lest it takes two of them for a tag's.
    listed = "toJSON(map(fromJSON(" + list_expression + "), { {" + ", ".join(pairs) + "} }))"
    return Loop(expression=tag(closed(listed)))


def is_number(task: ResolvedTask, field: str) -> bool:
    """True where an item, or a field of it, is a number in every item of a constant list."""
    items = task.foreach.items if task.foreach else None
    if not items:
        return False
    values = [item.get(field) if isinstance(item, dict) else item for item in items]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _fields(task: ResolvedTask) -> tuple[str, ...]:
    """The fields of the items: all of a constant list's, those that are read of any other."""
    if task.foreach and task.foreach.fields:
        return task.foreach.fields
    return tuple(dict.fromkeys(ref.name for ref in task.refs if ref.kind == "item" and ref.name))


def _used(task: ResolvedTask) -> set[str]:
    return {ref.name or WHOLE for ref in task.refs if ref.kind == "item"}


def _item(value: Any, whole: bool) -> tuple[tuple[str, Any], ...]:
    if not isinstance(value, dict):
        return ((WHOLE, _scalar(value)),)
    fields = tuple((str(name), _scalar(part)) for name, part in value.items())
    return (*fields, (WHOLE, _scalar(value))) if whole else fields


def _scalar(value: Any) -> Any:
    """Whole numbers and booleans stay; all else becomes text, so that no reader writes it in its own way."""
    if isinstance(value, bool) or (isinstance(value, int) and not getattr(value, "text", None)):
        return value
    return escape(constant(value))
