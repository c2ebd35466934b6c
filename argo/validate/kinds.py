"""Tells the type of a template, and what follows from it.

Facts: Argo pkg/apis/workflow/v1alpha1/workflow_types.go (GetType, IsLeaf, IsPodType, HasOutput).
"""

from __future__ import annotations

from argo.validate.place import Place

TYPES = ("container", "containerSet", "steps", "script", "resource", "dag", "suspend", "data", "http", "plugin")
PODS = frozenset({"container", "containerSet", "script", "resource", "data"})
LEAVES = PODS | {"http", "plugin"}
LOCATIONS = ("artifactory", "azure", "git", "gcs", "hdfs", "http", "oss", "raw", "s3", "plugin")


def types_of(template: Place) -> list[str]:
    """The fields present that say what the template is; there should be one."""
    return [name for name in TYPES if template.get(name) is not None]


def type_of(template: Place) -> str:
    """The field that says what the template is; empty when none does."""
    return next(iter(types_of(template)), "")


def has_result(template: Place) -> bool:
    """True where the template's node has `outputs.result` and `exitCode`."""
    kind = type_of(template)
    if kind == "containerSet":
        return has_main(template)
    return kind in ("container", "script", "data", "http", "plugin")


def has_main(template: Place) -> bool:
    """True where the containerSet has a container named main."""
    return any(container.get("name") == "main" for container in template.items("containerSet", "containers"))


def has_location(artifact: Place) -> bool:
    """True where the artifact says where it lies."""
    return any(artifact.get(name) is not None and _leads(artifact.child(name)) for name in LOCATIONS)


def _leads(location: Place) -> bool:
    needed = {"http": ("url",), "s3": ("key", "bucket")}.get(str(location.path[-1]))
    return needed is None or any(location.get(name) for name in needed)
