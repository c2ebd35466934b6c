"""Fields of a task that what it runs cannot take; those of a container alone are refused when it is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from compiler.check.survey import Survey
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.load.rules import CONTAINER
from compiler.program import Definition, ResolvedDag

_ORDER: Final = frozenset({"needs", "when", "description"})
_ELSEWHERE: Final = frozenset(CONTAINER)
_OF_ASSET: Final = _ORDER | _ELSEWHERE | {
    "asset", "with_", "foreach", "continue_on", "timeout", "retry", "resources", "cache", "placement",
}  # fmt: skip
_OF_DAG: Final = _ORDER | _ELSEWHERE | {"dag", "with_", "foreach", "continue_on", "retry"}
_OF_PAUSE: Final = _ORDER | _ELSEWHERE | {"pause", "with_", "foreach", "retry", "resources", "cache"}


def check(survey: Survey) -> Iterable[Diagnostic]:
    for _, task in survey.tasks:
        target = task.target
        if target is task.task:
            continue
        if isinstance(target, Definition):
            allowed, what, hint = _OF_ASSET, "a task that runs an asset", "change the asset, or let it have a parameter"
        elif isinstance(target, ResolvedDag):
            allowed, what, hint = _OF_DAG, "a task that runs a DAG", "give it to the tasks of that DAG"
        else:
            allowed, what, hint = _OF_PAUSE, "a gate", "a gate has a message and a timeout, both in `pause`"
        fields = task.task.model_fields_set
        if not fields <= allowed:
            for field in sorted(fields - allowed):
                name = type(task.task).model_fields[field].alias or field
                yield diagnostic("A215", task.origin.at(name), f"{what} cannot have `{name}`", key=True, hint=hint)
