"""Assets of the gx4ki Workflow API (`config/assets/<id>.json`) as compute assets.

Resource types: 1 a dotenv file, 2 a file, 3 a zip. An input of type 2 is the file `mount_path/resource_name`, one of
type 3 is unpacked at `mount_path`; an output lies in `worker_image_output_directory` under its name, of type 3 as a
folder (without `.zip`) that is stored as a zip.
"""

from __future__ import annotations

from posixpath import join, normpath
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict

from compiler.diagnostics import Diagnostic, diagnostic
from compiler.load.foreign.base import Foreign, Slugs, Translation, known_fields, slug
from compiler.load.validate import validate
from compiler.models.base import Flag, Text
from compiler.models.offer import Day

if TYPE_CHECKING:
    from compiler.program import Origin
    from compiler.source import Path

KINDS = {1: "env", 2: "file", 3: "archive"}
OUTPUT_FOLDER = "/output"


class _Named(Foreign):
    """Fields are written as they are called here."""

    model_config = ConfigDict(alias_generator=None)


class Resource(_Named):
    """An input or an output."""

    resource_name: str
    type: Literal[1, 2, 3]
    mount_path: str | None = None
    description: str | None = None


class Worker(_Named):
    """The container."""

    worker_image: str
    worker_image_output_directory: str | None = None
    worker_image_command: tuple[Text, ...] = ()
    worker_image_args: tuple[Text, ...] = ()
    gpu: Flag = False


class Asset(_Named):
    """The whole file."""

    service_id: str
    inputs: tuple[Resource, ...] = ()
    outputs: tuple[Resource, ...] = ()
    workflow_resource: Worker
    start_date: Day | None = None
    end_date: Day | None = None


def translate(data: dict[str, Any], origin: Origin) -> tuple[Translation | None, list[Diagnostic]]:
    """The asset, or what is wrong with it."""
    found: list[Diagnostic] = []
    given = known_fields(Asset, data, origin, found)
    for name, model in (("inputs", Resource), ("outputs", Resource)):
        if isinstance(given.get(name), list):
            given[name] = [
                known_fields(model, item, origin.at(name, index), found) if isinstance(item, dict) else item
                for index, item in enumerate(given[name])
            ]
    if isinstance(given.get("workflow_resource"), dict):
        worker = given["workflow_resource"]
        given["workflow_resource"] = known_fields(Worker, worker, origin.at("workflow_resource"), found)
    validated = validate(Asset, given, origin, lambda _: ())
    found += validated.diagnostics
    if validated.value is None:
        return None, found
    return _asset(validated.value, origin, found), found


def _asset(asset: Asset, origin: Origin, found: list[Diagnostic]) -> Translation:
    own, worker = origin.path, asset.workflow_resource
    made: dict[str, Any] = {"kind": "ComputeAsset", "name": slug(asset.service_id), "image": worker.worker_image}
    places: dict[Path, Path] = {
        (*own, "name"): (*own, "service_id"),
        (*own, "image"): (*own, "workflow_resource", "worker_image"),
        (*own, "command"): (*own, "workflow_resource", "worker_image_command"),
        (*own, "args"): (*own, "workflow_resource", "worker_image_args"),
        (*own, "resources"): (*own, "workflow_resource", "gpu"),
        (*own, "valid", "from"): (*own, "start_date"),
        (*own, "valid", "until"): (*own, "end_date"),
    }
    slugs = Slugs()
    names = {resource.resource_name: slugs.name(resource.resource_name) for resource in asset.inputs}
    files = {resource.resource_name: names[resource.resource_name] for resource in asset.inputs if resource.type == 2}
    if made["name"] != asset.service_id:
        made["title"] = asset.service_id
    made["command"] = [_argument(text, files) for text in worker.worker_image_command]
    made["args"] = [_argument(text, files) for text in worker.worker_image_args]
    made["inputs"], made["outputs"] = {}, {}
    for index, resource in enumerate(asset.inputs):
        name = names[resource.resource_name]
        made["inputs"][name] = _input(resource, origin.at("inputs", index), found)
        _placed(places, (*own, "inputs", name), (*own, "inputs", index), "mount_path")
    folder = worker.worker_image_output_directory or OUTPUT_FOLDER
    slugs = Slugs()
    for index, resource in enumerate(asset.outputs):
        name = slugs.name(resource.resource_name)
        made["outputs"][name] = _output(resource, folder, origin.at("outputs", index), found)
        _placed(places, (*own, "outputs", name), (*own, "outputs", index), "resource_name")
    made["resources"] = {"gpu": True} if worker.gpu else {}
    days = (("from", asset.start_date), ("until", asset.end_date))
    made["valid"] = {name: day for name, day in days if day}
    return Translation("ComputeAsset", {key: value for key, value in made.items() if value}, places)


def _argument(text: str, files: dict[str, str]) -> str:
    """An argument that is the bare name of an input file means that file, wherever the image's own folder is."""
    if text in files:
        return f"${{{{ inputs.{files[text]}.path }}}}"
    return text.replace("${{", "${{ '${{' }}")


def _placed(places: dict[Path, Path], ours: Path, theirs: Path, path: str) -> None:
    places[ours] = theirs
    places[(*ours, "kind")] = (*theirs, "type")
    places[(*ours, "path")] = (*theirs, path)
    places[(*ours, "resource")] = (*theirs, "resource_name")


def _input(resource: Resource, origin: Origin, found: list[Diagnostic]) -> dict[str, Any]:
    made: dict[str, Any] = {"kind": KINDS[resource.type], "resource": resource.resource_name}
    if resource.type != 1:
        if resource.mount_path is None:
            hint = "say where in the container it lies"
            found.append(diagnostic("A121", origin, "missing field 'mount_path'", hint=hint, key=True))
        folder = normpath(resource.mount_path or "/data")
        made["path"] = join(folder, resource.resource_name) if resource.type == 2 else folder
    return made | ({"description": resource.description} if resource.description else {})


def _output(resource: Resource, folder: str, origin: Origin, found: list[Diagnostic]) -> dict[str, Any]:
    if resource.type == 1:
        hint = "an output is a file (2) or a zip of a folder (3)"
        found.append(diagnostic("A123", origin.at("type"), "an output is no environment", hint=hint))
    name = resource.resource_name.removesuffix(".zip") if resource.type == 3 else resource.resource_name
    made = {
        "kind": "archive" if resource.type == 3 else "file",
        "path": join(normpath(folder), name),
        "resource": resource.resource_name,
    }
    return made | ({"description": resource.description} if resource.description else {})
