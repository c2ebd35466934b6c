"""The store of a run on a cluster, where neither a profile nor its Workflow says it: the namespace's ConfigMap.

Facts: docs/artifact-repository-ref.md of Argo.
"""

from __future__ import annotations

from typing import cast

from argo.backends.kubernetes.api import Cluster
from argo.backends.repository import of_location, settings
from argo.errors import AuthError, NotFoundError
from argo.target import Settings
from compiler.manifest_types import ArtifactRepository, ArtifactRepositoryRef, ArtifactRepositoryRefStatus, Workflow

_CONFIG_MAP = "artifact-repositories"
_DEFAULT = "workflows.argoproj.io/default-artifact-repository"  # an annotation: the key that is meant without one


def store_settings(cluster: Cluster, workflow: Workflow) -> Settings:
    """As `argo.backends.repository.settings`, also for a run that no controller has seen yet."""
    return settings(workflow) or of_location(_repository(cluster, workflow))


def _repository(cluster: Cluster, workflow: Workflow) -> ArtifactRepository:
    import yaml

    wanted = workflow["spec"].get("artifactRepositoryRef") or ArtifactRepositoryRef()
    ref = (workflow.get("status") or {}).get("artifactRepositoryRef") or cast("ArtifactRepositoryRefStatus", wanted)
    try:
        found = cluster.get("ConfigMap", ref.get("configMap") or _CONFIG_MAP, ref.get("namespace") or "")
    except (NotFoundError, AuthError):
        return {}
    key = ref.get("key") or (found["metadata"].get("annotations") or {}).get(_DEFAULT) or ""
    try:
        value = yaml.safe_load((found.get("data") or {}).get(key) or "")
    except yaml.YAMLError:
        return {}
    return cast("ArtifactRepository", value) if isinstance(value, dict) else {}
