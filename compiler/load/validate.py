"""Data -> a model, or a diagnostic for every mistake in it, in plain words and at its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from compiler.diagnostics import Diagnostic, diagnostic, did_you_mean
from compiler.load.kinds import TARGETS
from compiler.models.base import Model, Problem, Shape, describe

if TYPE_CHECKING:
    from pydantic import ValidationError

    from compiler.program import Origin

M = TypeVar("M", bound=Model)

# Words of Argo, GitHub and others that users bring along.
_SYNONYMS = {
    "needs": "depends dependencies",
    "asset": "template templateRef",
    "with": "arguments",
    "parameters": "params",
    "foreach": "withItems withParam withSequence matrix",
    "when": "if",
    "tasks": "steps jobs",
    "finally": "onExit",
    "schedule": "cron",
    "pause": "suspend",
    "retry": "retries retryStrategy",
    "timeout": "activeDeadlineSeconds",
    "env": "environment",
    "workingDir": "cwd",
    "resources": "limits requests",
    "placement": "nodeSelector tolerations",
}
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}


class Mistake(NamedTuple):
    """One mistake in some data: its place (the key's, with `key`), code, message and hint."""

    path: tuple[str | int, ...]
    code: str
    message: str
    hint: str | None = None
    key: bool = False


class Validation(NamedTuple, Generic[M]):
    """The data as a model, or None where its types do not fit; and one diagnostic for each mistake.

    `rest` is the model without the parts that do not fit; `whole`: whether all that has a name is still in it.
    """

    value: M | None
    diagnostics: list[Diagnostic]
    rest: M | None
    whole: bool


def validate(model: type[M], data: Any, origin: Origin, rules: Callable[[M], Iterable[Mistake]]) -> Validation[M]:
    """`rules` looks at what types cannot say: also, where types do not fit, at all the rest."""
    value, found = _attempt(model, data)
    rest, taken = (value, set()) if value is not None else _without_mistakes(model, data, found)
    above = {prefix for path in taken for prefix in _prefixes(path)}
    for mistake in rules(rest) if rest is not None else ():
        if mistake.path not in above and taken.isdisjoint(_prefixes(mistake.path)):
            found.append(mistake)
    whole = not any(mistake.code in ("A105", "A124") or _loses_names(mistake.path) for mistake in found)
    return Validation(value, [place(mistake, origin, data) for mistake in found], rest, whole)


_NAMED = frozenset({"parameters", "inputs", "outputs", "tasks", "finally", "results", "files", "env", "foreach"})


def _loses_names(path: tuple[str | int, ...]) -> bool:
    """True where a mistake at a path takes away something that other parts refer to by name."""
    near = {did_you_mean(str(part), _NAMED) for part in path[-1:]} - {None}
    inside = len(path) > 1 and path[-2] in _NAMED
    entry = len(path) > 2 and path[-3] in _NAMED and path[-1] in ("kind", "path")
    return bool(near) or inside or entry or path[-1:] in [(target,) for target in TARGETS] or not path


def place(mistake: Mistake, origin: Origin, data: Any = None) -> Diagnostic:
    """A mistake in the data at `origin` as a diagnostic. `data` tells where short forms were written."""
    path = mistake.path if data is None else _written(mistake.path, data)
    return diagnostic(mistake.code, origin.at(*path), mistake.message, hint=mistake.hint, key=mistake.key)


def _attempt(model: type[M], data: Any) -> tuple[M | None, list[Mistake]]:
    from pydantic import ValidationError

    model.build()
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, list(mistakes(model, error, data))


_STAND_INS = {"name": "x", "tasks": {}}  # for required fields that are themselves wrong


def _without_mistakes(model: type[M], data: Any, found: list[Mistake]) -> tuple[M | None, set[tuple[str | int, ...]]]:
    """Take out the parts with mistakes; return the rest as a model, or None, and the paths of what was taken out."""
    from copy import deepcopy

    if not isinstance(data, dict):
        return None, set()
    data = deepcopy(data)
    taken: set[tuple[str | int, ...]] = set()
    for _ in range(4):
        for mistake in found:
            path = mistake.path[:-1] if mistake.code == "A121" and len(mistake.path) > 1 else mistake.path
            taken.add(mistake.path)
            _take_out(data, _written(path, data))
        value, found = _attempt(model, data)
        if value is not None or not found:
            return value, taken
    return None, set()


def _take_out(data: Any, path: tuple[str | int, ...]) -> None:
    parent = _value(data, path[:-1])
    if not path or not isinstance(parent, dict | list):
        return
    if isinstance(parent, list):
        _take_out(data, path[:-1])  # the others keep their places
    elif len(path) == 1 and path[0] in _STAND_INS:
        parent[path[0]] = _STAND_INS[str(path[0])]
    else:
        parent.pop(path[-1], None)


def _prefixes(path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    return (path[:length] for length in range(len(path) + 1))


def mistakes(model: type[Model], error: ValidationError, data: Any) -> Iterator[Mistake]:
    """Pydantic's errors on `data`, those of models that were validated on their own included."""
    from pydantic import ValidationError

    for item in error.errors(include_url=False):
        key = bool(item["loc"]) and item["loc"][-1] == "[key]"
        loc = item["loc"][:-1] if key else item["loc"]
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, ValidationError):
            value = _value(data, loc)
            inner = model_at(model, loc, value)
            for mistake in mistakes(inner or Model, cause, value):
                yield mistake._replace(path=(*loc, *mistake.path))
        elif isinstance(cause, Problem):
            yield Mistake(loc, cause.code, cause.message, cause.hint, key)
        elif item["type"] == "missing":
            yield Mistake(loc, "A121", f"missing field '{loc[-1]}'", key=True)
        elif item["type"] == "extra_forbidden":
            yield Mistake(
                loc, "A120", f"unknown field '{loc[-1]}'", _nearest(model_at(model, loc[:-1]), str(loc[-1])), True
            )
        else:
            yield Mistake(loc, *_explain(item), key=key)


def _explain(item: Any) -> tuple[str, str, str | None]:
    """Code, message and hint of an error that pydantic itself found."""
    kind, value = item["type"], item["input"]
    if kind == "literal_error":
        allowed = item["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        expected = allowed[0] if len(allowed) == 1 else f"one of {', '.join(allowed)}"
        if not isinstance(value, str):
            return "A123", f"expected {expected}, found {describe(value)}", None
        return "A123", f"expected {expected}, found '{value[:60]}'", did_you_mean(value, allowed)
    expected = _EXPECTED.get(kind, "")
    if not expected:
        return "A122", item["msg"][:1].lower() + item["msg"][1:], None
    hint = None
    if expected == "text" and isinstance(value, int | float):
        hint = f'quote it: "{getattr(value, "text", None) or str(value)}"'
    elif expected == "a list" and isinstance(value, str):
        hint = "write it in brackets: [" + ", ".join(value.split()[:4]) + (", …]" if len(value.split()) > 4 else "]")
    return "A122", f"expected {expected}, found {describe(value)}", hint


@cache  # the same mistake is often made in many places
def _nearest(model: type[Model] | None, name: str) -> str | None:
    fields = field_names(model) if model is not None else []
    for ours, theirs in _SYNONYMS.items():
        if ours in fields and name in theirs.split():
            return f"did you mean '{ours}'?"
    return did_you_mean(name, fields) or (f"known fields: {', '.join(fields)}" if 0 < len(fields) <= 12 else None)


def field_names(model: type[Model]) -> list[str]:
    """A model's fields as they are written in YAML."""
    return [field.alias or name for name, field in model.model_fields.items()]


def model_at(model: type[Model] | None, path: tuple[str | int, ...], value: Any = None) -> type[Model] | None:
    """The model of the data (`value`) at a path below a model, or None where it is none."""
    annotation: Any = model
    for part in path:
        annotation = _below(_unwrap(annotation, None), part, value)
    annotation = _unwrap(annotation, value)
    return annotation if _is_model(annotation) else None


def _below(annotation: Any, part: str | int, value: Any) -> Any:
    if not _is_model(annotation):
        arguments = getattr(annotation, "__args__", None) or (None,)
        return arguments[1 if getattr(annotation, "__origin__", None) is dict else 0]
    fields = annotation.model_fields.items()
    found = next((field for name, field in fields if part in (field.alias, name)), None)
    return None if found is None else _shaped(found.metadata, value) or found.annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Model)


def _unwrap(annotation: Any, value: Any) -> Any:
    """An annotation without `| None` and `Annotated`, with the model of a shape in its place."""
    while True:
        if hasattr(annotation, "__metadata__"):
            annotation = _shaped(annotation.__metadata__, value) or annotation.__origin__
            continue
        arguments = getattr(annotation, "__args__", ())
        if type(None) not in arguments:
            return annotation
        annotation = next(item for item in arguments if item is not type(None))


def _shaped(metadata: Iterable[Any], value: Any) -> type[Model] | None:
    return next((found for item in metadata if isinstance(item, Shape) and (found := item.model(value))), None)


def _value(data: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _written(path: tuple[str | int, ...], data: Any) -> tuple[str | int, ...]:
    """A path in the long form of some data as a path in what was written, which may be a short form."""
    written: list[str | int] = []
    for index, part in enumerate(path):
        if isinstance(data, Mapping):
            if part not in data and path[index + 1 : index + 2] and path[index + 1] in data:
                continue
            written.append(part)
            data = data.get(part, ())
        elif data == () or (isinstance(data, list | tuple) and isinstance(part, int)):
            written.append(part)
            data = data[part] if isinstance(part, int) and part < len(data) else ()
        # a scalar stands for a whole mapping: nothing of its path is there
    return tuple(written)
