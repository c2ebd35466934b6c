"""Asks other machines by HTTP, in one way for all: proxies of the environment, TLS, time limits, what is asked again.

Facts: golang.org/x/net/http/httpproxy (NO_PROXY), RFC 9110 (Retry-After, CONNECT). urllib3 takes long to import, so it
is imported where it is used.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from argo.errors import NotFoundError, RemoteError, UsageError

if TYPE_CHECKING:
    import urllib3

    Answer = urllib3.BaseHTTPResponse
    Pool = urllib3.PoolManager

CONNECT, READ = 10.0, 60.0
"""Seconds until a connection is there, and between two pieces of an answer."""
ATTEMPTS = 6
"""How often something is tried that brings nothing."""
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes after which the same request may succeed; of them only 429 says that nothing was done."""
_PAUSE, _LONGEST = 0.2, 10.0  # seconds between attempts: the first, doubled up to the longest
_ASKED = 60.0  # seconds that a server may ask to wait
_JITTER = random.Random()  # noqa: S311
_BLOCK, _LARGEST_LINE = 1 << 16, 256 << 20
_PORTS = {"http": 80, "https": 443}


def part(name: str) -> str:
    """Quote a name as one part of a URL's path. Raises NotFoundError for one that would lead elsewhere even so."""
    if name in (".", ".."):
        raise NotFoundError(f"nothing is named {name}")
    return quote(name, safe="")


class NoAnswerError(Exception):
    """A request brought no answer. `reason` is why, in a few words.

    `sent` says that the request may have arrived, `untrusted` that the server's certificate is not accepted, which
    no repetition makes good.
    """

    def __init__(self, error: BaseException) -> None:
        from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

        cause = getattr(error, "reason", None) or error
        self.untrusted = any(isinstance(item, ssl.SSLCertVerificationError) for item in cause.args)
        # A ProxyError is raised before the proxy has led to the server, so that nothing was sent there.
        unsent = isinstance(cause, NewConnectionError | ConnectTimeoutError | ProxyError)
        self.sent = not (unsent or self.untrusted)
        self.reason = _reason(cause)
        super().__init__(self.reason)


class Backoff:
    """Counts the attempts at something, and waits between them: longer each time, or as long as a server asks for.

    `patience` scales the waiting times, for tests.
    """

    def __init__(self, patience: float = 1.0, attempts: int | None = None) -> None:
        self._patience = patience
        self._left = (ATTEMPTS if attempts is None else attempts) - 1
        self._pause = _PAUSE

    def again(self, asked: float = 0.0) -> bool:
        """Wait for the next attempt; False at once where none is left. `asked` is what the server asks for."""
        if self._left <= 0:
            return False
        self._left -= 1
        time.sleep(max(min(asked, _ASKED), self._pause * _JITTER.uniform(0.5, 1.0)) * self._patience)
        self._pause = min(self._pause * 2, _LONGEST)
        return True


class Asker:
    """Sends requests to one server, through the proxy that is set for its `url`, and repeats them while that may help.

    `context` says whom TLS trusts (see `trust`), `patience` scales the waiting times between attempts, for tests; the
    rest is as `pool` has it.
    """

    def __init__(self, url: str, context: ssl.SSLContext | None = None, patience: float = 1.0, **options: Any) -> None:
        self.patience = patience
        self._pool = pool(url, context, **options)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def ask(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        once: bool = False,
        attempts: int | None = None,
        read: float | None = None,
        stream: bool = False,
    ) -> Answer:
        """The answer to a request, whatever its status; `body` is sent as JSON. Redirects are not followed.

        With `once` it is repeated only where it surely was not carried out. With `stream` the answer's body is still
        to be read, of which each piece comes within `read` seconds (READ). Raises NoAnswerError.
        """
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        data = None if body is None else json.dumps(body).encode()
        given = {"User-Agent": "argosy", **({} if data is None else {"Content-Type": "application/json"})}
        timeout = Timeout(connect=CONNECT, read=read or READ)
        backoff = Backoff(self.patience, attempts)
        while True:
            try:
                response = self._pool.request(
                    method, url, body=data, headers={**given, **(headers or {})}, timeout=timeout, retries=False,
                    redirect=False, preload_content=not stream,
                )  # fmt: skip
            except HTTPError as error:
                failure = NoAnswerError(error)
                if failure.untrusted or (once and failure.sent) or not backoff.again():
                    raise failure from error
            else:
                repeated = response.status in TRANSIENT and (not once or response.status == 429)
                if not repeated or not backoff.again(retry_after(response.headers)):
                    return response
                response.close()


