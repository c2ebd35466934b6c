"""Holds the compute assets that the service offers: read again when their files change, compiled once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argo.backend import Json
from argo.errors import ConflictError, DefinitionError, NotFoundError, UsageError

if TYPE_CHECKING:
    from compiler.extend import Extension
    from compiler.models import ComputeAsset

_LOOK: Final = 2.0  # seconds between two looks at the files
_TYPES: Final = {"env": 1, "file": 2, "directory": 3, "archive": 3}  # of the gx4ki Workflow API


@dataclass(frozen=True, slots=True)
class OfferedAsset:
    """One version of an asset. `service_id` is what gx4ki's clients call it, `document` its file of theirs, if any."""

    model: ComputeAsset
    file: Path
    service_id: str
    document: Json | None = None

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def version(self) -> str:
        return self.model.version

    @property
    def gpus(self) -> int:
        """How many GPUs a run has; one where that is a parameter."""
        gpu = self.model.resources.gpu if self.model.resources else None
        return 0 if gpu is None else gpu.count if isinstance(gpu.count, int) else 1

    def resources(self, kind: str) -> dict[str, str]:
        """The inputs or outputs by their names in the gx4ki routes."""
        parts: dict[str, Any] = self.model.inputs if kind == "inputs" else self.model.outputs
        return {part.resource or name: name for name, part in parts.items()}

    def valid(self) -> bool:
        """True where the asset may be used today, UTC."""
        today, days = datetime.now(UTC).date(), self.model.valid
        return days is None or not ((days.from_ and today < days.from_) or (days.until and today > days.until))

    def required(self) -> list[str]:
        """The inputs that must be given."""
        return [name for name, given in self.model.inputs.items() if not given.optional and given.default is None]

    def given_out(self) -> str:
        """The output that a consumer of a data space gets. Raises ConflictError where that is not one."""
        if self.model.offer is not None and self.model.offer.output is not None:
            return self.model.offer.output
        found = [name for name, output in self.model.outputs.items() if output.kind != "value"]
        if len(found) != 1:
            message = f"{self.name} has {len(found)} outputs with files; its offer does not say which one is given"
            raise ConflictError(message, hint="name it: offer: {output: …}")
        return found[0]

    def as_gx4ki(self) -> Json:
        """The asset as the gx4ki Workflow API shows it."""
        if self.document is not None:
            return self.document
        model = self.model
        inputs = [
            _resource(given, name) | ({} if given.path is None else {"mount_path": given.path})
            for name, given in model.inputs.items()
        ]
        outputs = [_resource(output, name) for name, output in model.outputs.items() if output.kind != "value"]
        worker = {
            "worker_image": model.image,
            "worker_image_output_directory": None,
            "worker_image_command": [*model.command],
            "worker_image_args": [*model.args],
            "gpu": self.gpus > 0,
        }
        return {"service_id": self.service_id, "inputs": inputs, "outputs": outputs, "workflow_resource": worker}

    def as_json(self) -> Json:
        """The asset as the service's own API shows it."""
        model = self.model
        valid = model.valid
        return {
            "name": model.name,
            "version": model.version,
            "title": model.title,
            "description": model.description,
            "mode": model.mode,
            "gpus": self.gpus,
            "valid": self.valid(),
            "validFrom": valid.from_.isoformat() if valid and valid.from_ else None,
            "validUntil": valid.until.isoformat() if valid and valid.until else None,
            "parameters": {name: _parameter(parameter) for name, parameter in model.parameters.items()},
            "inputs": {
                name: {"kind": given.kind, "required": name in self.required(), "description": given.description}
                for name, given in model.inputs.items()
            },
            "outputs": {
                name: {"kind": output.kind, "mediaType": output.media_type, "description": output.description}
                for name, output in model.outputs.items()
            },
        }


def _resource(part: Any, name: str) -> Json:
    return {"resource_name": part.resource or name, "type": _TYPES[part.kind], "description": part.description or ""}


def _parameter(parameter: Any) -> Json:
    shown = {"type": parameter.type, "required": parameter.required, "description": parameter.description}
    for name in ("default", "minimum", "maximum", "pattern", "enum"):
        value = getattr(parameter, name)
        if value is not None:
            shown[name] = list(value) if isinstance(value, tuple) else value
    if parameter.pattern is not None:  # a JSON Schema's is searched for
        shown["pattern"] = f"^(?:{parameter.pattern})$"
    return shown


