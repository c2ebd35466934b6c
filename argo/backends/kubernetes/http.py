"""HTTP to a Kubernetes API: what may be repeated is, credentials that ran out are read anew.

The client library says how the API is reached and gives the connections. Its own classes of calls are not used: to
import those of the core API alone takes a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from argo.backends.kubernetes.access import load, reach
from argo.backends.kubernetes.errors import BrokenError, message_of, refusal, unreached
from argo.http import NoAnswerError, lines, read, uncertain
from argo.target import ClusterAddress

Query = Mapping[str, str | int] | None
Body = Mapping[str, object] | None


class Client:
    """One Kubernetes API. `patience` scales all waiting times, for tests."""

    def __init__(self, address: ClusterAddress, namespace: str = "", patience: float = 1.0) -> None:
        self.patience = patience
        self.namespace = namespace
        self._address = address
        self._load()

    def close(self) -> None:
        """Let go of the connections."""
        self._asker.close()

    def json(
        self, method: str, path: str, what: str, body: Body = None, query: Query = None, *, once: bool = False
    ) -> Any:
        """The answer to a call, repeated while that may help; with `once` only where it surely did not arrive.

        `what` is the verb and the resource, for errors. Raises AuthError, NotFoundError, ConflictError, UsageError for
        what is refused, GoneError, UncertainError, RemoteError.
        """
        response = self._ask(method, path, what, body, query, once=once)
        try:
            found = json.loads(response.data)
        except ValueError:
            found = None
        if not isinstance(found, dict):  # from somebody else on the way: that is as if nothing came
            raise unreached("the answer is no object of Kubernetes", what, uncertain=once)
        return found

    def lines(self, path: str, what: str, query: Query, silence: float, *, rest: bool = False) -> Iterator[bytes]:
        """The lines of a stream as they come; with `rest` also what follows the last line end.

        Raises as `json`, BrokenError where nothing comes for `silence` seconds or the connection breaks.
        """
        response = self._ask("GET", path, what, None, query, read=silence, stream=True)
        try:
            yield from lines(response, rest=rest)
        except NoAnswerError as error:
            raise BrokenError(f"the stream broke: {what}", known="what runs on the cluster goes on") from error
        finally:
            response.close()

    def _ask(
        self, method: str, path: str, what: str, body: Body, query: Query, *, once: bool = False, **more: Any
    ) -> Any:
        """The answer; asked for once more with credentials read anew where the first ones are refused."""
        try:
            response = self._send(method, path, body, query, once=once, **more)
            if response.status == 401:
                self._load()
                response = self._send(method, path, body, query, once=once, **more)
            if response.status < 300:
                return response
            message = message_of(read(response))
        except NoAnswerError as error:
            raise unreached(error.reason, what, uncertain=once and error.sent) from None
        raise refusal(response.status, message, what, uncertain=once and uncertain(response.status))

    def _send(self, method: str, path: str, body: Body, query: Query, **more: Any) -> Any:
        credentials: Any = self._settings.auth_settings().values()
        headers = {"Accept": "application/json, */*"}
        headers |= {entry["key"]: entry["value"] for entry in credentials if entry["in"] == "header"}
        url = f"{self.host}{path}{f'?{urlencode(query)}' if query else ''}"
        return self._asker.ask(method, url, body, headers, **more)

    def _load(self) -> None:
        """Read the configuration, also once more when a token in it has run out."""
        self._settings, namespace = load(self._address)
        self.namespace = self.namespace or namespace or "default"
        self.host = str(self._settings.host).rstrip("/")
        self._asker = reach(self._settings, self.patience)
