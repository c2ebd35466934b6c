"""Turns refusals of the Kubernetes API, and failures of the connection, into errors of `argo.errors`."""

from __future__ import annotations

import json

from argo.errors import ArgosyError, AuthError, ConflictError, NotFoundError, RemoteError, UncertainError, UsageError

_KINDS: dict[int, type[ArgosyError]] = {
    400: UsageError, 404: NotFoundError, 409: ConflictError, 413: UsageError, 422: UsageError,
}  # fmt: skip
_TOO_LARGE = ("request is too large", "message larger than max")  # as etcd and its client say it
_DOCTOR = "argosy doctor looks at the way there"


class BrokenError(RemoteError):
    """A stream that was open has broken."""


class GoneError(RemoteError):
    """The version to go on from is too old."""


def refusal(status: int, message: str, what: str, *, uncertain: bool = False) -> ArgosyError:
    """The error of a status code; `message` is what the API server says, `what` the verb and the resource."""
    if status == 404 and message.startswith("404 page not found"):  # not the object: its kind
        return RemoteError(
            "the cluster does not know Argo's objects", tried=what, known="nothing was changed",
            hint="is it the right context? Argo Workflows is not installed there; argosy doctor looks at it",
        )  # fmt: skip
    if any(words in message for words in _TOO_LARGE):  # with status 500, though nothing is stored
        status = 413
    message = message or f"the Kubernetes API answered with status {status}"
    if status == 401:
        return AuthError(
            f"the Kubernetes API does not take the credentials: {message}", tried=what, hint="log in again"
        )
    if status == 403:
        return AuthError(f"not allowed: {message}", tried=what, hint="argosy doctor says which rights are missing")
    if status == 410:
        return GoneError(message, tried=what)
    if status in _KINDS:
        return _KINDS[status](message, tried=what)
    return (UncertainError if uncertain else RemoteError)(message, tried=what, hint=_DOCTOR)


def unreached(reason: str, what: str, *, uncertain: bool = False) -> RemoteError:
    """The error of a connection that failed."""
    kind = UncertainError if uncertain else RemoteError
    return kind(
        f"the Kubernetes API was not reached: {reason}", tried=what,
        known="what runs on the cluster goes on", hint=_DOCTOR,
    )  # fmt: skip


def message_of(body: bytes) -> str:
    """Return the API server's message, from its Status object or plain text."""
    text = body.decode(errors="replace").strip()
    try:
        return str(json.loads(text).get("message") or "")
    except (ValueError, AttributeError):
        return text.splitlines()[0][:200] if text else ""
