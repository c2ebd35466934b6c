"""What a pod's program left behind: the values of output parameters, the places of output artifacts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from argo.local.executors.shim.record import sync_path
from argo.local.executors.shim.view import View

# Kubernetes holds no larger object, and a parameter is part of one.
LARGEST = 1 << 20


def collect(outputs: Mapping[str, Any], view: View, folder: str) -> dict[str, Any]:
    """Read parameters, and find artifacts and make them last. What lies outside the pod is copied into it.

    `{"parameters": {name: text or None}, "artifacts": {name: path or None}, "errors": [message]}`.
    """
    errors: list[str] = []
    parameters: dict[str, str | None] = {}
    artifacts: dict[str, str | None] = {}
    for item in outputs["parameters"]:
        try:
            parameters[item["name"]] = _parameter(view, item["path"])
        except OSError as error:
            errors.append(f"output parameter '{item['name']}': {error.strerror}: {item['path']}")
    for item in outputs["artifacts"]:
        try:
            artifacts[item["name"]] = _artifact(view, item, folder)
        except OSError as error:
            errors.append(f"output artifact '{item['name']}': {error.strerror}: {item['path']}")
    return {"parameters": parameters, "artifacts": artifacts, "errors": errors}


def _parameter(view: View, path: str) -> str | None:
    place = view.locate(path)
    if place is None or not os.path.lexists(place):
        return None
    with open(place, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(0, f"larger than {LARGEST} bytes, which no parameter may be")
    return data.decode(errors="replace").removesuffix("\n")


def _artifact(view: View, item: Mapping[str, Any], folder: str) -> str | None:
    place = view.locate(item["path"])
    if place is None or not os.path.lexists(place):
        return None
    if not os.path.realpath(place).startswith(os.path.realpath(folder) + os.sep):
        place = _keep(place, folder, item["name"])
    _sync(place)
    return place


def _keep(place: str, folder: str, name: str) -> str:
    """A copy of what others may change once this pod has ended: a shared volume, a folder of the machine."""
    import shutil

    target = os.path.join(folder, "kept", name)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(place):
        shutil.copytree(place, target, symlinks=True)
    else:
        shutil.copyfile(place, target)
        shutil.copymode(place, target)
    return target


def _sync(place: str) -> None:
    if not os.path.isdir(place):
        sync_path(place)
        return
    for parent, _, files in os.walk(place):
        for name in files:
            path = os.path.join(parent, name)
            if os.path.isfile(path) and not os.path.islink(path):
                sync_path(path)
        sync_path(parent)
