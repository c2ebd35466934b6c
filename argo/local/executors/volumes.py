"""A pod's volumes as folders of this machine, and where its containers mount them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from argo.files.beneath import Node, UnsafeFileError
from argo.local.executors.environment import config_map_data, expand, field_value, secret_data
from argo.local.executors.errors import PodError, check_name
from argo.local.executors.folder import PodFolder
from argo.local.executors.shim.view import Mount
from argo.local.pods import PodRequest, RunObjects
from compiler.manifest_types import (
    Container,
    ContainerSetTemplate,
    DownwardAPIVolumeFile,
    HostPathVolumeSource,
    KeyToPath,
    VolumeProjection,
)
from compiler.manifest_types import Volume as VolumeSpec

SHARED_MEMORY = "/dev/shm"  # noqa: S108 -- where programs look for it


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume: the folder (or, of a hostPath, the file) that holds it."""

    source: Path
    read_only: bool = False
    memory: bool = False


class Volumes:
    """One pod's volumes, made when first mounted. `claims` holds PersistentVolumeClaims, a folder each; those of
    the run's own volumeClaimTemplates lie in `claims` of the run's folder."""

    def __init__(self, request: PodRequest, folder: PodFolder, objects: RunObjects, claims: Path) -> None:
        self._request = request
        self._folder = folder
        self._objects = objects
        self._claims = claims
        self._specs = {volume["name"]: volume for volume in request.volumes}
        self._made: dict[str, Volume] = {}

    def mounts(self, container: Container | ContainerSetTemplate, env: Mapping[str, str]) -> list[Mount]:
        """Return the mounts that `volumeMounts` of a container stands for. Raises PodError."""
        mounts: dict[str, Mount] = {}
        for mount in container.get("volumeMounts") or ():
            volume = self._volume(mount["name"])
            target = str(PurePosixPath("/", mount["mountPath"]))
            if volume.memory and target == SHARED_MEMORY:
                continue  # the machine's own is memory, and seen in every view
            inner = expand(mount["subPathExpr"], env) if mount.get("subPathExpr") else mount.get("subPath") or ""
            read_only = volume.read_only or bool(mount.get("readOnly"))
            if inner:
                inner = _inner(volume, inner, mount["name"])
            mounts[target] = Mount(f"{volume.source}{inner}", target, read_only, inner)
        return list(mounts.values())

    def _volume(self, name: str) -> Volume:
        if name not in self._made:
            if name not in self._specs:
                raise PodError(f'volumeMounts: no volume "{name}"')
            self._made[name] = self._make(name, self._specs[name])
        return self._made[name]

    def _make(self, name: str, spec: VolumeSpec) -> Volume:
        check_name(name, "volume")
        if "hostPath" in spec:
            return Volume(Path(os.path.realpath(_host_path(spec["hostPath"]))))
        if "persistentVolumeClaim" in spec:
            claim_name = spec["persistentVolumeClaim"]["claimName"]
            own = self._folder.path.parent.parent / "claims"
            claim = _below(own if claim_name in self._request.own_claims else self._claims, claim_name)
            claim.mkdir(parents=True, exist_ok=True)
            return Volume(claim, bool(spec["persistentVolumeClaim"].get("readOnly")))
        sources = _sources(spec)
        if sources is not None:
            secret = any("secret" in source for source in sources)
            place = self._folder.path / ("secrets" if secret else "volumes") / name
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            for source in sources:
                self._write(source, place, secret=secret)
            return Volume(place, read_only=True)
        if "emptyDir" in spec:
            place = self._folder.path / "volumes" / name
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(0o777)  # as the kubelet does: whatever user the container has, may write there
            return Volume(place, memory=(spec["emptyDir"] or {}).get("medium") == "Memory")
        kinds = ", ".join(key for key in spec if key != "name") or "no source"
        raise PodError(f'volume "{name}" is of a kind that cannot be had on this machine: {kinds}')

    def _write(self, source: VolumeProjection, place: Path, *, secret: bool) -> None:
        kind, given = next(iter(source.items()))
        spec: Any = given  # each kind has fields of its own
        optional = bool(spec.get("optional"))
        items = spec.get("items") or ()
        if kind == "downwardAPI":
            data = {item["path"]: self._field(item) for item in items}
        else:
            name = spec.get("secretName") or spec.get("name") or ""
            data = (secret_data if kind == "secret" else config_map_data)(name, self._objects, optional=optional)
            data = _picked(items, data, name, optional=optional) if items else data
        modes = {item["path"]: item["mode"] for item in items if item.get("mode") is not None}
        mask = 0o700 if secret else 0o777
        for path, content in data.items():
            file = _below(place, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_bytes(content)
            file.chmod(modes.get(path, spec.get("defaultMode") or 0o644) & mask | 0o400)

    def _field(self, item: DownwardAPIVolumeFile) -> bytes:
        if "fieldRef" not in item:
            raise PodError(f"downwardAPI: {item.get('path')} is not a field of the pod")
        return field_value(item["fieldRef"]["fieldPath"], self._request).encode()


def _sources(spec: VolumeSpec) -> list[VolumeProjection] | None:
    """The sources of a volume that is made of files, None when it is of another kind."""
    if "projected" in spec:
        sources = spec["projected"].get("sources") or []
        for source in sources:
            if not source.keys() <= {"configMap", "secret", "downwardAPI"}:
                raise PodError(f"projected volume: {', '.join(source)} cannot be had on this machine")
        return sources
    for kind in ("configMap", "secret", "downwardAPI"):
        if kind in spec:
            return [cast("VolumeProjection", {kind: spec.get(kind)})]
    return None


def _picked(items: list[KeyToPath], data: Mapping[str, bytes], name: str, *, optional: bool) -> dict[str, bytes]:
    missing = [item["key"] for item in items if item["key"] not in data]
    if missing and not optional:
        raise PodError(f"volume: {name} has no key {missing[0]}")
    return {item["path"]: data[item["key"]] for item in items if item["key"] in data}


def _host_path(spec: HostPathVolumeSource) -> Path:
    path = Path(spec["path"])
    kind = spec.get("type") or ""
    try:
        if kind == "DirectoryOrCreate":
            path.mkdir(parents=True, exist_ok=True)
        elif kind == "FileOrCreate":
            path.touch()
    except OSError as error:
        raise PodError(f"hostPath {path}: {error.strerror}") from error
    if not path.is_absolute() or not path.exists():
        raise PodError(f"hostPath {path} does not exist on this machine")
    return path


def _inner(volume: Volume, inner: str, name: str) -> str:
    """The place of a subPath in its volume, made where it is missing, without the links that containers may have left
    there: they are followed only as far as they stay in the volume, as the kubelet does."""
    wanted = os.path.realpath(_below(volume.source, inner))
    parts = os.path.relpath(wanted, volume.source).split("/")
    try:
        if ".." in parts:
            raise UnsafeFileError("leads out of it by a symbolic link")
        with Node.at(str(volume.source)) as base:
            try:
                found = base.below(parts)
            except FileNotFoundError:
                if volume.read_only:
                    raise PodError(f"volume {name} has no {inner}") from None
                found = base.make(parts)
            with found:
                found.usable()
    except OSError as error:
        raise PodError(f"volume {name}: {inner} {error.strerror}") from error
    return "".join(f"/{part}" for part in parts if part != ".")


def _below(folder: Path, inner: str) -> Path:
    parts = PurePosixPath(inner).parts
    if ".." in parts or inner.startswith("/"):
        raise PodError(f"{inner!r} leads out of its volume")
    return folder.joinpath(*parts)
