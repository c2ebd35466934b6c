"""An object store in S3 or MinIO."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from argo.errors import UsageError
from argo.http import pool, trust
from argo.storage.credentials import Credentials
from argo.storage.errors import NotFound, StorageError
from argo.storage.http import Head, Reader, of_code, patiently, unreachable
from argo.storage.large import bring as bring_large
from argo.storage.listing import DEFAULT_REGION, listed, region
from argo.storage.signature import Signer
from argo.storage.store import Measured, Moved, ObjectInfo, Readable, Store, digest_file, utf8_key

if TYPE_CHECKING:
    from minio import Minio

_DIGEST = "sha256"
# An object up to this size comes in one answer.
_SMALL = 8 << 20
_MEMORY = 1 << 20
# Of an upload: bytes of a part (more where S3's 10,000 parts would not do), parts at once.
_PART, _PARTS_AT_ONCE, _MOST_PARTS = 16 << 20, 4, 10_000
_STREAMED = 8 << 20  # bytes of a part of what comes from elsewhere, which is in memory; 80 GB in all
# Whose buckets have a host each, which the `minio` package knows how to tell.
_VIRTUAL_HOSTS = ("amazonaws.com", "amazonaws.com.cn", "aliyuncs.com")
_ENDPOINT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class S3Config:
    """Where a bucket is and with what it is opened. `endpoint` is host[:port], without a scheme.

    `ca_file` is a PEM bundle that replaces the system's for this endpoint. Without `credentials` it is anonymous.
    """

    endpoint: str
    bucket: str
    secure: bool = True
    region: str | None = None
    ca_file: Path | None = None
    credentials: Credentials | None = None

    @property
    def url(self) -> str:
        """The endpoint with its scheme."""
        return f"{'https' if self.secure else 'http'}://{self.endpoint}"


class S3Store(Store):
    """Objects of one bucket. The SHA-256 is kept as user metadata, where the object came from here."""

    def __init__(self, config: S3Config) -> None:
        self.bucket = config.bucket
        self._config = config
        self._large = Lock()

    def with_bucket(self, bucket: str) -> S3Store:
        return self if bucket == self.bucket else S3Store(replace(self._config, bucket=bucket))

    def make_bucket(self) -> None:
        """Make the bucket where it does not exist."""
        with self._told(""):
            if not self._client.bucket_exists(self.bucket):
                self._client.make_bucket(self.bucket)

    def put_file(self, key: str, path: Path, *, give: bool = False) -> ObjectInfo:  # noqa: ARG002 -- nothing to share
        with self._told(utf8_key(key)):
            sha256, size = digest_file(path), path.stat().st_size
            done = self._client.fput_object(
                self.bucket,
                key,
                str(path),
                metadata={_DIGEST: sha256},
                part_size=max(_PART, -(-size // _MOST_PARTS)),
                num_parallel_uploads=_PARTS_AT_ONCE,
            )
            return ObjectInfo(key, size, _etag(done.etag), sha256)

    def put_bytes(self, key: str, data: bytes) -> ObjectInfo:
        with self._told(utf8_key(key)):
            sha256 = hashlib.sha256(data).hexdigest()
            done = self._client.put_object(self.bucket, key, BytesIO(data), len(data), metadata={_DIGEST: sha256})
            return ObjectInfo(key, len(data), _etag(done.etag), sha256)

    def put_stream(self, key: str, source: Readable) -> ObjectInfo:
        measured = Measured(source)
        with self._told(utf8_key(key)):
            done = self._client.put_object(
                self.bucket, key, cast("BinaryIO", measured), -1, part_size=_STREAMED, num_parallel_uploads=1
            )
            return ObjectInfo(key, measured.size, _etag(done.etag), measured.sha256)

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:
        with self._told(utf8_key(key)):
            body: Any = self._client.get_object(self.bucket, key, offset=start, length=length or 0)
            body.auto_close = False  # else it is closed at its end, which readers of text do not bear
            return cast("BinaryIO", body)

    def download(self, key: str, path: Path, parts: Path, moved: Moved, *, digest: bool = True) -> ObjectInfo:
        with self._told(utf8_key(key)):
            head, sha256 = patiently(lambda: self._small(key, path, moved))
            if sha256 is None:
                # One at a time: each takes connections, memory and bandwidth enough for several.
                with self._large:
                    sha256 = bring_large(self._reader, key, head, path, parts, moved, digest=digest)
            return ObjectInfo(key, head.size, head.etag, sha256)

    def stat(self, key: str) -> ObjectInfo | None:
        utf8_key(key)
        try:
            head = patiently(lambda: self._reader.head(key))
        except NotFound:
            return None
        return ObjectInfo(key, head.size, head.etag, head.sha256)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return listed(self._reader, prefix)

    def delete(self, key: str) -> None:
        with self._told(utf8_key(key)):
            self._client.remove_object(self.bucket, key)

    def share(self, key: str, expires: timedelta) -> str:
        """A URL that gives the object to whoever has it, until it expires: at most after 7 days.

        Nothing is asked of the store: the URL is made whether there is such an object or not.
        """
        with self._told(utf8_key(key)):
            return self._client.presigned_get_object(self.bucket, key, expires=expires)

    def temporary(self, key: str, lasts: int, *actions: str) -> dict[str, str]:
        """Credentials for this one object (or, with `*` at the end, all whose keys begin so), for so many seconds.

        As a data address names them: `region`, `bucketName`, `objectName`, `endpointOverride`, `accessKeyId`,
        `secretAccessKey`, `sessionToken`. `actions` default to reading. Raises StorageError.
        """
        from argo.storage.temporary import assume, policy

        url, region = self._config.url, self._config.region or DEFAULT_REGION
        allowed = policy(self.bucket, key, *(actions or ("s3:GetObject",)))
        with self._told(""):
            given = assume(url, region, self._config.credentials, allowed, lasts, self._client._http)
        about = {"region": region, "bucketName": self.bucket, "objectName": key, "endpointOverride": url}
        return {**about, **given}

    def _small(self, key: str, path: Path, moved: Moved) -> tuple[Head, str | None]:
        """Ask for the object, and write it if it is small; return its head, and the SHA-256 of what was written."""
        with self._reader.get(key, 0, _SMALL) as body:
            head = body.head
            if not 0 <= head.size <= _SMALL:
                return head, None
            memory = memoryview(bytearray(min(head.size, _MEMORY)))
            sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
            with path.open("wb", buffering=0) as file:
                while size < head.size and (count := body.readinto(memory)):
                    file.write(memory[:count])
                    sha256.update(memory[:count])
                    md5.update(memory[:count])
                    size += count
        moved(size)
        known = head.sha256 or (head.etag if head.digest and "-" not in head.etag else None)
        if size != head.size or known not in (None, sha256.hexdigest(), md5.hexdigest()):
            path.unlink()
            raise StorageError(f"{self.bucket}/{key} came damaged", known="nothing of it was kept")
        return head, sha256.hexdigest()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        try:
            return trust(self._config.ca_file, named="store.caFile of the profile in argosy.yaml")
        except UsageError as error:
            tried = f"to read the authorities of {self._config.endpoint}"
            raise StorageError(error.message, tried=tried, hint=error.hint) from error

    @cached_property
    def _reader(self) -> Reader:
        config = self._config
        if config.endpoint.partition(":")[0].endswith(_VIRTUAL_HOSTS):
            with self._told(""):
                url = self._client.presigned_get_object(self.bucket, "x")
            return Reader(self.bucket, Signer.like(url, config.credentials), self._context)
        if not _ENDPOINT.fullmatch(config.endpoint):
            raise _no_endpoint(config.endpoint)
        named = config.region or DEFAULT_REGION
        signer = Signer(config.secure, config.endpoint, f"/{self.bucket}/", named, config.credentials)
        reader = Reader(self.bucket, signer, self._context)
        if config.credentials and not config.region:
            signer.region = region(reader)
        return reader

    @cached_property
    def _client(self) -> Minio:
        return _connect(self._config, self._context)

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Say in the store's own terms what the client refuses; a credential never gets into the text."""
        name = f"{self.bucket}/{key}" if key else self.bucket
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            raise StorageError(f"{name}: {error.strerror or error}") from error
        except Exception as error:
            told = _of_client(error, self._config.endpoint, self.bucket, name)
            if told is None:
                raise
            raise told from error


