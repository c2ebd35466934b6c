"""Which URLs a connector may have called back: those below the beginnings that argosy.yaml names, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from argo.serve.refusal import Refusal

_LONGEST: Final = 200
_PORTS: Final = {"http": 80, "https": 443}


def check(url: str, allowed: Sequence[str]) -> str:
    """The URL without a slash at its end. Raises Refusal for one that is not allowed, or none."""
    try:
        parts = urlsplit(url)
        origin = _origin(parts)
    except ValueError:
        raise _refused() from None
    path = _decoded(parts.path)
    if "@" in parts.netloc or parts.query or parts.fragment or any(ord(c) <= 32 for c in url) or origin is None:
        raise _refused()
    if "\\" in url + path or any(_is_dots(segment) for segment in path.split("/")):
        raise _refused()
    for beginning in allowed:
        known = urlsplit(beginning)
        folder = known.path.rstrip("/")
        if _origin(known) == origin and (path == folder or path.startswith(f"{folder}/")):
            return url.rstrip("/")
    raise _refused()


def check_id(text: str) -> None:
    """Raises Refusal for what is not to be one part of a URL's path, as connectors name processes and resources."""
    if len(text) > _LONGEST:
        raise Refusal(400, "invalid", "an id is too long")
    if _is_dots(text) or any(letter in "/\\?#%;" or ord(letter) <= 32 or ord(letter) == 127 for letter in text):
        raise Refusal(400, "invalid", "an id holds what an id does not", hint="letters, digits, : . _ -")


def below(callback: str, parts: Sequence[str], allowed: Sequence[str]) -> str:
    """The URL of some parts below a callback address, quoted, and held against what is allowed as a client would send
    it. Raises Refusal."""
    for part in parts:
        check_id(part)
    target = "/".join((check(callback, allowed), *(quote(part, safe=":") for part in parts)))
    return check(target, [callback])


def _decoded(path: str) -> str:
    """A path without any percent-encoding, also one that was encoded several times."""
    while (plain := unquote(path)) != path:
        path = plain
    return path


def _is_dots(segment: str) -> bool:
    """True where a segment leads out of its folder, also for servers that cut off parameters (`..;x`)."""
    return segment.partition(";")[0] in (".", "..")


def _origin(parts: SplitResult) -> tuple[str, str, int] | None:
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme]


def _refused() -> Refusal:
    hint = "the service's operator names it in argosy.yaml: service.edc.callbacks"
    return Refusal(403, "callback", "this callback address is not allowed", hint=hint)
