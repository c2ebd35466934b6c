"""Lowers what is mounted into a container: volumes, /dev/shm, job-config files, and a place to write each output."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from posixpath import normpath
from typing import TYPE_CHECKING, Final

from compiler.check.places import within
from compiler.lower.names import FILES_CONFIG, Names
from compiler.lower.resources import late
from compiler.plan import Mount, Volume
from compiler.refs import OPEN

if TYPE_CHECKING:
    from compiler.models.hardware import Volume as VolumeModel
    from compiler.models.parts import Runnable

_SHM: Final = "/dev/shm"  # noqa: S108  (where programs look for shared memory)


class PodVolumes:
    """Volumes and mounts; `patched` are the sizes known only in the run, as emptyDir sources by volume."""

    __slots__ = ("mounts", "patched", "volumes")

    def __init__(self) -> None:
        self.volumes: list[Volume] = []
        self.mounts: list[Mount] = []
        self.patched: dict[str, dict[str, str]] = {}

    def add(self, volume: Volume, path: str) -> None:
        self.volumes.append(volume)
        self.mounts.append(Mount(volume.name, path))


def mounted(model: Runnable, files: Iterable[tuple[str, str]], expression: Callable[[str], str]) -> PodVolumes:
    """Everything a container has mounted. `files` are the job-config files as (key in the ConfigMap, path)."""
    found = PodVolumes()
    names = Names(set(model.volumes))
    for name, volume in model.volumes.items():
        found.volumes.append(_volume(name, volume))
        found.mounts.append(Mount(name, volume.path, volume.sub_path or "", volume.read_only))
    if model.resources and model.resources.shm is not None:
        name, size = names.new("shm"), model.resources.shm
        if OPEN in size:
            found.patched[name] = {"medium": "Memory", "sizeLimit": late(expression(size))}
        found.add(Volume(name, "memory", size="" if OPEN in size else size), _SHM)
    files = list(files)
    if files:
        name = names.new("files")
        found.volumes.append(Volume(name, "configMap", f"{{{{inputs.parameters.{FILES_CONFIG}}}}}"))
        found.mounts += [Mount(name, path, key, True) for key, path in files]
    for path in _output_folders(model, [mount.path for mount in found.mounts if not mount.sub_path]):
        found.add(Volume(names.new("out"), "empty"), path)
    return found


def _volume(name: str, model: VolumeModel) -> Volume:
    if model.claim is not None:
        return Volume(name, "claim", model.claim, read_only=model.read_only)
    if model.config_map is not None:
        return Volume(name, "configMap", model.config_map, optional=model.optional)
    if model.secret is not None:
        return Volume(name, "secret", model.secret, optional=model.optional)
    return Volume(name, "empty", size=model.empty or "")


def _output_folders(model: Runnable, taken: Iterable[str]) -> list[str]:
    """The folders that outputs are written to and that nothing else is in: a user who is not root cannot make them.

    None where it would hide an input, the working directory, or (`mount: false`) content of the image. A folder right
    below the root is mounted itself, since the root cannot be.
    """
    folders: dict[str, None] = {}
    for output in model.outputs.values():
        path = normpath(output.path)
        parent = path.rsplit("/", 1)[0]
        folder = parent or (path if output.kind in ("directory", "archive") else "")
        if folder and output.mount:
            folders[folder] = None
    kept = [normpath(given.path) for given in model.inputs.values() if given.path]
    if model.working_dir:
        kept.append(normpath(model.working_dir))
    mounts = [normpath(path) for path in taken]
    return sorted(
        folder
        for folder in folders
        if not any(within(path, folder) for path in kept) and not any(within(folder, path) for path in mounts)
    )
