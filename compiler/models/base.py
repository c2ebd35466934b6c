"""The base of every model and the scalar types that definitions share: names, durations, quantities, text.

Importing and building models is what a short command spends its time on. So annotations are real objects (not texts to
evaluate), unions are functions that look at the value once, and parts that few definitions use are `lazy`: their
module is imported when a definition first has one.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict

from compiler.models.values import REFERENCE as REFERENCE
from compiler.models.values import describe as describe
from compiler.models.values import written

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
NAME_LENGTH = 40
_NAME = re.compile(NAME_PATTERN)
_DURATION = r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?"
_QUANTITY = r"\d+(\.\d+)?([eE][-+]?\d+|m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?"


class Problem(ValueError):  # noqa: N818  (the definition is at fault, not the program)
    """A mistake in a value, as the code, message and hint of a diagnostic."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def camel(name: str) -> str:
    """A field's name as it is written in YAML."""
    first, *more = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in more)


class _Empty(dict[str, Any]):
    """The default of mappings: one for all, so it takes nothing in, and it can be hashed, so it is not copied."""

    def __hash__(self) -> int:  # type: ignore[override]
        return 0

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError("definitions are frozen")


EMPTY: Final[dict[str, Any]] = _Empty()


class Model(BaseModel):
    """A frozen part of a definition: unknown fields are refused, YAML names are camelCase."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=camel,
        validate_by_alias=True,
        validate_by_name=True,
        defer_build=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def build(cls) -> None:
        """Builds the validator now, without looking for pydantic's plugins."""
        if not cls.__pydantic_complete__:
            with _no_plugins():
                cls.model_rebuild()


@contextmanager
def _no_plugins() -> Iterator[None]:
    """Pydantic looks for plugins through importlib.metadata and email, which takes longer than all our models."""
    name = "pydantic.plugin._loader"
    if name in sys.modules:
        yield
        return
    stand_in: Any = ModuleType(name)
    stand_in.get_plugins = lambda: ()
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        sys.modules.pop(name, None)


class Shape:
    """An annotation: the value is made by a function; the JSON Schema stands here, or is that of a model.

    `choose` tells the model that a mapping is read as, where that depends on the mapping.
    """

    __slots__ = ("choose", "function", "schema", "target")

    def __init__(
        self,
        function: Callable[[Any], Any],
        schema: dict[str, Any] | None = None,
        target: "Lazy | None" = None,
        choose: "Callable[[Any], type[Model]] | None" = None,
    ) -> None:
        self.function = function
        self.schema = schema or {}
        self.target = target
        self.choose = choose

    def model(self, value: Any) -> "type[Model] | None":
        """The model that a value is read as, if it is one."""
        if self.target is not None:
            return self.target.model()
        return self.choose(value) if self.choose is not None else None

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return {"type": "function-plain", "function": {"type": "no-info", "function": self.function}}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        if self.target is None:
            return dict(self.schema)
        model = self.target.model()
        model.build()
        reference = handler(model.__pydantic_core_schema__)
        return {"anyOf": [reference, *self.schema["anyOf"]]} if self.schema else dict(reference)


class Lazy:
    """A model named by its module and class, imported when it is first needed."""

    __slots__ = ("_model", "module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name
        self._model: type[Model] | None = None

    def model(self) -> type[Model]:
        if self._model is None:
            self._model = getattr(import_module(self.module), self.name)
        return self._model

    def validate(self, value: Any) -> Any:
        model = self._model or self.model()
        if isinstance(value, model):
            return value
        model.build()
        return model.__pydantic_validator__.validate_python(value)


def lazy(module: str, name: str, short: Callable[[Any], Any] | None = None, *shapes: dict[str, Any]) -> Any:
    """The annotation for a lazy model. `short` turns its short forms into the long one; `shapes` are their schemas."""
    target = Lazy(module, name)

    def validate_short(value: Any) -> Any:
        value = short(value) if short is not None else value
        return None if value is None else target.validate(value)

    function = target.validate if short is None else validate_short
    return Annotated[Any, Shape(function, {"anyOf": list(shapes)} if shapes else None, target)]


def as_text(value: Any) -> Any:
    """A scalar as the text that stands in the file: `1.10` stays "1.10" (the loader keeps it in `.text`)."""
    if isinstance(value, str | int | float):
        return written(value)
    raise Problem("A122", f"expected text, found {describe(value)}")


def check_name(value: Any) -> str:
    """A name as RFC 1123 has it, at most 40 characters."""
    if not isinstance(value, str):
        raise Problem("A122", f"expected a name, found {describe(value)}", "quote it if it is meant as a name")
    if not _NAME.match(value) or value.endswith("\n"):
        bare = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:NAME_LENGTH].strip("-")
        message = f"'{value[:60]}' is not a name: small letters, digits and '-' between them"
        raise Problem("A124", message, f"write '{bare}'" if bare else None)
    if len(value) > NAME_LENGTH:
        raise Problem("A124", f"the name has {len(value)} characters; at most {NAME_LENGTH} are allowed")
    return value