def _of_client(error: Exception, endpoint: str, bucket: str, name: str) -> StorageError | None:
    """Translate an error of the `minio` package to one of ours; None for an error that is not its own."""
    from minio.error import MinioException, S3Error
    from urllib3.exceptions import HTTPError

    if isinstance(error, S3Error):
        return of_code(error.code or "", bucket, name) or StorageError(f"{name}: {error.code}: {error.message}")
    if isinstance(error, HTTPError):
        reason = getattr(error, "reason", None) or error
        # urllib3 wraps what the TLS library said.
        cause = next((item for item in reason.args if isinstance(item, ssl.SSLError)), reason)
        return unreachable(endpoint, cause, name)
    return StorageError(f"{name}: {error}") if isinstance(error, MinioException | ValueError) else None


def _connect(config: S3Config, context: ssl.SSLContext) -> Minio:
    from minio import Minio
    from minio.credentials.providers import StaticProvider

    keys = config.credentials
    try:
        return Minio(
            config.endpoint,
            credentials=StaticProvider(keys.access_key, keys.secret_key, keys.session_token) if keys else None,
            secure=config.secure,
            region=config.region,
            http_client=pool(config.url, context, maxsize=16, patient=True),
        )
    except UsageError as error:
        raise StorageError(error.message, hint=error.hint) from error
    except ValueError as error:
        raise _no_endpoint(config.endpoint) from error


def _no_endpoint(endpoint: str) -> StorageError:
    return StorageError(f"not an endpoint: {endpoint!r}", hint="host[:port], no scheme")


def _etag(raw: str | None) -> str:
    return (raw or "").strip('"')
