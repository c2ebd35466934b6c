"""Names of container images.

Facts: the grammar is that of github.com/distribution/reference; digests have the length of their algorithm.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_DEFAULT: Final = "docker.io"
_LONGEST: Final = 255
_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?P<repository>(?:{_DOMAIN}/)?{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}))?"
)
# Before a colon podman takes these for a way to an image, and what follows for a file of this machine.
_TRANSPORTS: Final = frozenset(
    {"atomic", "containers-storage", "dir", "docker-archive", "docker-daemon", "oci", "oci-archive", "ostree", "sif"}
) | {"tarball"}


class Reference(NamedTuple):
    """The name of an image in its parts; `tag` and `digest` (with its algorithm) are empty where it has none."""

    repository: str
    tag: str
    digest: str


def parse(image: str) -> Reference | None:
    """The parts of an image's name; None for a text that is no name of an image."""
    found = _REFERENCE.fullmatch(image) if len(image) <= _LONGEST + 300 else None
    if found is None or len(found["repository"]) > _LONGEST or found["repository"] in _TRANSPORTS:
        return None
    return Reference(found["repository"], found["tag"] or "", found["digest"] or "")


def is_from(repository: str, registry: str) -> bool:
    """True where a repository is in a registry, or below a path in it (`registry.example.com/team`)."""
    host, slash, _ = repository.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost" or host != host.lower()):
        repository = f"{_DEFAULT}/{repository}" if slash else f"{_DEFAULT}/library/{repository}"
    allowed = registry.rstrip("/")
    return repository == allowed or repository.startswith(allowed + "/")
