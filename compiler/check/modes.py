"""Assets that a task cannot use as they are, and interactive tasks that nobody could reach."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from compiler.check.survey import Survey
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.program import Definition, interactive

if TYPE_CHECKING:
    from compiler.models.project import Profile
    from compiler.program import ResolvedDag

_LONGEST: Final = 63  # characters of a label's value, by which a Service finds its pod


def check(survey: Survey) -> Iterable[Diagnostic]:
    for _, task in survey.tasks:
        if not isinstance(task.target, Definition):
            continue
        asset = task.target.model
        if asset.image is None:
            message = f"asset '{asset.name}' has no image of its own: consumers of the service bring one"
            yield diagnostic("A405", task.origin.at("asset"), message)
    for dag in survey.program.dags:
        yield from _interactive(dag, survey.program.profile)


def _interactive(dag: ResolvedDag, profile: Profile) -> Iterator[Diagnostic]:
    for found in interactive(dag):
        model, where = found.definition.model, found.task.origin.at("asset")
        if dag.model.schedule is not None and (model.token is not None or profile.sessions is not None):
            hint = "leave out the schedule: whoever submits a run makes what leads to its interactive tasks"
            yield diagnostic("A413", where, f"'{found.path}' is interactive, and a schedule starts it", hint=hint)
        if profile.sessions is None:
            continue
        if found.looped:
            message = f"'{found.path}' is interactive and in a loop: its items would share one host"
            yield diagnostic("A413", where, message, hint="use a profile without `sessions`, or a task for each")
        elif len(found.path) > _LONGEST:
            message = f"'{found.path}' is interactive, and its path is longer than {_LONGEST} characters"
            yield diagnostic("A413", where, message, hint="shorten the names of the tasks that nest it")
        if model.token is None:
            message = f"asset '{model.name}' has no token: whoever finds its host can use it"
            hint = "name the variable that its program takes a token from: token: {env: …}"
            yield diagnostic("A512", found.definition.origin.at("mode"), message, hint=hint)
