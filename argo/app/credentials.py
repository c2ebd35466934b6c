"""Tokens of an Argo Server: from a variable, a file or a command, read anew whenever one is wanted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from argo.errors import EnvironmentFailure

_PATIENCE = 60.0  # seconds for a command that may ask its own server first
_SCHEMES = ("bearer", "basic")


def authorization(token: str) -> str:
    """The value of the Authorization header: as it is with a scheme in front, else `Bearer` and the token."""
    token = token.strip()
    scheme, space, _ = token.partition(" ")
    return token if not token or (space and scheme.lower() in _SCHEMES) else f"Bearer {token}"


def source(variables: Sequence[str] = (), file: Path | None = None, command: Sequence[str] = ()) -> Callable[[], str]:
    """Return a function for a header's value: the first of `variables` that is set, else the file's text, else what the
    command prints; empty where nothing is given.

    The function raises EnvironmentFailure where the file cannot be read or the command fails. What they hold or print
    is in no error.
    """

    def read() -> str:
        for name in variables:
            if os.environ.get(name, "").strip():
                return authorization(os.environ[name])
        if file is not None:
            return authorization(_content(file))
        return authorization(_printed(command)) if command else ""

    return read


def _content(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise EnvironmentFailure(
            f"the token cannot be read from {file}: {reason}", hint="look at engine.tokenFile of the profile"
        ) from error
    if not text:
        raise EnvironmentFailure(f"the token file {file} is empty", hint="look at engine.tokenFile of the profile")
    return text


def _printed(command: Sequence[str]) -> str:
    failed = f"the command for the token, {command[0]},"
    hint = "run it by hand; it is engine.tokenCommand of the profile"
    try:
        done = subprocess.run(
            [*command], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or (
            f"does not end within {_PATIENCE:.0f} s"
            if isinstance(error, subprocess.TimeoutExpired)
            else "prints no text"
        )
        raise EnvironmentFailure(f"{failed} cannot be used: {reason}", hint=hint) from None
    if done.returncode:
        raise EnvironmentFailure(f"{failed} failed with exit code {done.returncode}", hint=hint)
    if not done.stdout.strip():
        raise EnvironmentFailure(f"{failed} printed nothing", hint=hint)
    return done.stdout