def uncertain(status: int) -> bool:
    """Tell whether a request that was answered so may have been carried out, although it failed."""
    return status in TRANSIENT and status != 429


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that a server asks to wait; 0 for none."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    if not text:
        return 0.0
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def lines(response: Answer, *, rest: bool = False) -> Iterator[bytes]:
    """The lines of an answer as they come, with `rest` also what follows the last line end; it is closed at the end.

    Raises NoAnswerError where the connection breaks or nothing comes in time, RemoteError for a line without end.
    """
    left = b""
    try:
        while block := read(response, _BLOCK):
            *whole, left = (left + block).split(b"\n")
            if len(left) > _LARGEST_LINE:
                raise RemoteError("the server sends a line without end")
            yield from whole
        if rest and left:
            yield left
    finally:
        response.close()  # with it the connection, which the rest of the stream would come through


def read(response: Answer, size: int | None = None) -> bytes:
    """At most so many bytes of an answer, as soon as there are any, none at its end; without a size all of it, which is
    kept as the answer's `data`. Raises NoAnswerError."""
    from urllib3.exceptions import HTTPError

    try:
        return response.data if size is None else response.read1(size)
    except HTTPError as error:
        raise NoAnswerError(error) from error


def trust(
    ca_file: Path | None = None,
    *,
    verify: bool = True,
    cert_file: Path | None = None,
    key_file: Path | None = None,
    named: str = "",
) -> ssl.SSLContext:
    """TLS as a client: `ca_file` replaces the system's authorities, `cert_file` and `key_file` are its certificate.

    Raises UsageError for a file that cannot be used; its hint is to look at `named`.
    """
    path = ca_file
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        if not verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        # From Python 3.13 on the default refuses authorities as clusters make them for themselves.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if cert_file is not None:
            path = cert_file
            context.load_cert_chain(cert_file, key_file)
    except OSError as error:  # ssl.SSLError is one
        missing = next((item for item in (path, key_file) if item is not None and not item.is_file()), None)
        reason = f"{missing} does not exist" if missing else f"{path} holds no certificate that can be used"
        if error.errno and not missing and not isinstance(error, ssl.SSLError):
            reason = f"{path} cannot be read: {error.strerror}"
        raise UsageError(reason, hint=f"look at {named}" if named else "") from error
    return context