class Catalog:
    """The assets in files and folders. Threads take turns."""

    def __init__(self, paths: Sequence[Path], *, profile: str | None = None, project_file: Path | None = None) -> None:
        self._paths = [str(path) for path in paths]
        self._profile = profile
        self._project = project_file
        self._turn = threading.RLock()
        self._looked = 0.0
        self._marks: dict[str, tuple[int, int]] = {}
        self._offered: dict[str, list[OfferedAsset]] = {}
        self._compiled: dict[tuple[str, str], list[Json]] = {}
        self.mistakes: list[str] = []
        self._load()

    def all(self) -> list[OfferedAsset]:
        """The highest version of every asset, by name."""
        self._refresh()
        return [versions[0] for _, versions in sorted(self._offered.items())]

    def versions(self, name: str) -> list[OfferedAsset]:
        """All versions of an asset, the highest first. Raises NotFoundError."""
        self._refresh()
        found = self._offered.get(name)
        if not found:
            raise NotFoundError(f"there is no asset {name}")
        return found

    def get(self, name: str, version: str | None = None) -> OfferedAsset:
        """An asset in a version (`2` is the highest 2.x), else in its highest. Raises NotFoundError."""
        from compiler.versions import matches

        for offered in self.versions(name):
            if version is None or matches(offered.version, version):
                return offered
        raise NotFoundError(f"there is no version {version} of {name}")

    def service(self, service_id: str) -> OfferedAsset:
        """An asset by what gx4ki's clients call it, else by its name. Raises NotFoundError."""
        self._refresh()
        newest = (versions[0] for versions in self._offered.values())
        return next((asset for asset in newest if asset.service_id == service_id), None) or self.get(service_id)

    def of_offer(self, offer: str) -> OfferedAsset:
        """An asset by the id that it is offered under in a data space, else by its name. Raises NotFoundError."""
        self._refresh()
        newest = (versions[0] for versions in self._offered.values())
        found = (asset for asset in newest if asset.model.offer is not None and asset.model.offer.id == offer)
        return next(found, None) or self.service(offer)

    def usable(self, offered: OfferedAsset, *, interactive: bool = False) -> OfferedAsset:
        """The same, where it may be run today, as a job unless it may be `interactive`. Raises ConflictError."""
        if not offered.valid():
            raise ConflictError(f"{offered.name} {offered.version} may not be used today", hint="look at its validity")
        if offered.model.mode == "interactive" and not interactive:
            raise ConflictError(f"{offered.name} is interactive, which cannot be started as a job")
        return offered

    def compiled(self, offered: OfferedAsset, extension: Extension | None = None) -> list[Json]:
        """The asset as Argo objects, the caller's own. Raises DefinitionError."""
        if extension is not None:
            return self._compile(offered, extension)
        with self._turn:
            key = (offered.name, offered.version)
            if key not in self._compiled:
                self._compiled[key] = self._compile(offered)
            return deepcopy(self._compiled[key])

    def _compile(self, offered: OfferedAsset, extension: Extension | None = None) -> list[Json]:
        from argo.shipped import folder
        from compiler.pipeline import compile_asset

        result = compile_asset(
            self._paths, offered.name, offered.version,
            profile=self._profile, project_file=self._project, shipped=folder("assets").parent,
            extension=extension,
        )  # fmt: skip
        wrong = [item for item in result.diagnostics if item.severity == "error"]
        if wrong or not result.documents:
            raise DefinitionError(f"the asset {offered.name} cannot be compiled", wrong)
        return result.objects()

    def _refresh(self) -> None:
        with self._turn:
            if time.monotonic() - self._looked < _LOOK:
                return
            self._looked = time.monotonic()
            if self._marked() != self._marks:
                self._load()

    def _marked(self) -> dict[str, tuple[int, int]]:
        from compiler.load.files import expand

        found = {}
        for file in expand(self._paths)[0]:
            with suppress(OSError):
                about = Path(file.location).stat()
                found[file.location] = (about.st_mtime_ns, about.st_size)
        return found

    def _load(self) -> None:
        """Read everything; while there are mistakes, what was read before stands. Raises DefinitionError at first."""
        from compiler.load.workspace import load
        from compiler.report import text

        marks, marks_before = self._marked(), self._marks
        workspace, found = load(self._paths, project_file=self._project)
        wrong = [item for item in found if item.severity == "error"]
        if wrong and not marks_before:
            raise DefinitionError("the assets have mistakes", found)
        self._marks, self.mistakes = marks, text(wrong).splitlines() if wrong else []
        if wrong:
            return
        if not workspace.assets:
            raise UsageError("there is no asset to offer", tried=f"looked in {', '.join(self._paths)}")
        self._offered = {
            name: [_offered(version.model, version.origin) for version in versions]
            for name, versions in workspace.assets.items()
        }
        self._compiled.clear()
        for asset in chain.from_iterable(self._offered.values()) if not marks_before else ():
            if asset.model.image:
                self.compiled(asset)


def _offered(model: ComputeAsset, origin: Any) -> OfferedAsset:
    file = Path(origin.source.location)
    document = None
    with suppress(ValueError):
        read = json.loads(origin.source.text) if file.suffix == ".json" else None
        document = read if isinstance(read, dict) and "service_id" in read else None
    return OfferedAsset(model, file, file.stem if document is not None else model.name, document)
