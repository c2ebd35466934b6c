"""What a run needs of this machine, looked at before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from argo.errors import DefinitionError, UsageError, did_you_mean

if TYPE_CHECKING:
    from argo.local.images import Images
    from argo.manifests import ManifestDocument
    from compiler.diagnostics import Diagnostic
    from compiler.models.project import Project


def fit(
    documents: Sequence[ManifestDocument], executor: str, places: Sequence[Path], profile: str | None
) -> tuple[Images, list[Diagnostic]]:
    """What images run by themselves, as far as the run must know it, and warnings.

    `places` are the files and folders that were named. Raises DefinitionError when the run asks for what is not here.
    """
    from argo.local.resources import this_machine
    from argo.local.support import check_machine, lacks_commands

    images: Images = {}
    if executor == "process" and lacks_commands(documents):
        images = known_images(places, profile)
    found = check_machine(documents, this_machine(), executor=executor, images=images)
    if any(item.severity == "error" for item in found):
        raise DefinitionError("this machine cannot run it", found)
    return images, found


def known_images(places: Sequence[Path], profile: str | None) -> Images:
    """The `images` of the profile in the argosy.yaml that is found upwards from the working folder, or from `places`.

    Raises DefinitionError for a file with mistakes, UsageError for a profile that it does not have.
    """
    from compiler.load.files import find_project

    for place in (Path.cwd(), *places):
        location = find_project([str(place.absolute())], None)
        if location is not None:
            break
    else:
        return {}
    project = _project(location)
    name = profile or project.default or "local"
    chosen = project.profiles.get(name)
    if chosen is None and profile not in (None, "local"):
        raise UsageError(f"there is no profile {name} in {location}", hint=did_you_mean(name, list(project.profiles)))
    found = chosen.images if chosen is not None else {}
    return {image: {"entrypoint": [*item.entrypoint], "cmd": [*item.cmd]} for image, item in found.items()}


def _project(location: str) -> Project:
    from compiler.load.documents import load_project
    from compiler.load.files import File, shown_name

    loaded = load_project(File(location, shown_name(location), named=True))
    if any(item.severity == "error" for item in loaded.diagnostics):
        raise DefinitionError(f"{shown_name(location)} has mistakes", loaded.diagnostics)
    model: Project = loaded.definitions[0].model
    return model
