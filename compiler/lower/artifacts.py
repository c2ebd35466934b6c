"""Lowers what is given to inputs: files of the definition, objects in the store, constants."""

from __future__ import annotations

from typing import Final

from compiler.lower.text import carried, constant, escape
from compiler.plan import Archive, ArtifactArgument, Location
from compiler.program import EMBEDDED, Literal_, LocalFile, ObjectKey

# What an argument says of its format. An archive is a compressed tar with one folder at its top, which Argo unpacks and
# renames to the input's path (workflow/executor/executor.go: untar, unpack). A file is never unpacked. A directory is
# told by what is found: a prefix, or a tar.
_FORMATS: Final[dict[str, Archive]] = {"file": "none", "archive": "tar", "directory": ""}


def format_of(kind: str) -> Archive:
    return _FORMATS.get(kind, "")


def embeddable(content: bytes) -> bool:
    """True where a file's content survives in a manifest byte for byte: not too long, text, nothing like Argo's tags,
    which Argo would substitute on the way, more than once, and no dollars that Kubernetes would expand."""
    if len(content) > EMBEDDED or b"{{" in content or b"\0" in content:
        return False
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return carried(text) == text


def given(
    name: str, kind: str, value: Literal_ | LocalFile | ObjectKey, optional: bool = False
) -> ArtifactArgument | None:
    """A constant as an artifact argument; None for a file that has to be uploaded."""
    if isinstance(value, ObjectKey):
        location = Location(key=escape(value.key), bucket=value.bucket or "")
    elif isinstance(value, Literal_):
        location = Location(raw=escape(carried(constant(value.value))))
    elif embeddable(value.content) and kind != "archive":
        location = Location(raw=value.content.decode())
    else:
        return None
    return ArtifactArgument(name, location=location, archive=format_of(kind), optional=optional)
