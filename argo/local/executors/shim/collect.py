"""Collects what a pod's program left behind: the values of output parameters, the places of output artifacts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from argo.files.beneath import Node, UnsafeFileError
from argo.local.executors.shim.record import Record
from argo.local.executors.shim.view import View

# Kubernetes holds no larger object, and a parameter is part of one.
LARGEST = 1 << 20


def collect(outputs: Mapping[str, Any], view: View, folder: str) -> Record:
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
            errors.append(f"output parameter '{item['name']}': {_text(item['path'], error)}")
    for item in outputs["artifacts"]:
        try:
            artifacts[item["name"]] = _artifact(view, item, folder)
        except OSError as error:
            errors.append(f"output artifact '{item['name']}': {_text(item['path'], error)}")
    return {"parameters": parameters, "artifacts": artifacts, "errors": errors}


def _text(path: str, error: OSError) -> str:
    return f"{path} {error.strerror}" if isinstance(error, UnsafeFileError) else f"{error.strerror}: {path}"


def _parameter(view: View, path: str) -> str | None:
    found = view.find(path)
    if found is None:
        return None
    with found[0] as node:
        return node.read(LARGEST).decode(errors="replace").removesuffix("\n")


def _artifact(view: View, item: Mapping[str, Any], folder: str) -> str | None:
    found = view.find(item["path"])
    if found is None:
        return None
    node, place = found
    with node:
        node.usable()
        if not place.startswith(folder + os.sep):
            place = _keep(node, folder, item["name"])
        else:
            node.sync()
    return place


def _keep(node: Node, folder: str, name: str) -> str:
    """A copy of what others may change once this pod has ended: a shared volume, a folder of the machine."""
    with Node.at(folder) as pod, pod.make(["kept"]) as kept:
        kept.remove(name)
        node.copy(kept, name)
        with kept.child(name) as copied:
            copied.sync()
    return os.path.join(folder, "kept", name)
