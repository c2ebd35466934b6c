"""Calls of the Argo Server's REST API: what may be repeated is, errors say what is known.

Facts: the OpenAPI file of Argo 4.1; errors are `{"code", "message"}` with a gRPC code, streams are lines of
`data: {"result": …}` or `data: {"error": …}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from argo.errors import ArgosyError, AuthError, ConflictError, NotFoundError, RemoteError, UncertainError, UsageError
from argo.http import Asker, NoAnswerError, lines, read, trust, uncertain
from argo.target import ServerAddress

if TYPE_CHECKING:
    from argo.http import Answer

Query = Mapping[str, str]


class Client:
    """One Argo Server. `patience` scales all waiting times, for tests."""

    def __init__(self, address: ServerAddress, patience: float = 1.0) -> None:
        self.url = address.url
        self.patience = patience
        self._address = address
        context = None
        if address.url.startswith("https:"):
            files = {"cert_file": address.cert_file, "key_file": address.key_file}
            named = "the profile's engine in argosy.yaml"
            context = trust(address.ca_file, verify=address.verify, named=named, **files)
        self._asker = Asker(address.url, context, patience)

    def close(self) -> None:
        """Let go of the connections."""
        self._asker.close()

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
        return self._answer(self._ask(method, path, query, body, once=once), method, path, once=once)

    def events(self, path: str, query: Query | None = None, idle: float = 60.0) -> Iterator[Any]:
        """The results of a stream until it ends. Raises as `call`, and RemoteError where the connection breaks or
        nothing comes for `idle` seconds; an open stream is not begun anew."""
        response = self._ask("GET", path, query, read=idle * self.patience, stream=True)
        try:
            if response.status != 200 and "event-stream" not in response.headers.get("Content-Type", ""):
                self._answer(response, "GET", path)
            for line in lines(response):
                event = _event(line)
                if "error" in event:
                    error = event["error"]
                    raise self._refusal(int(error.get("http_code") or 500), str(error.get("message")), "GET", path)
                if "result" in event:
                    yield event["result"]
        except NoAnswerError as error:
            raise self._unreached("GET", error) from error
        finally:
            response.close()

    def content(self, path: str) -> Answer:
        """The open answer to a GET for bytes. Raises as `call`."""
        response = self._ask("GET", path, stream=True)
        if response.status != 200:
            self._answer(response, "GET", path)
        return response

    def _ask(
        self, method: str, path: str, query: Query | None = None, body: Any = None, *, once: bool = False, **more: Any
    ) -> Answer:
        """The answer; asked for once more with a token read anew where the first one is refused."""
        url = f"{self.url}{path}{f'?{urlencode(query)}' if query else ''}"
        token = self._address.token()
        try:
            response = self._asker.ask(method, url, body, _opened(token), once=once, **more)
            if response.status == 401 and (fresh := self._address.token()) != token:
                response.close()
                response = self._asker.ask(method, url, body, _opened(fresh), once=once, **more)
            if response.status >= 300:
                read(response)
        except NoAnswerError as error:
            raise self._unreached(method, error, uncertain=once and error.sent) from error
        return response

    def _answer(self, response: Answer, method: str, path: str, *, once: bool = False) -> Any:
        try:
            value = json.loads(response.data)
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
        """Turn an answer other than 200 into an error."""
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
        kind = UncertainError if once and uncertain(status) else RemoteError
        return kind(message, tried=tried, hint="argosy doctor looks at the way there" if status >= 500 else "")

    def _unreached(self, method: str, error: NoAnswerError, *, uncertain: bool = False) -> RemoteError:
        kind = UncertainError if uncertain else RemoteError
        hint = "argosy doctor looks at the way there"
        if error.untrusted:
            hint = "name the server's authority in the profile (engine.caFile), if you trust it"
        return kind(
            f"the Argo Server {self.url} was not reached: {error.reason}",
            tried=f"{method}, as often as it could help",
            known="what runs on the cluster goes on",
            hint=hint,
        )


def _opened(token: str) -> Mapping[str, str]:
    return {"Authorization": token} if token else {}


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
