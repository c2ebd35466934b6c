"""Definitions named by a URL (`gs://`, `s3://`, `https://`): brought here through fsspec, then files as any other."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from argo.errors import EnvironmentFailure, UsageError

_EXTRAS: Final = {"gs": "gs", "s3": "s3", "https": "https", "http": "https"}
_SUFFIXES: Final = (".yaml", ".yml", ".json", ".env")  # data alone: nothing brought from elsewhere is executed
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_LIMIT: Final = 64 << 20  # bytes


@cache
def fetch(url: str) -> Path:
    """The file that a URL names, as a local one of the same name. Raises UsageError, EnvironmentFailure."""
    parts = urlsplit(url)
    name = parts.path.rpartition("/")[2]
    if parts.scheme not in _EXTRAS:
        raise UsageError(f"{shown(url)}: {parts.scheme}:// is not known", hint="gs://, s3:// and https:// are")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise UsageError(f"{shown(url)} is plain HTTP: whoever is on the way changes what runs", hint="use https://")
    if not name.endswith(_SUFFIXES):
        raise UsageError(f"{shown(url)} is no definition in a file of data", hint=f"one of: {', '.join(_SUFFIXES)}")
    data = _read(url, parts.scheme)
    from argo.local.home import Home

    folder = Home.open().root / "cache" / "remote" / hashlib.sha256(url.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / name
        path.write_bytes(data)
    except OSError as error:
        raise EnvironmentFailure(f"cannot keep {shown(url)} in {folder}: {error.strerror}") from error
    return path


def _read(url: str, scheme: str) -> bytes:
    from argo.app.installed import install

    hint = install(_EXTRAS[scheme])
    try:
        import fsspec
    except ImportError:
        raise UsageError(f"{shown(url)} needs fsspec, which is not installed", hint=hint) from None
    try:
        with fsspec.open(url, "rb") as file:
            data: bytes = file.read(_LIMIT + 1)
    except ImportError as error:
        raise UsageError(f"{shown(url)}: {error}", hint=hint) from None
    except Exception as error:
        what = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise EnvironmentFailure(
            f"cannot read {shown(url)}: {what}", known="nothing was started", hint="look at the URL and your rights"
        ) from error
    if len(data) > _LIMIT:
        raise UsageError(f"{shown(url)} has more than {_LIMIT >> 20} MiB")
    return data


def shown(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
