"""The store of an artifact's location: by the location's own credentials where they are here, else the run's."""

from __future__ import annotations

from argo.local.pods import Json, Library
from argo.storage import Store

_KEYS = ("accessKeySecret", "secretKeySecret", "sessionTokenSecret")


def located(store: Store, library: Library, location: Json) -> Store:
    """The store at an S3 location. A location that says no bucket is in the run's own.

    A manifest for a cluster names Secrets that this machine need not have: the run's own store stands in for that one.
    """
    values = [_secret(library, location.get(name)) for name in _KEYS]
    if location.get("endpoint") and location.get("bucket") and values[0] and values[1]:
        from argo.storage.s3 import S3Config, S3Store

        return S3Store(
            S3Config(
                location["endpoint"],
                location["bucket"],
                secure=not location.get("insecure"),
                region=location.get("region") or None,
                access_key=values[0],
                secret_key=values[1],
                session_token=values[2] or None,
            )
        )
    return store.with_bucket(location["bucket"]) if location.get("bucket") else store


def _secret(library: Library, reference: Json | None) -> str:
    found = library.secret(reference["name"], reference["key"]) if reference else None
    return found.decode() if found is not None else ""
