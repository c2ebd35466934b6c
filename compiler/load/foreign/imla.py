"""Job-configs of imla-k8s-api (a dotenv file: WORKER_IMAGE, GPU, RESULT_DIRECTORY) as compute assets."""

from __future__ import annotations

import os.path
import re
from typing import TYPE_CHECKING, Any, Final

from compiler.diagnostics import Diagnostic, at, did_you_mean
from compiler.load.foreign.base import Translation, slug
from compiler.source import SourceFile

if TYPE_CHECKING:
    from compiler.source import Path

_PLACES: Final[dict[str, tuple[Path, ...]]] = {
    "WORKER_IMAGE": (("image",),),
    "GPU": (("resources",), ("resources", "gpu")),
    "RESULT_DIRECTORY": (
        ("outputs",),
        ("outputs", "result"),
        ("outputs", "result", "path"),
        ("volumes", "results", "path"),
    ),
}
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off", ""})
RESULT_DIRECTORY: Final = "/output"
STORAGE: Final = "5Gi"  # of the job's results


def translate(source: SourceFile) -> tuple[Translation | None, SourceFile, list[Diagnostic]]:
    """The asset, or what is wrong with the file; and the source in which its parts have their places.

    Its input `env` takes the job's own dotenv file; its output `result` is the folder of results.
    """
    from compiler.load import dotenv

    values, found = dotenv.parse(source.name, source.text.encode(), source.location)
    for name in values.keys() - _PLACES.keys():
        message = f"the variable {name} means nothing in a job-config"
        hint = did_you_mean(name, _PLACES) or "variables of the job stand in a dotenv file of their own: -i env=FILE"
        found.append(at("A170", _key(source, name), message, hint=hint))
    if not values.get("WORKER_IMAGE"):
        hint = "a job-config names the image: WORKER_IMAGE=registry.example.com/carla:1.0"
        found.append(at("A121", source.at(0, 0), "missing variable WORKER_IMAGE", hint=hint))
        return None, source, found
    gpu = values.get("GPU", "").lower()
    if gpu not in _TRUE | _FALSE:
        found.append(at("A122", _key(source, "GPU"), f"expected true or false, found '{gpu[:60]}'"))
    stem = os.path.basename(source.name).removesuffix(".env")  # noqa: PTH119
    folder = values.get("RESULT_DIRECTORY") or RESULT_DIRECTORY
    data: dict[str, Any] = {
        "kind": "ComputeAsset",
        "name": slug(stem),
        "image": values["WORKER_IMAGE"],
        "inputs": {"env": {"kind": "env", "optional": True}},
        # The folder is there when the job begins, and what the image has beside it is not hidden.
        "volumes": {"results": {"empty": STORAGE, "path": folder}},
        "outputs": {"result": {"kind": "directory", "path": folder, "mount": False}},
    }
    if gpu in _TRUE:
        data["resources"] = {"gpu": True}

    def locate(path: Path, _key_wanted: bool) -> tuple[int, int]:
        for variable, places in _PLACES.items():
            if variable in values and path[1:] and any(path[1:] == place for place in places):
                return _span(source, variable)
        return _span(source, "WORKER_IMAGE")

    return Translation("ComputeAsset", data, {}), SourceFile(source.name, source.text, source.location, locate), found


def _span(source: SourceFile, variable: str) -> tuple[int, int]:
    match = re.search(rf"(?m)^[ \t]*(?:export[ \t]+)?{re.escape(variable)}[ \t]*=[ \t]*([^\r\n]*)", source.text)
    assert match is not None
    return match.span(1) if match.group(1) else match.span()


def _key(source: SourceFile, variable: str) -> Any:
    match = re.search(rf"(?m)^[ \t]*(?:export[ \t]+)?({re.escape(variable)})[ \t]*=", source.text)
    return source.at(*match.span(1)) if match else source.at(0, 0)
