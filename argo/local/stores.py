"""Where a run's artifacts lie: the folder of ARGOSY_HOME, or the S3 store of the profile that it was started with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from argo.local.home import Home

if TYPE_CHECKING:
    from argo.storage import Store


def open_store(home: Home, settings: Mapping[str, Any]) -> Store:
    """The store of these settings (`argo.storage.settings`); without any, the folder of ARGOSY_HOME."""
    if not settings:
        from argo.storage import DirectoryStore

        return DirectoryStore(home.store)
    from argo.storage.settings import s3_store

    return s3_store(settings)
