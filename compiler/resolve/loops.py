"""`foreach`: a list, a matrix, a range, or a reference to a list."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Any, Final

from compiler.diagnostics import did_you_mean
from compiler.program import Foreach, Origin
from compiler.refs import Ref
from compiler.resolve.context import Context
from compiler.resolve.scope import Scope, Site
from compiler.resolve.types import ANY, JSON, UNKNOWN, Items, common, describe, of_constant

MOST: Final = 100_000  # a node needs about 580 bytes of a Workflow's status
_UNKNOWN_ITEMS: Final = Items(UNKNOWN)
_FORMS: Final = "write a list, `{axis: [values], …}`, `{range: n}` or one reference to a list"


def resolve_foreach(context: Context, scope: Scope, given: Any, site: Site) -> tuple[Foreach | None, Items]:
    """The items of a loop and their types; mistakes are reported."""
    origin = site.origin.at("foreach")
    if isinstance(given, str):
        return _reference(context, scope, given, site, origin)
    hint = "loop over one reference to a list, or write constants"  # only a whole list can be computed
    if context.refuse(given, origin, hint, "references are not allowed within items"):
        return None, _UNKNOWN_ITEMS
    if isinstance(given, list | tuple):
        return _constants(context, tuple(given), origin)
    if isinstance(given, dict) and given:
        if given.keys() == {"range"} and not isinstance(given["range"], list | tuple):
            return _range(context, given["range"], origin.at("range"))
        return _matrix(context, given, origin)
    context.add("A310", origin, "this cannot be looped over", hint=_FORMS)
    return None, _UNKNOWN_ITEMS


def _reference(context: Context, scope: Scope, text: str, site: Site, origin: Origin) -> tuple[Foreach | None, Items]:
    parsed = context.parse(text, site.origin, ("foreach",))
    if not isinstance(parsed, Ref):
        if parsed is not None:
            context.add("A310", origin, "text cannot be looped over", hint=_FORMS)
        return None, _UNKNOWN_ITEMS
    if parsed.kind == "item":
        context.add("A310", origin, "a loop cannot be over its own item")
        return None, _UNKNOWN_ITEMS
    type_ = scope.type_of(parsed, site, ("foreach",))
    if type_.kind not in ("json", "any", "unknown"):
        hint = (
            "a list is a value of `type: json`"
            if type_.is_value
            else "write the list as an output of `kind: value, type: json`"
        )
        context.add("A310", origin, f"{describe(type_)} cannot be looped over", hint=hint)
        return None, _UNKNOWN_ITEMS
    return Foreach(None, parsed), Items(ANY)


def _constants(context: Context, items: tuple[Any, ...], origin: Origin) -> tuple[Foreach | None, Items]:
    if not _within_limit(context, len(items), origin):
        return None, _UNKNOWN_ITEMS
    if not items:
        context.add("A322", origin, "the list is empty: the task never runs")
        return Foreach((), None), _UNKNOWN_ITEMS
    if not all(isinstance(item, dict) for item in items):
        kept = tuple(item for item in items if item is not None)
        if len(kept) < len(items):
            context.add("A310", origin.at(items.index(None)), "an item is empty", hint="write '' for an empty text")
        return Foreach(items, None), Items(common([of_constant(item) for item in items]))
    return Foreach(items, None, tuple(items[0])), _fields(context, items, origin)


def _fields(context: Context, items: tuple[dict[str, Any], ...], origin: Origin) -> Items:
    """The fields that all items have, with their types; an item that lacks one the first has is reported."""
    first = items[0]
    for index, item in enumerate(items):
        for name in first.keys() - item.keys():
            hint = did_you_mean(name, item)
            context.add("A310", origin.at(index), f"the item has no '{name}', the first one has", hint=hint)
    fields = {str(name): common([of_constant(item[name]) for item in items if name in item]) for name in first}
    return Items(JSON, fields)


def _matrix(context: Context, axes: Mapping[str, Any], origin: Origin) -> tuple[Foreach | None, Items]:
    for name, values in axes.items():
        if not isinstance(values, list | tuple) or not values:
            message = f"axis '{name}' is no list of values" if values != [] else f"axis '{name}' has no values"
            context.add("A310", origin.at(name), message, hint=f"write {name}: [first, second]")
            return None, _UNKNOWN_ITEMS
    if not _within_limit(context, math.prod(len(values) for values in axes.values()), origin):
        return None, _UNKNOWN_ITEMS
    items = tuple(dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
    fields = {name: common([of_constant(value) for value in values]) for name, values in axes.items()}
    return Foreach(items, None, tuple(axes)), Items(JSON, fields)


def _range(context: Context, given: Any, origin: Origin) -> tuple[Foreach | None, Items]:
    """`range: n` counts from 0 to n - 1; `{from, to, step}` counts to `to` itself, as Argo's withSequence."""
    bounds = _bounds(given)
    if bounds is None:
        hint = "write `range: 10` (0 to 9) or `range: {from: 1, to: 10, step: 2}`"
        context.add("A310", origin, "this is no range of whole numbers", hint=hint)
        return None, _UNKNOWN_ITEMS
    numbers = range(bounds[0], bounds[1] + (1 if bounds[2] > 0 else -1), bounds[2])
    size = max(0, (numbers.stop - numbers.start + numbers.step - (1 if numbers.step > 0 else -1)) // numbers.step)
    if not _within_limit(context, size, origin):
        return None, _UNKNOWN_ITEMS
    return _constants(context, tuple(numbers), origin)


def _bounds(given: Any) -> tuple[int, int, int] | None:
    if _whole(given):
        return 0, given - 1, 1
    if not isinstance(given, dict) or "to" not in given or given.keys() - {"from", "to", "step"}:
        return None
    first, last = given.get("from", 0), given["to"]
    if not (_whole(first) and _whole(last)):
        return None
    step = given.get("step", 1 if first <= last else -1)
    return (first, last, step) if _whole(step) and step else None


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _within_limit(context: Context, count: int, origin: Origin) -> bool:
    if count <= MOST:
        return True
    hint = "let each item do more work, or nest DAGs"
    context.add("A406", origin, f"{count} items are more than a Workflow can hold ({MOST})", hint=hint)
    return False
