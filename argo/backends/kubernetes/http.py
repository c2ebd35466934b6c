"""HTTP to a Kubernetes API: what may be repeated is, credentials that ran out are read anew.

The client library says how the API is reached and gives the connections. Its own classes of calls are not used: to
import those of the core API alone takes a second.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client.rest import RESTClientObject

from argo.backends.kubernetes.access import load
from argo.backends.kubernetes.errors import TRANSIENT, BrokenError, message_of, refusal, unreached, unsent, untrusted
from argo.target import ClusterAddress

_CONNECT, _READ = 10.0, 30.0  # seconds
_ATTEMPTS = 6
_PAUSE, _LONGEST = 0.2, 10.0  # seconds between attempts
_BLOCK = 1 << 16
_JITTER = random.Random()  # noqa: S311

Query = Mapping[str, str | int]


class Client:
    """One Kubernetes API. `patience` scales all waiting times, for tests."""

    def __init__(self, address: ClusterAddress, namespace: str = "", patience: float = 1.0) -> None:
        self.patience = patience
        self.namespace = namespace
        self._address = address
        self._load()

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def json(
        self,
        method: str,
        path: str,
        what: str,
        body: Mapping[str, object] | None = None,
        query: Query | None = None,
        *,
        once: bool = False,
    ) -> Any:
        """The answer to a call, repeated while that may help; with `once` only where it surely did not arrive.

        `what` is the verb and the resource, for errors. Raises AuthError, NotFoundError, ConflictError, UsageError for
        what is refused, GoneError, UncertainError, RemoteError.
        """
        return self._call(method, path, what, body, query or {}, once=once)

    def lines(self, path: str, what: str, query: Query, silence: float, *, rest: bool = False) -> Iterator[bytes]:
        """The lines of a stream as they come; with `rest` also what follows the last line end.

        Raises as `json`, BrokenError where nothing comes for `silence` seconds or the connection breaks.
        """
        response = self._call("GET", path, what, None, query, silence=silence)
        left = b""
        try:
            while block := response.read1(_BLOCK):
                *lines, left = (left + block).split(b"\n")
                yield from lines
            if rest and left:
                yield left
        except urllib3.exceptions.HTTPError as error:
            raise BrokenError(f"the stream broke: {what}", known="what runs on the cluster goes on") from error
        finally:
            response.close()

    def _call(
        self,
        method: str,
        path: str,
        what: str,
        body: Mapping[str, object] | None,
        query: Query,
        *,
        once: bool = False,
        silence: float = 0.0,
    ) -> Any:
        """The answer's object; with `silence` the open response."""
        pause, renewed = _PAUSE * self.patience, False
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            try:
                response = self._send(method, path, body, query, silence)
                if response.status < 300:
                    return response if silence else _object(response)
                status, message = response.status, message_of(response.data)
            except urllib3.exceptions.HTTPError as error:
                sent = not unsent(error)
                if last or (once and sent) or untrusted(error):
                    raise unreached(error, what, uncertain=once and sent) from None
            else:
                if status == 401 and not renewed:
                    renewed = True
                    self._load()
                    continue
                if status not in TRANSIENT or last or (once and status != 429):
                    raise refusal(status, message, what, uncertain=once and status in TRANSIENT and status != 429)
            time.sleep(pause * _JITTER.uniform(0.5, 1.0))
            pause = min(pause * 2, _LONGEST * self.patience)
        raise AssertionError

    def _send(self, method: str, path: str, body: Mapping[str, object] | None, query: Query, silence: float) -> Any:
        credentials: Any = self._settings.auth_settings().values()
        headers = {"Accept": "application/json, */*", "Content-Type": "application/json", "User-Agent": "argosy"}
        headers |= {entry["key"]: entry["value"] for entry in credentials if entry["in"] == "header"}
        return self._pool.request(
            method,
            f"{self.host}{path}{'?' if query else ''}{urlencode(query)}",
            body=None if body is None else json.dumps(body).encode(),
            headers=headers,
            timeout=urllib3.Timeout(connect=_CONNECT, read=silence or _READ),
            preload_content=not silence,
            retries=False,
            redirect=False,
        )

    def _load(self) -> None:
        """Read the configuration, also once more when a token in it has run out."""
        self._settings, namespace = load(self._address)
        self.namespace = self.namespace or namespace or "default"
        self.host = str(self._settings.host).rstrip("/")
        self._pool: urllib3.PoolManager = RESTClientObject(self._settings).pool_manager


def _object(response: Any) -> Any:
    """What is cut off on the way, or comes from somebody else, is none: that is as if nothing came."""
    try:
        found = json.loads(response.data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise urllib3.exceptions.ProtocolError("the answer is no object of Kubernetes")
    return found
