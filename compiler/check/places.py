"""Places in the container: where inputs, outputs and volumes lie, and what an output's folder would hide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from compiler.check.survey import Container, Survey
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.models.parts import Output
from compiler.program import Origin

_SYSTEM: Final = ("/proc", "/sys", "/dev", "/argo", "/var/run/argo")  # argo: workflow/common/common.go (VarRunArgoPath)
_PROGRAMS: Final = frozenset(
    {"/bin", "/boot", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/usr/bin", "/usr/lib", "/usr/local"}
)
_MOUNT: Final = (
    "let the output have a folder of its own, such as /out; or say `mount: false` where the image lets it be written"
)


def check(survey: Survey) -> Iterable[Diagnostic]:
    for container in survey.containers:
        if container.model.inputs or container.model.outputs or container.model.volumes:
            yield from _check(container)


def _check(container: Container) -> Iterator[Diagnostic]:
    model, origin = container.model, container.origin
    groups: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("input", model.inputs), ("output", model.outputs), ("volume", model.volumes)
    )  # fmt: skip
    places = [
        (f"{kind} '{name}'", given.path, origin.at(f"{kind}s", name, "path"))
        for kind, group in groups
        for name, given in group.items()
        if given.path
    ]
    taken: dict[str, str] = {}
    own = {normal(volume.path) for volume in model.volumes.values() if volume.empty}
    folders = {f"output '{name}'" for name, output in model.outputs.items() if output.kind in ("directory", "archive")}
    for what, path, where in places:
        if what in folders and normal(path) in own:
            continue  # an empty volume may be an output's own folder
        yield from _place(what, path, where, taken)
    yield from _nested(model.outputs, origin)
    for name, output in model.outputs.items():
        yield from _folder(container, name, output, origin.at("outputs", name))


def _place(what: str, path: str, where: Origin, taken: dict[str, str]) -> Iterator[Diagnostic]:
    """One place by itself, and against those already taken."""
    if ":" in path:
        yield diagnostic("A508", where, f"the place of {what} holds a ':'", hint="Kubernetes takes none in a path")
        return
    plain = normal(path)
    if plain == "/" or any(within(plain, system) for system in _SYSTEM):
        yield diagnostic(
            "A508", where, f"{what} cannot lie at {plain}", hint="choose a folder of its own, such as /in or /out"
        )
    elif plain in taken:
        yield diagnostic("A508", where, f"{what} lies where {taken[plain]} lies", hint="give each a place of its own")
    taken.setdefault(plain, what)


def _folder(container: Container, name: str, output: Output, origin: Origin) -> Iterator[Diagnostic]:
    """Report what the emptyDir mounted at an output's parent folder would hide."""
    path = normal(output.path)
    if not output.mount or not output.path.startswith("/") or path == "/":
        return
    model, where = container.model, origin.at("path")
    parent = str(PurePosixPath(path).parent)
    if any(within(parent, normal(volume.path)) for volume in model.volumes.values()):
        return
    for other, given in model.inputs.items():
        if given.path and within(parent, normal(given.path)):
            message = f"output '{name}' lies in input '{other}'; its folder would hide {parent} there"
            yield diagnostic("A509", where, message, hint=_MOUNT)
    if parent == "/":
        if output.kind != "directory":
            message = f"output '{name}' has no folder of its own: only root may write in /"
            yield diagnostic("A509", where, message, hint=_MOUNT)
    elif parent in _PROGRAMS:
        yield diagnostic("A509", where, f"the folder of output '{name}' would hide {parent} of the image", hint=_MOUNT)
    elif model.working_dir and "${{" not in model.working_dir and within(normal(model.working_dir), parent):
        message = f"the folder of output '{name}' would hide the working directory {model.working_dir}"
        yield diagnostic("A509", where, message, hint=_MOUNT)


def _nested(outputs: dict[str, Output], origin: Origin) -> Iterator[Diagnostic]:
    for name, output in outputs.items():
        path = normal(output.path)
        for other, second in outputs.items():
            if path != normal(second.path) and within(path, normal(second.path)):
                message = f"output '{name}' lies in output '{other}', it would be stored twice"
                where = origin.at("outputs", name, "path")
                yield diagnostic("A509", where, message, hint="give each a folder of its own")


def normal(path: str) -> str:
    return "/" + str(PurePosixPath(path)).lstrip("/")


def within(path: str, folder: str) -> bool:
    """True where a normalized path is the folder or lies below it."""
    return path == folder or folder == "/" or path.startswith(folder + "/")
