"""Copies of Argo's objects, with some of their fields or with their tags replaced; amounts read from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeVar, cast

from argo.expressions.errors import TemplateError
from argo.expressions.template import substitute
from argo.local.controller.errors import ReconcileError
from argo.workflow.values import parse_duration, text, whole

T = TypeVar("T")
Fields = TypeVar("Fields", bound=Mapping[str, object])


def only(tree: Fields, *names: str) -> Fields:
    """A copy of an object that has no other fields than these."""
    return cast("Fields", {name: tree[name] for name in names if name in tree})


def without(tree: Fields, *names: str) -> Fields:
    """A copy of an object that has none of these fields."""
    return cast("Fields", {name: value for name, value in tree.items() if name not in names})


def filled(tree: Fields) -> Fields:
    """A copy of an object without its empty fields."""
    return cast("Fields", {name: value for name, value in tree.items() if value})


def replace(
    tree: T, values: Mapping[str, object], allow_unresolved: bool = True, strict_prefixes: tuple[str, ...] | None = None
) -> T:
    """As `argo.expressions.substitute`; unknown tags stay. Raises ReconcileError."""
    try:
        return substitute(tree, values, allow_unresolved, strict_prefixes=strict_prefixes)
    except TemplateError as error:
        raise ReconcileError(str(error)) from error


def duration(value: object, what: str = "") -> timedelta:
    """Read a duration of a manifest. Raises ReconcileError, which begins with `what`."""
    try:
        return parse_duration(text(value))
    except ValueError as error:
        raise ReconcileError(f"{what}{error}") from error


def number(value: object, what: str) -> int:
    """Read a whole number of a manifest. Raises ReconcileError, which begins with `what`."""
    try:
        return whole(text(value))
    except ValueError as error:
        raise ReconcileError(f"{what} is no whole number: {value}") from error
