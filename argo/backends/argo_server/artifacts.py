"""Artifacts through the Argo Server, where the store itself is not reached from here: a store that is read only.

Facts: server/artifacts/artifact_server.go of Argo; a folder comes as the tar that is stored.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from argo.backends.argo_server.http import Client
from argo.errors import NotFoundError, StoreError
from argo.http import NoAnswerError, part, read
from argo.storage.errors import NotFound
from argo.storage.store import Moved, ObjectInfo, Readable, Store, copy_digest
from compiler.manifest_types import Workflow

if TYPE_CHECKING:
    from argo.http import Answer


class ArtifactFiles(Store):
    """A store over the outputs of one run, by their keys."""

    def __init__(self, client: Client, workflow: Workflow, *, archived: bool = False) -> None:
        self._client = client
        self.bucket = ""
        self._paths: dict[str, str] = {}
        metadata = workflow["metadata"]
        namespace = part(metadata["namespace"])
        run = f"archived-workflows/{part(metadata['uid'])}" if archived else f"workflows/{part(metadata['name'])}"
        for node_id, node in ((workflow.get("status") or {}).get("nodes") or {}).items():
            for artifact in (node.get("outputs") or {}).get("artifacts") or ():
                key = (artifact.get("s3") or {}).get("key")
                if key and node.get("type") not in ("DAG", "Steps"):
                    name = part(artifact["name"])
                    path = f"/artifact-files/{namespace}/{run}/{part(node_id)}/outputs/{name}"
                    self._paths.setdefault(key, path)

    def with_bucket(self, bucket: str) -> ArtifactFiles:  # noqa: ARG002  (the server knows it)
        return self

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:  # noqa: ARG002  (it gives all)
        if key not in self._paths:
            raise NotFound(f"no task of the run has stored {key}", tried="looked among the outputs of its tasks")
        try:
            response = self._client.content(self._paths[key])
        except NotFoundError as error:
            raise NotFound(f"the Argo Server does not find {key}", hint="look for it in the store itself") from error
        body = io.BufferedReader(_Body(response, key), 1 << 20)
        while start and (passed := body.read(min(start, 1 << 20))):
            start -= len(passed)
        return body

    def download(self, key: str, path: Path, parts: Path, moved: Moved, *, digest: bool = True) -> ObjectInfo:  # noqa: ARG002
        with self.open(key) as source, path.open("wb") as target:
            size, sha256 = copy_digest(source, target, moved)
        return ObjectInfo(key, size, "", sha256)

    def stat(self, key: str) -> ObjectInfo | None:
        return ObjectInfo(key, -1, "") if key in self._paths else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """The keys alone: the server tells no sizes (-1)."""
        return (ObjectInfo(key, -1, "") for key in sorted(self._paths) if key.startswith(prefix))

    def put_file(self, key: str, path: Path, *, give: bool = False) -> ObjectInfo:  # noqa: ARG002
        raise self._read_only()

    def put_stream(self, key: str, source: Readable) -> ObjectInfo:  # noqa: ARG002
        raise self._read_only()

    def delete(self, key: str) -> None:  # noqa: ARG002
        raise self._read_only()

    def share(self, key: str, expires: timedelta) -> str:  # noqa: ARG002
        raise StoreError(f"the Argo Server gives no URL of {key} to share", hint="leave --via out")

    def _read_only(self) -> StoreError:
        return StoreError("an Argo Server only gives artifacts", hint="use a profile with a `store`")


class _Body(io.RawIOBase):
    """The bytes of an answer; one that ends early is an error, not an end."""

    def __init__(self, response: Answer, key: str) -> None:
        self._response = response
        self._key = key

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = read(self._response, len(buffer))
        except NoAnswerError as error:
            raise StoreError(
                f"the connection broke while {self._key} came",
                known="nothing is half written",
                hint="repeat the command",
            ) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._response.close()
        super().close()
