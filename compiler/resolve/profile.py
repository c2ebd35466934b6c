"""Which profile a compile is for: the one asked for, else the file's default, else `local`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from compiler.diagnostics import at, did_you_mean
from compiler.resolve.context import Context

if TYPE_CHECKING:
    from compiler.models import Profile, Project

LOCAL: Final = "local"


def select(context: Context, asked: str | None) -> tuple[str, Profile, Project]:
    """The profile's name, the profile, and the project; an unknown name is reported and gives an empty profile.

    `local` exists without any file. A default that is no profile is reported where the file is loaded; what the
    environment says is the command's business.
    """
    from compiler.models import Profile, Project
    from compiler.models.project import Engine, Policy

    definition = context.workspace.project
    project = definition.model if definition else Project.model_construct(policy=Policy.model_construct())
    name = asked or project.default or LOCAL
    profile = project.profiles.get(name)
    if profile is None and asked and asked != LOCAL:
        names = [*project.profiles, LOCAL]
        hint = did_you_mean(asked, names) or f"there is {', '.join(dict.fromkeys(names))}"
        span = definition.origin.source.span((*definition.origin.path, "profiles"), True) if definition else None
        context.found.append(at("A602", span, f"there is no profile '{asked}'", hint=hint))
    return name, profile or Profile.model_construct(engine=Engine.model_construct()), project
