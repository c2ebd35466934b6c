"""Which profile a compile is for: the one asked for, else the file's default, else `local`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from compiler.diagnostics import at, did_you_mean
from compiler.models.base import Model
from compiler.resolve.context import Context

if TYPE_CHECKING:
    from compiler.models import Profile, Project

LOCAL: Final = "local"

M = TypeVar("M", bound=Model)


def select(context: Context, asked: str | None) -> tuple[str, Profile, Project]:
    """The profile's name, the profile, and the project; an unknown name is reported and gives an empty profile.

    `local` exists without any file. A default that is no profile is reported where the file is loaded; what the
    environment says is the command's business.
    """
    from compiler.models import Profile, Project

    definition = context.workspace.project
    project = definition.model if definition else _default(Project)
    name = asked or project.default or LOCAL
    profile = project.profiles.get(name)
    if profile is None and asked and asked != LOCAL:
        names = [*project.profiles, LOCAL]
        hint = did_you_mean(asked, names) or f"there is {', '.join(dict.fromkeys(names))}"
        span = definition.origin.source.span((*definition.origin.path, "profiles"), True) if definition else None
        context.found.append(at("A602", span, f"there is no profile '{asked}'", hint=hint))
    return name, profile or _default(Profile), project


def _default(model: type[M]) -> M:
    model.build()
    return model.model_validate({})
