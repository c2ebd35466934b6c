"""Copies of Argo's objects, whole or with some of their fields."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TypeVar, cast

T = TypeVar("T")
Fields = TypeVar("Fields", bound=Mapping[str, object])


def clone(tree: T) -> T:
    """A copy of JSON data that may be written to."""
    return copy.deepcopy(tree)


def only(tree: Fields, *names: str) -> Fields:
    """A copy of an object that has no other fields than these."""
    return cast("Fields", {name: tree[name] for name in names if name in tree})


def without(tree: Fields, *names: str) -> Fields:
    """A copy of an object that has none of these fields."""
    return cast("Fields", {name: value for name, value in tree.items() if name not in names})


def filled(tree: Fields) -> Fields:
    """A copy of an object without its empty fields."""
    return cast("Fields", {name: value for name, value in tree.items() if value})
