"""Gives type checkers the fields of Argo's and Kubernetes' objects: one TypedDict for each type of the manifests.

`Workflow`, `WorkflowStatus`, `NodeStatus`, `Template`, `Artifact` and the others bear Argo's own names; `Object` has
the fields of all kinds. No field of theirs is required. When the program runs each is a plain `dict`, so that importing
and calling them costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compiler._generated.manifest_types import *  # noqa: F403
else:

    def __getattr__(name: str) -> type:
        if name.startswith("_"):
            raise AttributeError(name)
        return dict
