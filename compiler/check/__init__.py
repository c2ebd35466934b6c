"""Holds a resolved program against what is sound, safe and possible: an ordered tuple of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from compiler.check import (
    behaviour,
    bounds,
    fields,
    flow,
    images,
    injection,
    modes,
    names,
    places,
    resources,
    schedules,
    secrets,
    security,
    unused,
)
from compiler.check.survey import Survey, survey
from compiler.diagnostics import Diagnostic
from compiler.program import Program

CHECKS: Final[tuple[Callable[[Survey], Iterable[Diagnostic]], ...]] = (
    names.check,
    fields.check,
    modes.check,
    flow.check,
    unused.check,
    places.check,
    resources.check,
    behaviour.check,
    schedules.check,
    images.check,
    injection.check,
    secrets.check,
    security.check,
    bounds.check,
)


def check(program: Program) -> list[Diagnostic]:
    """Every finding of every check, sorted by file and line. Validity dates need a clock: they are not checked here."""
    seen = survey(program)
    return sorted(found for each in CHECKS for found in each(seen))
