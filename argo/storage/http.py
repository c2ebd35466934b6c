"""Reads objects of a bucket over HTTP: ranges, on connections that are kept, straight into the caller's memory.

The `minio` package, and `http.client`, copy bodies in small pieces and parse each answer's headers as those of a
mail; for a large object and for thousands of small ones that takes longer than all else, which is why they are read
here. Facts: RFC 9112 (messages), RFC 9110 (ranges), the S3 API reference (GetObject).
"""

from __future__ import annotations

import re
import socket
import ssl
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from queue import Empty, Full, LifoQueue
from typing import TypeVar, cast

from argo.errors import UsageError
from argo.http import CONNECT, READ, TRANSIENT, Backoff, Proxy, retry_after
from argo.storage.errors import Denied, NotFound, StorageError, Unreachable
from argo.storage.signature import Signer

_ABSENT = {"NoSuchKey", "NoSuchBucket", "NoSuchObject", "NoSuchUpload", "NoSuchVersion"}
_REFUSED = {
    "AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId", "InvalidTokenId",
    "RequestTimeTooSkewed", "SignatureDoesNotMatch",
}  # fmt: skip
CREDENTIALS = (
    "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or MINIO_ACCESS_KEY and MINIO_SECRET_KEY, and their rights"
)
_META = "x-amz-meta-sha256"
_STATUS = re.compile(r"HTTP/1\.\d (\d{3})\b")
_CODE = re.compile(rb"<Code>(\w+)</Code>")
_LARGEST_PAGE, _LARGEST_ERROR = 64 << 20, 1 << 14  # bytes that are read of a list and of a refusal
_LINE, _HEADERS = 1 << 16, 200  # the longest line, and how many of them an answer may begin with

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Head:
    """An answer's headers about its object. `digest`: the ETag is one of MD5s, which it is not where S3 encrypts."""

    size: int
    etag: str
    sha256: str | None
    digest: bool


class _Connection:
    """One connection and the answer that is read from it. Raises OSError, ValueError for what is not HTTP."""

    def __init__(self, host: str, context: ssl.SSLContext | None) -> None:
        name, port = _address(host, 80 if context is None else 443)
        proxy = Proxy.of(f"{'http' if context is None else 'https'}://{host}")
        self._whole = b""  # what a proxy wants to have before the path, and the header that opens it
        self._opening = b""
        if proxy is None:
            self._socket = socket.create_connection((name, port), CONNECT)
        else:
            self._socket = proxy.connect(name, port, context)
            if context is None:
                self._whole = f"http://{host}".encode("ascii")
                self._opening = "".join(f"{key}: {value}\r\n" for key, value in proxy.headers.items()).encode("ascii")
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None and proxy is None:
                self._socket = context.wrap_socket(self._socket, server_hostname=name)
            self._socket.settimeout(READ)
            self._file = cast("BufferedReader", self._socket.makefile("rb", 1 << 16))
        except BaseException:
            self._socket.close()
            raise
        self.status = self.left = 0
        self.chunked = False
        self.headers: Mapping[str, str] = {}

    def send(self, request: bytes) -> None:
        """Send a request and read what its answer begins with; `left` is how much of the body is still to come."""
        if self._whole:
            line, _, given = request.partition(b"\r\n")
            request = line.replace(b" ", b" " + self._whole, 1) + b"\r\n" + self._opening + given
        self._socket.sendall(request)
        while True:
            first, *lines = self._head()
            found = _STATUS.match(first)
            if found is None:
                raise ValueError("not an answer of HTTP/1")
            self.status = int(found[1])
            self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if self.status >= 200:
                break
        self.chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        length = "0" if self.chunked or request.startswith(b"HEAD ") else self.headers.get("content-length", "")
        if not length.isdigit():
            raise ValueError("an answer without a length")
        self.left = int(length)

    def readinto(self, memory: memoryview) -> int:
        """Fill `memory`, as far as the answer goes; 0 at its end. Raises EOFError where it ends too soon."""
        if not self.left:
            return 0
        count = self._file.readinto(memory[: self.left])
        if not count:
            raise EOFError
        self.left -= count
        return count

    def body(self, most: int) -> bytes:
        """Read the rest of the answer, at most `most` bytes, also in chunks, as S3 sends lists and errors.

        Raises EOFError, ValueError.
        """
        if not self.chunked:
            return self._exactly(min(self.left, most))
        data = bytearray()
        while size := int(self._file.readline(_LINE).partition(b";")[0], 16):
            if size < 0:
                raise ValueError("a chunk of no size")
            data += self._exactly(min(size, most - len(data)))
            if len(data) == most:
                return bytes(data)
            self._exactly(2)
        while self._file.readline(_LINE) not in (b"\r\n", b"\n", b""):
            pass
        self.chunked = False
        return bytes(data)

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise EOFError
        self.left = max(0, self.left - count)
        return data

    @property
    def again(self) -> bool:
        """True where the connection can be used again: the answer has been read, and the server keeps it open."""
        return not (self.left or self.chunked) and self.headers.get("connection", "").lower() != "close"

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _head(self) -> list[str]:
        """The lines before the body. They mostly come at once."""
        end = self._file.peek().find(b"\r\n\r\n")
        if end >= 0:
            return self._file.read(end + 4).decode("latin-1").split("\r\n")[:-2]
        lines: list[str] = []
        while len(lines) < _HEADERS:
            line = self._file.readline(_LINE)
            if not line.endswith(b"\n"):
                raise EOFError
            if line in (b"\r\n", b"\n"):
                return lines
            lines.append(line.decode("latin-1"))
        raise ValueError("too many headers")


