"""Where a run is to be: the profile that is chosen, and what it and the run need of this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from argo.errors import DefinitionError, UsageError, did_you_mean

if TYPE_CHECKING:
    from argo.backend import Json
    from argo.local.images import Images
    from argo.manifests import ManifestDocument
    from compiler.diagnostics import Diagnostic
    from compiler.models.project import Profile, Project

LOCAL = "local"
_TARGETS = ("ARGO_SERVER", "KUBECONFIG")
_VARIABLES = (
    *_TARGETS, "ARGO_TOKEN", "ARGO_NAMESPACE", "ARGO_SECURE", "ARGO_BASE_HREF", "ARGO_HTTP1",
    "ARGO_INSECURE_SKIP_VERIFY",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A profile of this machine. `store` are the settings of an S3 store, empty for the folder in ARGOSY_HOME."""

    profile: str | None = None
    images: Images = field(default_factory=dict)
    store: Json = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def choose(definitions: Sequence[Path], profile: str | None, *, by_hand: bool = False) -> Place:
    """The profile to run under: the one asked for (`by_hand`: by the option), else the argo CLI's variables, which
    leave nothing of the file's default, else that, else `local`.

    argosy.yaml is looked for upwards from the definitions, for manifests alone from the working folder. Raises
    UsageError for a profile that is not there or that is a cluster's, DefinitionError for a file with mistakes;
    where definitions are compiled, that reports them with all others.
    """
    location = _project_file(definitions)
    set_ = [name for name in _VARIABLES if os.environ.get(name)]
    notes = (f"note: {', '.join(set_)} not used: --profile {profile} is given",) if by_hand and set_ else ()
    if location is None:
        if profile not in (None, LOCAL) and not definitions:
            raise UsageError(
                f"there is no profile {profile}: there is no argosy.yaml", hint="argosy assets new project"
            )
        return Place(profile, notes=notes)
    project = _project(location, reported=bool(definitions))
    if project is None:
        return Place(profile, notes=notes)
    name = profile or project.default or LOCAL
    target = next((name for name in _TARGETS if os.environ.get(name)), "")
    if profile is None and target and name != LOCAL:
        notes = (f"note: {target} is set, so the default profile {name} is not taken; --profile {name} takes it",)
        name = LOCAL
    chosen = project.profiles.get(name)
    if chosen is None:
        if name != LOCAL and not definitions:
            raise UsageError(
                f"there is no profile {name} in {location}", hint=did_you_mean(name, [*project.profiles, LOCAL])
            )
        return Place(name, notes=notes)
    _require_here(name, chosen)
    return Place(name, _images(chosen), _store(chosen, Path(location).parent), notes)


def fit(documents: Sequence[ManifestDocument], executor: str, images: Images) -> list[Diagnostic]:
    """Warnings about the run on this machine. Raises DefinitionError when it asks for what is not here."""
    from argo.local.resources import this_machine
    from argo.local.support import check_machine

    found = check_machine(documents, this_machine(), executor=executor, images=images)
    if any(item.severity == "error" for item in found):
        raise DefinitionError("this machine cannot run it", found)
    return found


def _require_here(name: str, profile: Profile) -> None:
    engine = profile.engine
    if not (engine.server or engine.context):
        return
    where = f"the Argo Server {engine.server}" if engine.server else f"the cluster of the context {engine.context}"
    raise UsageError(
        f"the profile {name} is of {where}; run executes on this machine",
        known="nothing was started; submitting to a cluster is not part of this version",
        hint=f"run it here with --profile local, or make its manifests: argosy compile … --profile {name}",
    )


def _project_file(definitions: Sequence[Path]) -> str | None:
    from argo.cli.sources import shipped
    from compiler.load.files import find_project

    if not definitions:
        return find_project([str(Path.cwd())], None)
    root = shipped()
    return find_project([str(path.absolute()) for path in definitions], str(root) if root else None)


def _project(location: str, *, reported: bool) -> Project | None:
    """What the file says; None where it has mistakes that somebody else reports."""
    from compiler.load.documents import load_project
    from compiler.load.files import File, shown_name

    loaded = load_project(File(location, shown_name(location), named=True))
    if not any(item.severity == "error" for item in loaded.diagnostics) and loaded.definitions:
        model: Project = loaded.definitions[0].model
        return model
    if reported:
        return None
    raise DefinitionError(f"{shown_name(location)} has mistakes", loaded.diagnostics)


def _images(profile: Profile) -> Images:
    found = profile.images.items()
    return {image: {"entrypoint": [*item.entrypoint], "cmd": [*item.cmd]} for image, item in found}


def _store(profile: Profile, folder: Path) -> Json:
    store = profile.store
    if store is None:
        return {}
    settings: Json = {"endpoint": store.endpoint, "bucket": store.bucket, "insecure": store.insecure}
    if store.region:
        settings["region"] = store.region
    if store.ca_file:
        settings["caFile"] = str(folder / Path(store.ca_file).expanduser())
    return settings
