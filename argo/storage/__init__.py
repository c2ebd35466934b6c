"""Object stores: one protocol over a directory and over S3."""

from typing import TYPE_CHECKING

from argo.storage.directory import DirectoryStore as DirectoryStore
from argo.storage.errors import Denied as Denied
from argo.storage.errors import NotFound as NotFound
from argo.storage.errors import StorageError as StorageError
from argo.storage.errors import Unreachable as Unreachable
from argo.storage.store import ObjectInfo as ObjectInfo
from argo.storage.store import Store as Store

if TYPE_CHECKING:
    from argo.storage.s3 import S3Config as S3Config
    from argo.storage.s3 import S3Store as S3Store


def __getattr__(name: str) -> object:
    """S3's names, when they are used: what they need takes longer to import than all else."""
    if name in ("S3Config", "S3Store"):
        from argo.storage import s3

        return getattr(s3, name)
    raise AttributeError(name)
