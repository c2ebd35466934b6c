"""What the service answers when it does not do what was asked: a status, a code in one word, a sentence."""

from __future__ import annotations

from argo.errors import ArgosyError, ConflictError, DefinitionError, NotFoundError, UsageError


class Refused(Exception):  # noqa: N818  (an answer, not a failure)
    """An answer other than 2xx. `retry` is the Retry-After header in seconds."""

    def __init__(self, status: int, code: str, message: str, *, hint: str = "", retry: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.retry = retry

    def body(self) -> dict[str, str]:
        """`{"error", "message"}`, with `hint` where there is one. `detail` is where gx4ki's clients look."""
        body = {"error": self.code, "message": self.message, "detail": self.message}
        return {**body, "hint": self.hint} if self.hint else body


def translated(error: ArgosyError) -> Refused:
    """An error as an answer; nothing of the service's own machine is in it."""
    if isinstance(error, NotFoundError):
        return Refused(404, "not-found", error.message)
    if isinstance(error, ConflictError):
        return Refused(409, "conflict", error.message, hint=error.hint)
    if isinstance(error, DefinitionError):
        details = "; ".join(item.message for item in error.diagnostics if item.severity == "error")
        return Refused(422, "invalid", f"{error.message}: {details}" if details else error.message)
    if isinstance(error, UsageError):
        return Refused(422, "invalid", error.message, hint=error.hint)
    return Refused(503, "unavailable", "what is needed for this does not answer now; try again", retry=5)
