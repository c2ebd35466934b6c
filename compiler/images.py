"""Names of container images."""

from __future__ import annotations

from typing import Final

_DEFAULT: Final = "docker.io"


def is_from(repository: str, registry: str) -> bool:
    """Whether a repository is in a registry, or below a path in it (`registry.example.com/team`)."""
    host, slash, _ = repository.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        repository = f"{_DEFAULT}/{repository}" if slash else f"{_DEFAULT}/library/{repository}"
    allowed = registry.rstrip("/")
    return repository == allowed or repository.startswith(allowed + "/")