def parse_duration(value: Any) -> int:
    """`90s`, `10m`, `2h`, `1d`, `1h30m`, or whole seconds -> seconds."""
    hint = "write it like 90s, 10m, 2h, 1d or 1h30m"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Problem("A122", f"expected a duration, found {describe(value)}", hint)
    if isinstance(value, int):
        seconds = int(value)
    else:
        match = re.fullmatch(_DURATION, value, re.ASCII) if value else None
        if match is None:
            raise Problem("A126", f"'{value[:60]}' is not a duration", hint)
        parts = [int(part or 0) for part in match.groups()]
        seconds = ((parts[0] * 24 + parts[1]) * 60 + parts[2]) * 60 + parts[3]
    if not 0 < seconds < 1 << 31:
        raise Problem("A125", "a duration must be between one second and 24855 days", hint)
    return seconds


def parse_quantity(value: Any) -> str:
    """A Kubernetes quantity (`500m`, `4`, `16Gi`) as text; a `${{ … }}` reference is left to the checker."""
    hint = "write it like 500m, 4 or 16Gi"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Problem("A122", f"expected a quantity, found {describe(value)}", hint)
    text: str = as_text(value)
    if not (re.fullmatch(_QUANTITY, text, re.ASCII) or REFERENCE in text):
        raise Problem("A126", f"'{text[:60]}' is not a quantity", hint)
    return text


def check_flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    hint = f"write {'true' if value in ('yes', 'on', 'y') else 'false'}" if value in _OLD_FLAGS else None
    raise Problem("A122", f"expected true or false, found {describe(value)}", hint)


_OLD_FLAGS = ("yes", "on", "y", "no", "off", "n")


def check_number(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise Problem("A122", f"expected a number, found {describe(value)}")


def whole(minimum: int | None = None, maximum: int | None = None) -> Shape:
    """The annotation of a whole number within bounds, both included."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Problem("A122", f"expected a whole number, found {describe(value)}")
        if minimum is not None and value < minimum:
            raise Problem("A125", f"must be at least {minimum}, is {int(value)}")
        if maximum is not None and value > maximum:
            raise Problem("A125", f"must be at most {maximum}, is {int(value)}")
        return int(value)

    bounds = {"minimum": minimum, "maximum": maximum}
    return Shape(check, {"type": "integer", **{name: bound for name, bound in bounds.items() if bound is not None}})


TEXT_SCHEMA = {"type": ["string", "number", "boolean"]}
NAME_SCHEMA = {"type": "string", "pattern": NAME_PATTERN, "maxLength": NAME_LENGTH}

Name = Annotated[str, Shape(check_name, NAME_SCHEMA)]
Text = Annotated[str, Shape(as_text, TEXT_SCHEMA)]
Duration = Annotated[int, Shape(parse_duration, {"type": ["string", "integer"], "examples": ["90s", "2h", "1d"]})]
Quantity = Annotated[str, Shape(parse_quantity, {"type": ["string", "number"], "examples": ["500m", "16Gi"]})]
Flag = Annotated[bool, Shape(check_flag, {"type": "boolean"})]
Whole = Annotated[int, whole()]
Number = Annotated[float, Shape(check_number, {"type": "number"})]
