"""An answer other than 2xx, raised wherever it is found that a request is not to be done."""

from __future__ import annotations

from starlette.exceptions import HTTPException

from argo.errors import ArgosyError, ConflictError, DefinitionError, NotFoundError, UsageError


class Refusal(HTTPException):
    """A refusal: a status, a code in one word, a sentence. `retry` is the Retry-After header in seconds."""

    def __init__(self, status: int, code: str, message: str, *, hint: str = "", retry: int = 0) -> None:
        super().__init__(status, message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.retry = retry

    def body(self) -> dict[str, str]:
        """`{"error", "message"}`, with `hint` where there is one. `detail` is where gx4ki's clients look."""
        body = {"error": self.code, "message": self.message, "detail": self.message}
        return {**body, "hint": self.hint} if self.hint else body


def unavailable() -> Refusal:
    """The answer while the store does not give any."""
    return Refusal(503, "unavailable", "the service's store does not answer; try again", retry=5)


def translated(error: ArgosyError) -> Refusal:
    """An error as an answer; nothing of the service's own machine is in it."""
    if isinstance(error, NotFoundError):
        return Refusal(404, "not-found", error.message)
    if isinstance(error, ConflictError):
        return Refusal(409, "conflict", error.message, hint=error.hint)
    if isinstance(error, DefinitionError):
        details = "; ".join(item.message for item in error.diagnostics if item.severity == "error")
        return Refusal(422, "invalid", f"{error.message}: {details}" if details else error.message)
    if isinstance(error, UsageError):
        return Refusal(422, "invalid", error.message, hint=error.hint)
    return Refusal(503, "unavailable", "what is needed for this does not answer now; try again", retry=5)
