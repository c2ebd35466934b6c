"""Tells what a template is, and where an artifact lies.

Facts: Argo pkg/apis/workflow/v1alpha1/workflow_types.go (GetType, IsLeaf, IsPodType; ArtifactLocation.Get).
"""

from __future__ import annotations

from typing import Any, Protocol

TYPES = ("container", "containerSet", "steps", "script", "resource", "dag", "suspend", "data", "http", "plugin")
PODS = frozenset({"container", "containerSet", "script", "resource", "data"})
LEAVES = PODS | {"http", "plugin"}
_LOCATIONS = ("artifactory", "azure", "git", "gcs", "hdfs", "http", "oss", "raw", "s3", "plugin")
_NEEDED = {"http": ("url",), "s3": ("key", "bucket")}  # one of these; in other locations none


class Fields(Protocol):
    """A template or an artifact: the object itself, or its place in a document."""

    def get(self, name: str, /) -> Any: ...


def types_of(template: Fields) -> list[str]:
    """The fields present that say what the template is; there should be one."""
    return [name for name in TYPES if template.get(name) is not None]


def type_of(template: Fields) -> str:
    """The field that says what the template is; empty when none does."""
    return next((name for name in TYPES if template.get(name) is not None), "")


def location_of(artifact: Fields) -> str:
    """The field that says where the artifact lies; empty when none does."""
    return next((kind for kind in _LOCATIONS if artifact.get(kind) is not None), "")


def has_location(artifact: Fields) -> bool:
    """True where the artifact says where it lies; a key alone is one of the default repository."""
    kind = location_of(artifact)
    return bool(kind) and (kind not in _NEEDED or any(artifact.get(kind).get(field) for field in _NEEDED[kind]))
