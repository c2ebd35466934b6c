"""An answer other than 2xx, raised wherever it is found that a request is not to be done."""

from __future__ import annotations

from starlette.exceptions import HTTPException


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