@dataclass(slots=True)
class Body:
    """The bytes of one answer."""

    head: Head
    _connection: _Connection
    _name: str

    def readinto(self, memory: memoryview) -> int:
        """Fill `memory`, as far as the answer goes; 0 at its end. Raises Unreachable."""
        try:
            return self._connection.readinto(memory)
        except (OSError, EOFError) as error:
            raise _broken(self._name, error) from error


@dataclass(slots=True, weakref_slot=True)
class Reader:
    """GET for the objects of one bucket; may be used by several threads at once."""

    bucket: str
    signer: Signer
    context: ssl.SSLContext
    _kept: LifoQueue[_Connection] = field(default_factory=lambda: LifoQueue(32))

    def __post_init__(self) -> None:
        weakref.finalize(self, _close, self._kept)

    @contextmanager
    def get(self, key: str, start: int = 0, stop: int | None = None, etag: str = "") -> Iterator[Body]:
        """The bytes [start, stop) of an object, of the version `etag` where that is given.

        Raises NotFound, Denied, Unreachable (worth another attempt), StorageError (it has changed meanwhile).
        """
        headers = {"if-match": f'"{etag}"'} if etag else {}
        if start or stop is not None:
            headers["range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        connection = self._send(key, headers)
        if connection.status == 416 and not start:  # an empty object has no range
            connection.close()
            connection = self._send(key, {})
        with self._answer(connection, key, ranged=bool(start)):
            if connection.chunked:
                raise _broken(_name(self.bucket, key), ValueError("an answer without a length"))
            yield Body(_head(connection.headers), connection, f"{self.bucket}/{key}")

    def head(self, key: str) -> Head:
        """Ask for an object's size, ETag and SHA-256 (HEAD). Raises as `get`."""
        connection = self._send(key, {}, "HEAD")
        with self._answer(connection, key):
            return _head(connection.headers)

    def part_size(self, key: str, etag: str, number: int) -> int:
        """The bytes of a part of an object that was uploaded in parts, of the version `etag`. Raises as `get`."""

        def attempt() -> int:
            connection = self._send(key, {"if-match": f'"{etag}"'}, "HEAD", {"partNumber": str(number)})
            with self._answer(connection, key):
                return int(connection.headers.get("content-length", "0"))

        return patiently(attempt)

    def ask(self, query: Mapping[str, str]) -> bytes:
        """Send a query to the bucket and returns its answer, XML. Raises as `get`."""
        connection = self._send("", {}, query=query)
        with self._answer(connection, ""):
            try:
                return connection.body(_LARGEST_PAGE)
            except (OSError, EOFError, ValueError) as error:
                raise _broken(self.bucket, error) from error

    @contextmanager
    def _answer(self, connection: _Connection, key: str, *, ranged: bool = False) -> Iterator[None]:
        """Use an answer that is not a refusal; its connection is kept when all of it was read."""
        try:
            if connection.status not in (200, 206) or (ranged and connection.status == 200):
                raise _refused(connection, self.signer.host, self.bucket, key)
            yield
        except BaseException:
            connection.close()
            raise
        self._done(connection)

    def pull(
        self, key: str, etag: str, start: int, stop: int, sink: Callable[[memoryview, int], None], memory: memoryview
    ) -> None:
        """Give the bytes [start, stop) to `sink`, in order, each piece with its place; `memory` is used for them.

        What breaks goes on where it was; it is given up when nothing comes several times in a row.
        """
        place = start

        def attempt() -> None:
            nonlocal place
            with self.get(key, place, stop, etag) as body:
                while place < stop and (count := body.readinto(memory[: stop - place])):
                    sink(memory[:count], place)
                    place += count
            if place < stop:
                raise _broken(f"{self.bucket}/{key}", EOFError())

        patiently(attempt, lambda: place)

    def _send(
        self, key: str, headers: Mapping[str, str], method: str = "GET", query: Mapping[str, str] = {}
    ) -> _Connection:
        while True:
            used, connection = self._connection()
            try:
                connection.send(self.signer.request(key, headers, method, query))
                return connection
            except (OSError, EOFError, ValueError) as error:
                connection.close()
                # A server closes what was idle for long: that is no failure.
                if not used:
                    raise _broken(_name(self.bucket, key), error) from error

    def _connection(self) -> tuple[bool, _Connection]:
        with suppress(Empty):
            return True, self._kept.get_nowait()
        try:
            return False, _Connection(self.signer.host, self.context if self.signer.secure else None)
        except UsageError as error:
            raise StorageError(error.message, hint=error.hint) from error
        except (OSError, ValueError) as error:
            raise unreachable(self.signer.host, error) from error

    def _done(self, connection: _Connection) -> None:
        with suppress(Full):
            if connection.again:
                self._kept.put_nowait(connection)
                return
        connection.close()


def _close(kept: LifoQueue[_Connection]) -> None:
    with suppress(Empty):
        while True:
            kept.get_nowait().close()


def patiently(attempt: Callable[[], T], progress: Callable[[], int] = lambda: 0) -> T:
    """Return what `attempt` does, repeated with growing pauses while it raises Unreachable; an attempt after which
    there was more `progress` does not count.
    """
    backoff, before = Backoff(), progress()
    while True:
        try:
            return attempt()
        except Unreachable as error:
            if progress() != before:
                backoff, before = Backoff(), progress()
            if not backoff.again(error.after):
                raise


def unreachable(host: str, error: BaseException, name: str = "") -> StorageError:
    """Why nothing comes from a host, as an error: Unreachable but for a certificate, which no repetition makes good."""
    tried = f"to reach {name}" if name else ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return StorageError(
            f"the certificate of {host} is not trusted: {error.verify_message}",
            tried=tried,
            hint="name the file of its authority in store.caFile of the profile in argosy.yaml",
        )
    reason = str(error) if "the proxy" in str(error) else type(error).__name__
    if isinstance(error, ssl.SSLError):
        reason = f"not with TLS: {error.reason or reason}"
    return Unreachable(
        f"{host} does not answer ({reason})",
        tried=tried,
        hint="look at the endpoint and the network, then repeat the command",
    )


def _address(host: str, port: int) -> tuple[str, int]:
    """`host[:port]`, an IPv6 address in brackets."""
    found = re.fullmatch(r"\[?(.*?)\]?(?::(\d+))?", host)
    return (found[1], int(found[2] or port)) if found else (host, port)


def _broken(name: str, error: BaseException) -> Unreachable:
    return Unreachable(
        f"the connection broke while {name} came ({error if isinstance(error, ValueError) else type(error).__name__})",
        hint="look at the network, then repeat the command",
    )


def _head(headers: Mapping[str, str]) -> Head:
    total = headers.get("content-range", "").rpartition("/")[2] or headers.get("content-length", "")
    return Head(
        int(total) if total.isdigit() else -1,
        headers.get("etag", "").strip('"'),
        headers.get(_META),
        "x-amz-server-side-encryption" not in headers,
    )


def of_code(code: str, bucket: str, name: str) -> StorageError | None:
    """The error of a code of S3's; None for one that says neither that something is not there nor that it is denied."""
    if code in _ABSENT:
        return NotFound(f"no bucket {bucket}" if code == "NoSuchBucket" else f"no object {name}")
    return Denied(f"{name}: {code}", hint=CREDENTIALS) if code in _REFUSED else None


def _name(bucket: str, key: str) -> str:
    return f"{bucket}/{key}" if key else bucket


def _refused(connection: _Connection, host: str, bucket: str, key: str) -> StorageError:
    name, status = _name(bucket, key), connection.status
    try:
        found = _CODE.search(connection.body(_LARGEST_ERROR))
    except (OSError, EOFError, ValueError):
        found = None
    code = found[1].decode() if found else f"HTTP status {status}"
    if told := of_code("NoSuchKey" if status == 404 and not found else code, bucket, name):
        return told
    if status == 412:
        return StorageError(f"{name} has changed while it came", known="nothing is half written", hint="fetch again")
    if status in TRANSIENT:
        passing = Unreachable(f"{host} answers {code}", tried=f"to read {name}", hint="repeat the command later")
        passing.after = retry_after(connection.headers)
        return passing
    if status in (401, 403):
        return Denied(f"{name}: {code}", hint=CREDENTIALS)
    return StorageError(f"{name}: {code}" if status != 200 else f"{name}: the store does not give ranges")
