"""The types of references and parameters, and which goes into which."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, TypeAlias

from compiler.models.parts import Input, Output, Parameter

Kind: TypeAlias = Literal[
    "string", "int", "number", "bool", "enum", "json", "any", "unknown", "file", "directory", "archive", "env"
]


class Type(NamedTuple):
    """The type of a value or an artifact.

    `any` is a value known only when the run is on (an item of a computed list); `unknown` follows a mistake that is
    reported already and goes with everything. `many`: one artifact for each item of a loop. `values` are those of an
    enum. `optional`: it may be missing.
    """

    kind: Kind
    many: bool = False
    values: tuple[Any, ...] = ()
    optional: bool = False

    @property
    def is_value(self) -> bool:
        return self.kind not in _ARTIFACTS


class Items(NamedTuple):
    """The type of `item` in a loop, and its fields with theirs (None: not known before the run)."""

    type: Type
    fields: dict[str, Type] | None = None


ANY: Final = Type("any")
UNKNOWN: Final = Type("unknown")
STRING: Final = Type("string")
JSON: Final = Type("json")
ENV: Final = Type("env")
DECISION: Final = Type("enum", values=("approve", "reject"))

_ARTIFACTS: Final = frozenset({"file", "directory", "archive", "env"})
_ACCEPTED: Final[dict[str, frozenset[str]]] = {
    "string": frozenset({"string", "int", "number", "bool", "enum", "json"}),
    "int": frozenset({"int"}),
    "number": frozenset({"int", "number"}),
    "bool": frozenset({"bool"}),
    "enum": frozenset({"enum", "string", "int", "number", "bool"}),
    "json": frozenset({"json", "int", "number", "bool"}),
}
# Argo unpacks a tar and a zip into a directory alike (workflow/executor/executor.go: unpack).
_UNPACKED: Final = frozenset({"directory", "archive"})
_NOUNS: Final = {
    "int": "an int",
    "enum": "an enum",
    "archive": "an archive",
    "env": "an environment",
    "any": "any value",
}


def of_parameter(parameter: Parameter) -> Type:
    return Type(parameter.type, values=parameter.enum or ())


def of_input(given: Input) -> Type:
    return Type(given.kind, optional=given.optional and given.default is None)


def of_output(output: Output) -> Type:
    return Type(output.type if output.kind == "value" else output.kind, optional=output.optional)


def of_constant(value: Any) -> Type:
    """The type of an item that is written in the definition."""
    if isinstance(value, bool):
        return Type("bool")
    if isinstance(value, int):
        return Type("int")
    if isinstance(value, float):
        return Type("number")
    return STRING if isinstance(value, str) else JSON


def common(types: list[Type]) -> Type:
    """The type that all of them are."""
    kinds = {type_.kind for type_ in types}
    if len(kinds) == 1:
        return types[0]
    if kinds == {"int", "number"}:
        return Type("number")
    return ANY


def looped(type_: Type) -> Type:
    """The type of an output of a loop: the values are gathered in a JSON list, the artifacts under one prefix."""
    return JSON if type_.is_value else Type(type_.kind, many=True, optional=type_.optional)


def describe(type_: Type) -> str:
    if type_.many:
        return {"file": "the files", "directory": "the directories"}.get(type_.kind, "the archives") + " of all items"
    return _NOUNS.get(type_.kind, f"a {type_.kind}")


def value_fault(given: Type, wanted: Type) -> str | None:
    """Why a reference of type `given` cannot be the value of a parameter, or None where it can."""
    if given.kind in ("any", "unknown"):
        return None
    if given.kind not in _ACCEPTED[wanted.kind]:
        return f"{describe(given)} is given where {describe(wanted)} is expected"
    if given.kind == wanted.kind == "enum":
        missing = [value for value in given.values if value not in wanted.values]
        if missing:
            return f"it may be {missing[0]!r}, which is not among {', '.join(map(repr, wanted.values))}"
    return None


def artifact_fault(given: Type, wanted: Kind) -> str | None:
    """Why an artifact cannot be an input of kind `wanted`, or None where it can. Gathered files need a directory."""
    if given.kind == "unknown":
        return None
    if given.many:
        return (
            None if wanted == "directory" else f"{describe(given)} come as a directory, not as {describe(Type(wanted))}"
        )
    if given.kind == wanted or {given.kind, wanted} <= _UNPACKED:
        return None
    return f"{describe(given)} is given where {describe(Type(wanted))} is expected"
