"""Which URLs a connector may have called back: those below the beginnings that argosy.yaml names, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from argo.service.errors import Refused

_PORTS: Final = {"http": 80, "https": 443}


def check(url: str, allowed: Sequence[str]) -> str:
    """The URL without a slash at its end. Raises Refused for one that is not allowed, or none."""
    try:
        parts = urlsplit(url)
        origin = _origin(parts)
    except ValueError:
        raise _refused() from None
    path = unquote(parts.path)
    if "@" in parts.netloc or parts.query or parts.fragment or "\\" in url or any(ord(c) <= 32 for c in url):
        raise _refused()
    if origin is None or ".." in path.split("/"):
        raise _refused()
    for beginning in allowed:
        known = urlsplit(beginning)
        folder = known.path.rstrip("/")
        if _origin(known) == origin and (path == folder or path.startswith(f"{folder}/")):
            return url.rstrip("/")
    raise _refused()


def _origin(parts: SplitResult) -> tuple[str, str, int] | None:
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme]


def _refused() -> Refused:
    hint = "the service's operator names it in argosy.yaml: service.edc.callbacks"
    return Refused(403, "callback", "this callback address is not allowed", hint=hint)
