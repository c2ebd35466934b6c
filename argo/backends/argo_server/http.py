"""Calls of the Argo Server's REST API: what may be repeated is, errors say what is known.

Facts: the OpenAPI file of Argo 4.1; errors are `{"code", "message"}` with a gRPC code, streams are lines of
`data: {"result": …}` or `data: {"error": …}`.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.util import Timeout

from argo.errors import ArgosyError, AuthError, ConflictError, NotFoundError, RemoteError, UsageError
from argo.target import ServerAddress

Query = Mapping[str, str]
_TRANSIENT = frozenset({429, 502, 503, 504})
_CONNECT, _READ = 10.0, 30.0  # seconds
_ATTEMPTS = 6
_PAUSE, _LONGEST = 0.2, 10.0  # seconds between attempts: the first, doubled up to the longest
_BLOCK = 1 << 16
_JITTER = random.Random()  # noqa: S311
_LARGEST_LINE = 256 << 20  # bytes of one event


class UncertainError(RemoteError):
    """A call was sent, and nobody knows whether it was carried out."""


class Client:
    """One Argo Server. `patience` scales all waiting times, for tests."""

    def __init__(self, address: ServerAddress, patience: float = 1.0) -> None:
        self.url = address.url
        self.patience = patience
        self._address = address
        self._pool = _pool(address)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def get(self, path: str, query: Query | None = None) -> Any:
        """GET, repeated while that may help."""
        return self.call("GET", path, query)

    def user(self) -> str:
        """Whose the token is; empty where the server does not say."""
        found = self.get("/api/v1/userinfo")
        names = ("email", "name", "subject", "serviceAccountName")
        return next((str(found[name]) for name in names if found.get(name)), "")

    def call(self, method: str, path: str, query: Query | None = None, body: Any = None, *, once: bool = False) -> Any:
        """A call and its JSON answer, repeated while that may help; with `once` only where it surely did not arrive.

        Raises AuthError, NotFoundError, ConflictError, UsageError for what the server refuses, UncertainError where a
        call that is not repeated may have been carried out, RemoteError for the rest.
        """
        pause = _PAUSE * self.patience
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            try:
                response = self._send(method, path, query, body)
            except HTTPError as error:
                sent = not isinstance(error, NewConnectionError | SSLError)
                if last or isinstance(error, SSLError) or (once and sent):
                    raise self._unreached(method, error, uncertain=once and sent) from error
            else:
                if response.status not in _TRANSIENT or last or (once and response.status != 429):
                    return self._answer(response, method, path, once=once)
                pause = max(pause, min(_after(response), _LONGEST) * self.patience)
            time.sleep(pause * _JITTER.uniform(0.5, 1.0))
            pause = min(pause * 2, _LONGEST * self.patience)
        raise AssertionError

    def events(self, path: str, query: Query | None = None, idle: float = 60.0) -> Iterator[Any]:
        """The results of a stream until it ends. Raises as `call`, and RemoteError where the connection breaks or
        nothing comes for `idle` seconds; nothing is repeated."""
        timeout = Timeout(connect=_CONNECT * self.patience, read=idle * self.patience)
        response = None
        try:
            response = self._open("GET", path, query, None, timeout, stream=True)
            if response.status != 200 and "event-stream" not in response.headers.get("Content-Type", ""):
                self._answer(response, "GET", path)
            for line in _lines(response):
                event = _event(line)
                if "error" in event:
                    error = event["error"]
                    raise self._refusal(int(error.get("http_code") or 500), str(error.get("message")), "GET", path)
                if "result" in event:
                    yield event["result"]
        except HTTPError as error:
            raise self._unreached("GET", error) from error
        finally:
            if response is not None:
                response.close()  # with it the connection, which the rest of the stream would come through

    def content(self, path: str, query: Query | None = None, start: int = 0) -> urllib3.BaseHTTPResponse:
        """The open answer to a GET for bytes, from `start` on where the server can. Raises as `call`."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        timeout = Timeout(connect=_CONNECT * self.patience, read=_READ * self.patience)
        try:
            response = self._open("GET", path, query, None, timeout, stream=True, headers=headers)
        except HTTPError as error:
            raise self._unreached("GET", error) from error
        if response.status not in (200, 206):
            self._answer(response, "GET", path)
        return response

    def _send(self, method: str, path: str, query: Query | None, body: Any) -> urllib3.BaseHTTPResponse:
        return self._open(method, path, query, body, Timeout(_CONNECT * self.patience, _READ * self.patience))

    def _open(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: Any,
        timeout: Timeout,
        *,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """One request; once more with a token read anew where the first is refused."""
        url = f"{self.url}{path}"
        if query:
            from urllib.parse import urlencode

            url += f"?{urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        token, response = "", None
        for _ in range(2):
            fresh = self._address.token()
            if response is not None and (response.status != 401 or fresh == token):
                return response
            if response is not None:
                response.close()
            token = fresh
            sent = {**(headers or {}), **({"Authorization": token} if token else {})}
            if data is not None:
                sent["Content-Type"] = "application/json"
            response = self._pool.request(
                method,
                url,
                body=data,
                headers=sent,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=not stream,
                decode_content=True,
            )
            if response.status != 401:
                return response
        assert response is not None
        return response

    def _answer(self, response: urllib3.BaseHTTPResponse, method: str, path: str, *, once: bool = False) -> Any:
        try:
            text = response.data
        except HTTPError as error:
            raise self._unreached(method, error, uncertain=once) from error
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if response.status == 200:
            if not isinstance(value, dict):
                raise RemoteError(
                    f"{self.url} does not answer as an Argo Server",
                    tried=f"{method} {path}",
                    hint="look at the server's address and its base path (engine.server, ARGO_BASE_HREF)",
                )
            return value
        message = str(value.get("message") or "") if isinstance(value, dict) else ""
        raise self._refusal(response.status, message, method, path, once=once)

    def _refusal(self, status: int, message: str, method: str, path: str, *, once: bool = False) -> ArgosyError:
        """What an answer other than 200 means."""
        tried = f"{method} {path} at {self.url}"
        message = message or f"the Argo Server answered with status {status}"
        if status == 401:
            hint = "give another one: ARGOSY_TOKEN, or engine.tokenFile or engine.tokenCommand of the profile"
            return AuthError(f"the Argo Server does not take the token: {message}", tried=tried, hint=hint)
        if status == 403:
            hint = "argosy doctor says which rights are missing"
            return AuthError(f"the Argo Server refuses: {message}", tried=tried, hint=hint)
        kinds: dict[int, type[ArgosyError]] = {404: NotFoundError, 409: ConflictError, 400: UsageError, 422: UsageError}
        if status in kinds:
            return kinds[status](message, tried=tried)
        kind = UncertainError if once and status in (500, 502, 503, 504) else RemoteError
        return kind(message, tried=tried, hint="argosy doctor looks at the way there" if status >= 500 else "")

    def _unreached(self, method: str, error: HTTPError, *, uncertain: bool = False) -> RemoteError:
        kind = UncertainError if uncertain else RemoteError
        hint = "argosy doctor looks at the way there"
        if isinstance(error, SSLError):
            hint = "name the server's authority in the profile (engine.caFile), if you trust it"
        return kind(
            f"the Argo Server {self.url} was not reached: {_reason(error)}",
            tried=f"{method}, as often as it could help",
            known="what runs on the cluster goes on",
            hint=hint,
        )


def _pool(address: ServerAddress) -> urllib3.PoolManager:
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    options: dict[str, Any] = {"maxsize": 8, "block": False}
    if address.url.startswith("https:"):
        options["cert_reqs"] = "CERT_REQUIRED" if address.verify else "CERT_NONE"
        if not address.verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        files = {"ca_certs": address.ca_file, "cert_file": address.cert_file, "key_file": address.key_file}
        for name, path in files.items():
            if path is not None:
                if not path.is_file():
                    raise UsageError(f"{path} does not exist", hint="look at the profile's engine in argosy.yaml")
                options[name] = str(path)
    parts = urlsplit(address.url)
    proxy = getproxies().get(parts.scheme)
    if proxy and parts.hostname and not proxy_bypass(parts.hostname):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Whole lines of a stream as they come; what follows the last line end is not one."""
    rest = b""
    while block := response.read1(_BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > _LARGEST_LINE:
            raise RemoteError("the Argo Server sends an event without end")
        yield from lines


def _event(line: bytes) -> Any:
    """An event of a stream; empty for a line that is none."""
    text = line.strip()
    if not text.startswith((b"data:", b"{")):
        return {}
    try:
        value = json.loads(text.removeprefix(b"data:"))
    except ValueError as error:
        raise RemoteError("the Argo Server sends an event that cannot be read") from error
    return value if isinstance(value, dict) else {}


def _after(response: urllib3.BaseHTTPResponse) -> float:
    """Seconds that the server asks to wait."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0


def _reason(error: HTTPError) -> str:
    """Why, in a few words: the innermost cause, without the objects that urllib3 puts in front."""
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    text = getattr(cause, "strerror", None) or str(cause)
    if isinstance(cause, TimeoutError) or "timed out" in text:
        return "no answer in time"
    return text.rpartition(">: ")[2] or type(cause).__name__
