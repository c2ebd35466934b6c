"""Assets whose mode is not compiled yet, where a task uses them."""

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
        if asset.mode != "job":
            message = f"asset '{asset.name}' is {asset.mode}; only `mode: job` can be compiled"
            yield diagnostic("A405", task.origin.at("asset"), message)
