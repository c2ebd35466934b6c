"""Data -> a model, or a diagnostic for every mistake in it, in plain words and at its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from compiler.diagnostics import Diagnostic, diagnostic, did_you_mean
from compiler.models.base import Model, Problem, Shape, describe

if TYPE_CHECKING:
    from pydantic import ValidationError

    from compiler.program import Origin

M = TypeVar("M", bound=Model)

# Words of Argo, GitHub and others that users bring along.
SYNONYMS = {
    "depends": "needs",
    "dependencies": "needs",
    "template": "asset",
    "templateRef": "asset",
    "arguments": "with",
    "params": "parameters",
    "withItems": "foreach",
    "withParam": "foreach",
    "withSequence": "foreach",
    "matrix": "foreach",
    "if": "when",
    "steps": "tasks",
    "jobs": "tasks",
    "onExit": "finally",
    "cron": "schedule",
    "suspend": "pause",
    "retries": "retry",
    "retryStrategy": "retry",
    "activeDeadlineSeconds": "timeout",
    "environment": "env",
    "cwd": "workingDir",
    "limits": "resources",
    "requests": "resources",
    "nodeSelector": "placement",
    "tolerations": "placement",
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


def validate(model: type[M], data: Any, origin: Origin) -> tuple[M | None, list[Diagnostic]]:
    """The data as a model, or None and one diagnostic for each mistake."""
    from pydantic import ValidationError

    model.build()
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, [place(mistake, origin) for mistake in mistakes(model, error, data)]


def place(mistake: Mistake, origin: Origin) -> Diagnostic:
    """A mistake in the data at `origin` as a diagnostic."""
    where = origin.at(*mistake.path)
    return diagnostic(mistake.code, where, mistake.message, hint=mistake.hint, key=mistake.key)


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
                yield Mistake(
                    (*loc, *_written(mistake, value)), mistake.code, mistake.message, mistake.hint, mistake.key
                )
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


def _nearest(model: type[Model] | None, name: str) -> str | None:
    fields = field_names(model) if model is not None else []
    if SYNONYMS.get(name) in fields:
        return f"did you mean '{SYNONYMS[name]}'?"
    return did_you_mean(name, fields) or (f"known fields: {', '.join(fields)}" if 0 < len(fields) <= 12 else None)


def field_names(model: type[Model]) -> list[str]:
    """A model's fields as they are written in YAML."""
    return [field.alias or name for name, field in model.model_fields.items()]


def model_at(model: type[Model] | None, path: tuple[str | int, ...], value: Any = None) -> type[Model] | None:
    """The model of the data (`value`) at a path below a model, or None where it is none."""
    annotation: Any = model
    for part in path:
        annotation = _unwrap(annotation, None)
        if isinstance(annotation, type) and issubclass(annotation, Model):
            fields = annotation.model_fields.items()
            found = next((field for name, field in fields if part in (field.alias, name)), None)
            annotation = None if found is None else _shaped(found.metadata, value) or found.annotation
        else:
            arguments = getattr(annotation, "__args__", None) or (None,)
            annotation = arguments[1 if getattr(annotation, "__origin__", None) is dict else 0]
    annotation = _unwrap(annotation, value)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Model) else None


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


def _written(mistake: Mistake, value: Any) -> tuple[str | int, ...]:
    """A mistake's path in a value that may be a short form: the long form's field is not there."""
    head = mistake.path[:1]
    if mistake.code == "A121" or not head or (isinstance(value, Mapping) and head[0] in value):
        return mistake.path
    return mistake.path[1:]
