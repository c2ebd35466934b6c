"""The store of an artifact's location: by the location's own credentials where they are here, else the run's."""

from __future__ import annotations

from argo.local.pods import Library
from argo.storage import Store
from compiler.manifest_types import S3Artifact, SecretKeySelector


def located(store: Store, library: Library, location: S3Artifact) -> Store:
    """The store at an S3 location. A location that says no bucket is in the run's own.

    A manifest for a cluster names Secrets that this machine need not have: the run's own store stands in for that one.
    """
    keys = (location.get("accessKeySecret"), location.get("secretKeySecret"), location.get("sessionTokenSecret"))
    values = [_secret(library, key) for key in keys]
    if location.get("endpoint") and location.get("bucket") and values[0] and values[1]:
        from argo.storage.credentials import Credentials
        from argo.storage.s3 import S3Config, S3Store

        return S3Store(
            S3Config(
                location["endpoint"],
                location["bucket"],
                secure=not location.get("insecure"),
                region=location.get("region") or None,
                credentials=Credentials(values[0], values[1], values[2] or None),
            )
        )
    return store.with_bucket(location["bucket"]) if location.get("bucket") else store


def _secret(library: Library, reference: SecretKeySelector | None) -> str:
    found = library.secret(reference["name"], reference["key"]) if reference else None
    return found.decode() if found is not None else ""
