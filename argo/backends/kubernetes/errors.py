"""What the Kubernetes API refuses, and how the way there fails, as errors of `argo.errors`."""

from __future__ import annotations

import json

import urllib3

from argo.errors import ArgosyError, AuthError, ConflictError, NotFoundError, RemoteError, UsageError

TRANSIENT = frozenset({429, 500, 502, 503, 504})
"""Status codes after which the same call may succeed; of them only 429 says that nothing was done."""
_KINDS: dict[int, type[ArgosyError]] = {
    400: UsageError, 404: NotFoundError, 409: ConflictError, 413: UsageError, 422: UsageError,
}  # fmt: skip
_TOO_LARGE = ("request is too large", "message larger than max")  # as etcd and its client say it
_DOCTOR = "argosy doctor looks at the way there"


class UncertainError(RemoteError):
    """A call was sent, and nobody knows whether it was carried out."""


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


def unreached(error: BaseException, what: str, *, uncertain: bool = False) -> RemoteError:
    """The error of a connection that failed."""
    kind = UncertainError if uncertain else RemoteError
    return kind(
        f"the Kubernetes API was not reached: {_reason(error)}", tried=what,
        known="what runs on the cluster goes on", hint=_DOCTOR,
    )  # fmt: skip


def message_of(body: bytes) -> str:
    """What the API server says, in its Status object or as plain text."""
    text = body.decode(errors="replace").strip()
    try:
        return str(json.loads(text).get("message") or "")
    except (ValueError, AttributeError):
        return text.splitlines()[0][:200] if text else ""


def unsent(error: BaseException) -> bool:
    """Whether a call that failed surely did not arrive."""
    return isinstance(_cause(error), urllib3.exceptions.NewConnectionError | urllib3.exceptions.SSLError)


def untrusted(error: BaseException) -> bool:
    """Whether it failed for a certificate, which no repetition changes."""
    return isinstance(_cause(error), urllib3.exceptions.SSLError)


def _cause(error: BaseException) -> BaseException:
    return getattr(error, "reason", None) or error


def _reason(error: BaseException) -> str:
    cause = _cause(error)
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    text = getattr(cause, "strerror", None) or str(cause)
    return "no answer in time" if "timed out" in text else text.rpartition(">: ")[2] or type(cause).__name__
