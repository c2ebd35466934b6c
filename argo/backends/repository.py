"""Which store a run's artifacts lie in, as far as its Workflow says: settings for `argo.storage.settings`.

Facts: Argo's types ArtifactRepositoryRefStatus, ArtifactLocation and S3Bucket.
"""

from __future__ import annotations

from argo.target import Settings
from compiler.manifest_types import ArtifactLocation, ArtifactRepository, Workflow


def settings(workflow: Workflow) -> Settings:
    """`endpoint`, `bucket`, `insecure`, `region` of the run's default S3 repository; empty where nothing says them.

    The endpoint is the one that pods use, which may not be reached from elsewhere.
    """
    repository = (workflow.get("status") or {}).get("artifactRepositoryRef") or {}
    defaults = (workflow["spec"].get("templateDefaults") or {}).get("archiveLocation") or {}
    return of_location(repository.get("artifactRepository") or {}) or of_location(defaults)


def of_location(location: ArtifactRepository | ArtifactLocation) -> Settings:
    """The same of one location or repository."""
    s3 = location.get("s3") or {}
    if not (s3.get("endpoint") and s3.get("bucket")):
        return {}
    found = {"endpoint": s3["endpoint"], "bucket": s3["bucket"], "insecure": bool(s3.get("insecure"))}
    return {**found, **({"region": s3["region"]} if s3.get("region") else {})}
