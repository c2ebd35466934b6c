"""An object store in S3 or MinIO."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from argo.storage.errors import Denied, NotFound, StorageError, Unreachable
from argo.storage.store import ObjectInfo, check_key, copy_digest, digest_file, write_beside

if TYPE_CHECKING:
    from minio import Minio

_DIGEST = "sha256"
_ABSENT = {"NoSuchKey", "NoSuchBucket", "NoSuchObject", "NoSuchUpload"}
_REFUSED = {
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidTokenId",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}
_CREDENTIALS = (
    "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or MINIO_ACCESS_KEY and MINIO_SECRET_KEY, and their rights"
)
# Connect and read, in seconds. A read that stalls this long is tried again, then given up.
_TIMEOUT = (10.0, 120.0)


@dataclass(frozen=True, slots=True)
class S3Config:
    """Where a bucket is and with what it is opened. `endpoint` is host[:port], without a scheme.

    `ca_file` is a PEM bundle that replaces the system's for this endpoint. The credentials stay out of `repr`.
    """

    endpoint: str
    bucket: str
    secure: bool = True
    region: str | None = None
    ca_file: Path | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)

    def with_credentials(self, environment: Mapping[str, str] | None = None) -> S3Config:
        """The same with credentials from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else from
        MINIO_ACCESS_KEY and MINIO_SECRET_KEY. A key without its secret raises Denied; none at all is anonymous.
        """
        given = os.environ if environment is None else environment
        for key, secret in (
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"),
        ):
            if not given.get(key) and not given.get(secret):
                continue
            if not (given.get(key) and given.get(secret)):
                raise Denied(f"only one of {key} and {secret} is set", hint="set both, or none")
            token = given.get("AWS_SESSION_TOKEN") if key.startswith("AWS") else None
            return replace(self, access_key=given[key], secret_key=given[secret], session_token=token or None)
        return self


class S3Store:
    """Objects of one bucket. The SHA-256 is kept as user metadata, where the object came from here."""

    def __init__(self, config: S3Config) -> None:
        self._config = config
        self._opened: Minio | None = None

    @property
    def bucket(self) -> str:
        return self._config.bucket

    def with_bucket(self, bucket: str) -> S3Store:
        return self if bucket == self.bucket else S3Store(replace(self._config, bucket=bucket))

    def make_bucket(self) -> None:
        """Make the bucket where it does not exist."""
        with self._told(""):
            if not self._client.bucket_exists(self.bucket):
                self._client.make_bucket(self.bucket)

    def put_file(self, key: str, path: Path, *, give: bool = False) -> ObjectInfo:  # noqa: ARG002 -- nothing to share
        with self._told(check_key(key)):
            sha256, size = digest_file(path), path.stat().st_size
            done = self._client.fput_object(self.bucket, key, str(path), metadata={_DIGEST: sha256})
            return ObjectInfo(key, size, _etag(done.etag), sha256)

    def put_bytes(self, key: str, data: bytes) -> ObjectInfo:
        import hashlib

        with self._told(check_key(key)):
            sha256 = hashlib.sha256(data).hexdigest()
            done = self._client.put_object(self.bucket, key, BytesIO(data), len(data), metadata={_DIGEST: sha256})
            return ObjectInfo(key, len(data), _etag(done.etag), sha256)

    def open(self, key: str) -> BinaryIO:
        with self._told(check_key(key)):
            return cast("BinaryIO", self._client.get_object(self.bucket, key))

    def get_file(self, key: str, path: Path) -> ObjectInfo:
        known = self.stat(key)
        if known is None:
            raise NotFound(f"no object {self.bucket}/{key}")

        def fill(target: BinaryIO) -> None:
            response = self._client.get_object(self.bucket, key, request_headers={"If-Match": known.etag})
            try:
                size, sha256 = copy_digest(cast("BinaryIO", response), target)
            finally:
                response.close()
                response.release_conn()
            if size != known.size or known.sha256 not in (None, sha256):
                raise StorageError(f"{self.bucket}/{key} came damaged", known=f"{path} was not written")

        with self._told(key):
            write_beside(path, fill)
        return known

    def stat(self, key: str) -> ObjectInfo | None:
        try:
            with self._told(check_key(key)):
                found = self._client.stat_object(self.bucket, key)
        except NotFound:
            return None
        sha256 = (found.metadata or {}).get(f"x-amz-meta-{_DIGEST}")
        return ObjectInfo(key, found.size or 0, _etag(found.etag), sha256)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        with self._told(prefix):
            for found in self._client.list_objects(self.bucket, prefix=prefix, recursive=True):
                if found.object_name and not found.is_dir:
                    yield ObjectInfo(found.object_name, found.size or 0, _etag(found.etag))

    def delete(self, key: str) -> None:
        with self._told(check_key(key)):
            self._client.remove_object(self.bucket, key)

    @property
    def _client(self) -> Minio:
        if self._opened is None:
            self._opened = _connect(self._config)
        return self._opened

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Say in the store's own terms what the client refuses; a credential never gets into the text."""
        from minio.error import MinioException, S3Error
        from urllib3.exceptions import HTTPError

        name = f"{self.bucket}/{key}" if key else self.bucket
        try:
            yield
        except S3Error as error:
            if error.code in _ABSENT:
                raise NotFound(
                    f"no object {name}" if error.code != "NoSuchBucket" else f"no bucket {self.bucket}"
                ) from error
            if error.code in _REFUSED:
                raise Denied(f"{name}: {error.code}", hint=_CREDENTIALS) from error
            raise StorageError(f"{name}: {error.code}: {error.message}") from error
        except HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise Unreachable(
                f"{self._config.endpoint} does not answer ({type(reason).__name__})",
                tried=f"to reach {name}",
                hint="look at the endpoint and the network, then repeat the command",
            ) from error
        except (MinioException, ValueError) as error:
            raise StorageError(f"{name}: {error}") from error
        except OSError as error:
            raise StorageError(f"{name}: {error.strerror or error}") from error


def _connect(config: S3Config) -> Minio:
    from minio import Minio
    from urllib3 import PoolManager, Retry, Timeout

    pool = PoolManager(
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(config.ca_file) if config.ca_file else None,
        timeout=Timeout(connect=_TIMEOUT[0], read=_TIMEOUT[1]),
        maxsize=16,
        retries=Retry(total=4, connect=2, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)),
    )
    try:
        return Minio(
            config.endpoint,
            access_key=config.access_key,
            secret_key=config.secret_key,
            session_token=config.session_token,
            secure=config.secure,
            region=config.region,
            http_client=pool,
        )
    except ValueError as error:
        raise StorageError(f"not an endpoint: {config.endpoint!r}: {error}", hint="host[:port], no scheme") from error


def _etag(raw: str | None) -> str:
    return (raw or "").strip('"')
