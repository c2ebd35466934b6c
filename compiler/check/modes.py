"""Assets that a task cannot use as they are."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.check.survey import Survey
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.program import Definition


def check(survey: Survey) -> Iterable[Diagnostic]:
    for _, task in survey.tasks:
        if not isinstance(task.target, Definition):
            continue
        asset = task.target.model
        if asset.image is None:
            message = f"asset '{asset.name}' has no image of its own: consumers of the service bring one"
            yield diagnostic("A405", task.origin.at("asset"), message)
