"""Names in lists: given, well-formed, each once.

Facts: Argo workflow/validate/validate.go (validateWorkflowFieldNames).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from argo.validate.place import Place
from compiler.diagnostics import Diagnostic

MAXIMUM = 128
_FIELD = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_VALUE = re.compile(r"[-a-zA-Z0-9_]+")
_TAG = re.compile(r"\{\{[^{}]*\}\}")
Rule = Callable[[str], str]


def field_name(name: str) -> str:
    """Say what is wrong with the name of a template, task, step or container; empty when nothing is."""
    if len(name) > MAXIMUM:
        return f"it must be no more than {MAXIMUM} characters"
    if not _FIELD.fullmatch(name):
        return "name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric character"
    return ""


def step_name(name: str) -> str:
    """As `field_name`; a step's name may hold variables."""
    return field_name(_TAG.sub("x", name))


def made_name(name: str) -> str:
    """As `value_name`; the name may hold variables."""
    return value_name(_TAG.sub("x", name))


def value_name(name: str) -> str:
    """Say what is wrong with the name of a parameter or artifact; empty when nothing is."""
    return "" if _VALUE.fullmatch(name) else "name must consist of alpha-numeric characters, '_' or '-'"


def check_names(places: Iterable[Place], what: str, rule: Rule) -> Iterator[Diagnostic]:
    """Names that are missing, malformed, or stand twice."""
    seen: set[str] = set()
    for place in places:
        name = str(place.get("name", ""))
        if not name:
            yield place.problem("A725", f"the {what}'s name is required", key=True)
            continue
        if problem := rule(name):
            yield place.child("name").problem("A725", f"the {what} name '{name}' is invalid: {problem}")
        if name in seen:
            yield place.child("name").problem("A721", f"the {what} name '{name}' is not unique")
        seen.add(name)
