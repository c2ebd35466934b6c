"""Gives a Workflow object its name and its uid, which make it a run of this machine."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from argo.backend import RunRef
from argo.workflow.naming import check_name, generated
from compiler.manifest_types import Workflow


def identify(workflow: Workflow, name: str | None = None) -> RunRef:
    """Give a Workflow object its identity in place: `name`, its own, or one made of its generateName.

    Raises UsageError for what Kubernetes would not take as the name of a Workflow.
    """
    metadata = workflow.setdefault("metadata", {})
    own: str = name or metadata.get("name") or generated(metadata.get("generateName", ""))
    check_name(own)
    metadata.pop("generateName", None)
    metadata["name"] = own
    metadata.setdefault("namespace", "default")
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return RunRef(own, metadata["namespace"], metadata["uid"])
