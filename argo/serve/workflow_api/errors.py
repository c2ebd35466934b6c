"""Turns errors into the answers of the service."""

from __future__ import annotations

from argo.errors import ArgosyError, ConflictError, DefinitionError, NotFoundError, UsageError
from argo.serve.refusal import Refusal as Refusal


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
