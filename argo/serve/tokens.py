"""The tokens that small servers ask for: made once for this home, or given in a file."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from argo.errors import EnvironmentFailure, UsageError

_SHORTEST = 16  # letters


def token_of(made: Path, given: Path | None = None) -> tuple[str, Path]:
    """The token in the file `given`, else the one in `made`, which is made where it is missing; and its file.

    Raises EnvironmentFailure for a file that others may read, UsageError for a token that is too short.
    """
    path = given or made
    try:
        if given is None and not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as new:
                new.write(secrets.token_urlsafe(32))
        if path.stat().st_mode & 0o077:
            raise EnvironmentFailure(f"the token in {path} may be read by others", hint=f"chmod 600 {path}")
        token = path.read_text(encoding="utf-8").strip().removeprefix("Bearer ")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise EnvironmentFailure(f"the token cannot be read from {path}: {reason}") from error
    if len(token) < _SHORTEST:
        raise UsageError(f"the token in {path} is too short", hint=f"give it {_SHORTEST} letters or more")
    return token, path


def is_bearer(authorization: str, token: str) -> bool:
    """True where an Authorization header holds the token as a bearer's."""
    scheme, _, given = authorization.partition(" ")
    fits = hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode("utf-8", "replace"))
    return scheme.lower() == "bearer" and fits
