"""Object stores: one protocol over a directory and over S3."""

from argo.storage.directory import DirectoryStore as DirectoryStore
from argo.storage.errors import Denied as Denied
from argo.storage.errors import NotFound as NotFound
from argo.storage.errors import StorageError as StorageError
from argo.storage.errors import Unreachable as Unreachable
from argo.storage.s3 import S3Config as S3Config
from argo.storage.s3 import S3Store as S3Store
from argo.storage.store import ObjectInfo as ObjectInfo
from argo.storage.store import Store as Store
