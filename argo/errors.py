"""The errors that Argosy raises for what the world does, and the exit code each one ends a command with.

    ArgosyError                      3
    ├── UsageError                   2  the command line asks for something that cannot be
    │   ├── DefinitionError          2  definitions or manifests with mistakes; carries the diagnostics
    │   ├── NotFoundError            2  a run, task, output or definition of that name does not exist
    │   └── ConflictError            2  it exists already, or is in a state in which this cannot be done
    ├── RemoteError                  3  a server, cluster or object store did not do what was asked
    │   ├── StoreError               3  an object store (a directory, too): read, write or verification failed
    │   ├── UncertainError           3  a request was sent, and nobody knows whether it was carried out
    │   └── AuthError                3  refused for lack of credentials or rights
    └── EnvironmentFailure           3  this machine lacks something: a program, space, a right, a usable state file

A mistake in a definition is a `compiler.diagnostics.Diagnostic`; any other exception is a bug.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic


class ArgosyError(Exception):
    """Something failed that is not a bug.

    `message` is one sentence. `tried` says what was attempted, `known` what is known to be true now (what was
    kept, what did not happen), `hint` the next command or step. Texts never hold secrets.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, tried: str = "", known: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.tried = tried
        self.known = known
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def lines(self) -> list[str]:
        """The whole error as lines of text, the message first."""
        parts = (("tried", self.tried), ("known", self.known), ("next", self.hint))
        return [f"error: {self.message}", *(f"  {label}: {text}" for label, text in parts if text)]


class UsageError(ArgosyError):
    """The command line, or a call, asks for something that cannot be."""

    exit_code = 2


class DefinitionError(UsageError):
    """Definitions or manifests hold mistakes."""

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = (), *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = tuple(diagnostics)


class NotFoundError(UsageError):
    """Nothing of that name exists."""


class ConflictError(UsageError):
    """It exists already, or its state does not allow this."""


class RemoteError(ArgosyError):
    """A server, cluster or object store did not do what was asked."""


class StoreError(RemoteError):
    """An object store failed to read, write or verify."""


class UncertainError(RemoteError):
    """A request was sent, and nobody knows whether it was carried out."""


class AuthError(RemoteError):
    """Refused for lack of credentials or rights."""


class EnvironmentFailure(ArgosyError):  # noqa: N818 -- EnvironmentError is a builtin
    """This machine lacks something that is needed."""


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """`did you mean X?` for the nearest of `known`, or an empty string."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else ""
