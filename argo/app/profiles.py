"""The profiles of argosy.yaml: whole, as the compiler reads them, or as plain data that is kept while nothing changed.

Most commands about runs need no more of the compiler than where a profile's runs are; reading that with its models
takes longer than many of them take.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argo.errors import DefinitionError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argo.backend import Json
    from compiler.models.project import Profile, Project

LOCAL = "local"


def find() -> str | None:
    """The argosy.yaml of the working folder, looked for upwards."""
    from compiler.load.files import find_project

    return find_project([str(Path.cwd())], None)


def read(location: str) -> Json | None:
    """`default` and `profiles` of the file, the profiles as their models' fields; None where it has mistakes.

    Kept by the file's content and the code that reads it. What cannot be kept is read anew.
    """
    from argo.local.home import default_home

    try:
        content = Path(location).read_bytes()
    except OSError:
        return None
    folder = default_home() / "cache"
    kept = folder / f"profiles-{_identity(location, content)}.json"
    with suppress(OSError, ValueError):
        known = json.loads(kept.read_bytes())
        if isinstance(known, dict):
            return known
    project, _ = _load(location)
    if project is None:
        return None
    found: Json = project.model_dump(mode="json", include={"default", "profiles"})
    with suppress(OSError):
        if Path(location).read_bytes() == content:  # not changed while it was read
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = kept.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(found), "utf-8")
            temporary.replace(kept)
    return found


def require(location: str) -> Project:
    """The whole file. Raises DefinitionError."""
    from compiler.load.files import shown_name

    project, diagnostics = _load(location)
    if project is None:
        raise DefinitionError(f"{shown_name(location)} has mistakes", diagnostics)
    return project


def named(name: str | None) -> Profile:
    """The profile of that name, else the default, of the argosy.yaml in reach. Raises UsageError, DefinitionError."""
    location = find()
    if location is None:
        raise UsageError("there is no argosy.yaml, so there are no profiles", hint="argosy assets new project")
    project = require(location)
    wanted = name or project.default
    if wanted is None:
        raise UsageError("no profile is named, and argosy.yaml has no default", hint="--profile NAME")
    if wanted not in project.profiles:
        raise unknown(wanted, location, project.profiles)
    return project.profiles[wanted]


def unknown(name: str, location: str | None, names: Iterable[str]) -> UsageError:
    """The error for a profile that is not there."""
    if location is None:
        return UsageError(f"there is no profile {name}: there is no argosy.yaml", hint="argosy assets new project")
    return UsageError(f"there is no profile {name} in {location}", hint=did_you_mean(name, [*names, LOCAL]))


def _load(location: str) -> tuple[Project | None, Any]:
    from compiler.load.documents import load_project
    from compiler.load.files import File, shown_name

    loaded = load_project(File(location, shown_name(location), named=True))
    if any(item.severity == "error" for item in loaded.diagnostics) or not loaded.definitions:
        return None, loaded.diagnostics
    return loaded.definitions[0].model, ()


def _identity(location: str, content: bytes) -> str:
    import compiler

    models = Path(compiler.__file__).parent / "models"
    code = [(path.name, path.stat().st_mtime_ns) for path in (models / "project.py", models / "cluster.py")]
    return hashlib.sha256(repr((location, str(models), code)).encode() + b"\0" + content).hexdigest()[:32]
