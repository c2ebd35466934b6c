"""A pod's input artifacts: brought to their places before its containers start."""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Callable
from pathlib import Path

from argo.errors import StoreError
from argo.files import archives
from argo.files.beneath import Node
from argo.local.executors.environment import of_template
from argo.local.executors.errors import PodError
from argo.local.executors.folder import PodFolder, remove
from argo.local.executors.shim.view import View
from argo.local.pods import RunObjects
from argo.storage import NotFound, Store
from argo.storage.store import CHUNK
from compiler.manifest_types import ArchiveStrategy, Artifact, HTTPArtifact, S3Artifact, SecretKeySelector, Template

# What Argo's init container says and exits with (workflow/executor/executor.go, loadArtifact).
_FAILED = "init: Error (exit code 64): "
_HTTP_TIMEOUT = 60.0

Locate = Callable[[S3Artifact], Store]
"""Gives the store of an S3 location."""


def located(store: Store, objects: RunObjects, location: S3Artifact) -> Store:
    """The store at an S3 location: by the location's own credentials where they are here, else the run's. A location
    that names no bucket is in the run's own.

    A manifest for a cluster names Secrets that this machine need not have: the run's own store stands in for that one.
    """
    keys = (location.get("accessKeySecret"), location.get("secretKeySecret"), location.get("sessionTokenSecret"))
    values = [_secret(objects, key) for key in keys]
    if location.get("endpoint") and location.get("bucket") and values[0] and values[1]:
        from argo.storage.credentials import Credentials
        from argo.storage.s3 import S3Config, S3Store

        return S3Store(
            S3Config(
                location["endpoint"],
                location["bucket"],
                secure=not location.get("insecure"),
                region=location.get("region") or None,
                credentials=Credentials(values[0], values[1], values[2] or None),
            )
        )
    return store.with_bucket(location["bucket"]) if location.get("bucket") else store


def _secret(objects: RunObjects, reference: SecretKeySelector | None) -> str:
    found = objects.secret(reference["name"], reference["key"]) if reference else None
    return found.decode() if found is not None else ""


def load_inputs(template: Template, view: View, path: Callable[[str], str], folder: PodFolder, locate: Locate) -> None:
    """Bring every artifact to its place in the container's view; `path` makes its path plain. Raises PodError."""
    Path(view.root).mkdir(parents=True, exist_ok=True)
    for given in (template.get("inputs") or {}).get("artifacts") or ():
        artifact: Artifact = given
        if given.get("raw") is not None:
            artifact = {**given, "raw": {"data": of_template(given["raw"].get("data") or "", template)}}
        try:
            _load(artifact, view, path(artifact["path"]), folder, locate)
        except (StoreError, PodError) as error:
            text = error.message
            raise PodError(f"{_FAILED}{text}" if text.startswith("required") else _failed(artifact, text)) from error
        except OSError as error:
            raise PodError(_failed(artifact, error.strerror or str(error))) from error


def _failed(artifact: Artifact, text: str) -> str:
    return f"{_FAILED}artifact {artifact['name']} failed to load: {text}"


def _load(artifact: Artifact, view: View, path: str, folder: PodFolder, locate: Locate) -> None:
    staging = folder.path / "staging" / artifact["name"]
    staging.parent.mkdir(parents=True, exist_ok=True)
    try:
        if not _fetch(artifact, staging, locate):
            return
    except NotFound:
        if artifact.get("optional"):
            # A pod mounts the place of an artifact that has a location: where nothing was loaded, there is a folder
            # (workflow/controller/workflowpod.go, addInputArtifactsVolumes).
            view.make(path).close()
            return
        raise
    made = _open(artifact.get("archive") or {}, staging)
    if artifact.get("mode") is not None:
        _chmod(made, artifact["mode"], recurse=bool(artifact.get("recurseMode")))
    outer, name = posixpath.split(path)
    with Node.at(str(made.parent)) as source, view.make(outer) as target:
        try:
            target.clear(name)
        except OSError as error:
            raise PodError(f"{name} is there already, and not empty") from error
        source.move(made.name, target, name)


def _fetch(artifact: Artifact, target: Path, locate: Locate) -> bool:
    """Bring the artifact as it is stored to `target`; False where it is optional and was not supplied."""
    if artifact.get("raw") is not None:
        target.write_text(artifact["raw"]["data"], encoding="utf-8")
    elif (artifact.get("s3") or {}).get("key"):
        location = artifact["s3"]
        _fetch_key(locate(location), location["key"].strip("/"), target)
    elif (artifact.get("http") or {}).get("url"):
        _fetch_url(artifact["http"], target)
    else:
        kinds = [kind for kind in ("git", "gcs", "azure", "oss", "hdfs", "artifactory", "plugin") if kind in artifact]
        if kinds:
            raise PodError(f"{kinds[0]} artifacts cannot be had on this machine")
        if not artifact.get("optional"):
            raise PodError(f"required artifact '{artifact['name']}' not supplied")
        return False
    return True


def _fetch_key(store: Store, key: str, target: Path) -> None:
    """An object, or all objects below a key as a folder."""
    try:
        store.get_file(key, target)
        return
    except NotFound as error:
        missing = error
    count = 0
    for found in store.list(f"{key}/"):
        store.get_file(found.key, target.joinpath(*found.key[len(key) + 1 :].split("/")))
        count += 1
    if not count:
        raise missing


def _fetch_url(location: HTTPArtifact, target: Path) -> None:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    url = location["url"]
    if not url.startswith(("http://", "https://")):
        raise PodError(f"not a URL of http or https: {url}")
    if location.get("auth"):
        raise PodError("http artifacts with auth cannot be had on this machine")
    headers = {header["name"]: header["value"] for header in location.get("headers") or ()}
    try:
        with urlopen(Request(url, headers=headers), timeout=_HTTP_TIMEOUT) as response, target.open("wb") as file:  # noqa: S310
            while piece := response.read(CHUNK):
                file.write(piece)
    except HTTPError as error:
        if error.code == 404:
            raise NotFound(f"loading file from {url} failed with 404") from error
        raise PodError(f"loading file from {url} failed with {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise PodError(f"loading file from {url} failed: {getattr(error, 'reason', None) or error}") from error


def _open(archive: ArchiveStrategy, source: Path) -> Path:
    """Turn what was stored into what the container sees. A zip is opened only where it is declared, as in Argo."""
    kind: archives.Kind
    if archive.get("zip") is not None:
        kind = "zip"
    elif archive.get("tar") is not None or (
        archive.get("none") is None and source.is_file() and archives.is_packed(source)
    ):
        kind = "tar"
    else:
        return source
    folder = source.with_name(f"{source.name}.open")
    remove(folder)
    made = archives.unpack(source, kind, folder, shutil.disk_usage(source.parent).free, times=True)
    remove(source)
    return made


def _chmod(path: Path, mode: int, *, recurse: bool) -> None:
    if recurse and path.is_dir():
        for inner in path.rglob("*"):
            if not inner.is_symlink():
                inner.chmod(mode)
    if not path.is_symlink():
        path.chmod(mode)