def pool(
    url: str, context: ssl.SSLContext | None = None, *, proxy: Proxy | None = None, patient: bool = False, **more: Any
) -> Pool:
    """Connections to the server of `url`, through `proxy` or the one that is set for it. `more` is urllib3's.

    With `patient` what may be repeated is, as `Asker` does it. Raises UsageError for a proxy of another kind.
    """
    import urllib3

    options = {"maxsize": 8, "timeout": urllib3.Timeout(connect=CONNECT, read=READ), **more}
    if url.startswith("https:"):
        options["ssl_context"] = context or trust()
        if options["ssl_context"].verify_mode == ssl.CERT_NONE:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if patient:
        options["retries"] = urllib3.Retry(
            ATTEMPTS - 1, backoff_factor=_PAUSE, backoff_max=_LONGEST, status_forcelist=TRANSIENT
        )
        options["retries"].retry_after_max = _ASKED  # an attribute: not every release takes it as an argument
    proxy = proxy or Proxy.of(url)
    if proxy is None:
        return urllib3.PoolManager(**options)
    return urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, **options)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy. `headers` open it, and stay out of `repr`, as its `url` does not hold them."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, url: str) -> Proxy | None:
        """The proxy that HTTP_PROXY or HTTPS_PROXY name for a URL; None where none is set, or NO_PROXY spares it.

        Names in lower case go first. Raises UsageError for what is no proxy.
        """
        parts = urlsplit(url)
        given = _variable(f"{parts.scheme}_proxy")
        host = (parts.hostname or "").lower()
        if not given or _spared(host, parts.port or _PORTS.get(parts.scheme, 0), _variable("no_proxy")):
            return None
        return cls.at(given)

    @classmethod
    def at(cls, given: str) -> Proxy:
        """The proxy at an address, `http://` being left out or not, and with a user and a password or not."""
        text = given if "://" in given else f"http://{given}"
        try:
            parts = urlsplit(text)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            port, parts = None, urlsplit("")
        if parts.scheme not in _PORTS or not parts.hostname:
            raise UsageError(
                f"the proxy {text.rpartition('@')[2]} cannot be used: it is no URL of a proxy of HTTP",
                hint="look at HTTP_PROXY, HTTPS_PROXY and NO_PROXY",
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        url = f"{parts.scheme}://{host}:{port}"
        if parts.username is None:
            return cls(url)
        from base64 import b64encode

        opened = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        return cls(url, {"Proxy-Authorization": f"Basic {b64encode(opened).decode('ascii')}"})

    def connect(self, host: str, port: int, context: ssl.SSLContext | None) -> socket.socket:
        """A connection through the proxy, with TLS to the server; without a `context` one to the proxy itself, which
        wants whole URLs and its `headers`. Raises OSError."""
        parts = urlsplit(self.url)
        found = socket.create_connection((parts.hostname or "", parts.port or 80), CONNECT)
        try:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if parts.scheme == "https":
                found = trust().wrap_socket(found, server_hostname=parts.hostname)
            if context is None:
                return found
            self._tunnel(found, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
            if parts.scheme == "http":
                return context.wrap_socket(found, server_hostname=host)
            from urllib3.util.ssltransport import SSLTransport

            return SSLTransport(found, context, host)  # type: ignore[return-value]  # it has what is used of one
        except BaseException:
            found.close()
            raise

    def _tunnel(self, connection: socket.socket, target: str) -> None:
        from http.client import HTTPException, HTTPResponse

        headers = {"Host": target, "User-Agent": "argosy", **self.headers}
        text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\n{text}\r\n".encode("ascii"))
        answer = HTTPResponse(connection, method="CONNECT")
        try:
            answer.begin()
        except HTTPException as error:
            raise ConnectionRefusedError("the proxy answers with no HTTP") from error
        if answer.status // 100 != 2:
            raise ConnectionRefusedError(f"the proxy answers {answer.status}")


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper()) or ""


def _spared(host: str, port: int, entries: str) -> bool:
    """Tell whether a host is asked without a proxy: this machine, or one that NO_PROXY names, as Go reads it."""
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    found = (entry for entry in re.split(r"[,\s]+", entries.lower()) if entry)
    return any(entry == "*" or _names(entry, host, port, address) for entry in found)


def _names(entry: str, host: str, port: int, address: IPv4Address | IPv6Address | None) -> bool:
    """Tell whether an entry means a host: a network, an address or a name with what is below it, maybe with a port."""
    if "/" in entry:
        try:
            return address is not None and address in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, wanted = entry, ""
    if _address(entry) is None and (split := re.fullmatch(r"\[?(.*?)\]?(?::(\d+))?", entry)):
        name, wanted = split[1], split[2] or ""
    if wanted and int(wanted) != port:
        return False
    if (meant := _address(name)) is not None:
        return meant == address
    name = name.removeprefix("*")
    return bool(name) and (host == name or host.endswith(name if name.startswith(".") else f".{name}"))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _reason(error: BaseException) -> str:
    """Why, in a few words: the innermost cause, without the objects that urllib3 puts in front."""
    cause = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    text = getattr(cause, "strerror", None) or str(cause)
    if isinstance(cause, TimeoutError) or "timed out" in text:
        return "no answer in time"
    return text.rpartition(">: ")[2] or type(cause).__name__
