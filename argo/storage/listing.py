"""Asks a bucket for its region and for its objects by prefix.

Read without the `minio` package: importing that takes longer than all else that a small fetch does. Facts: the S3 API
reference (ListObjectsV2, GetBucketLocation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from argo.storage.errors import Denied, StorageError
from argo.storage.http import Reader, patiently
from argo.storage.store import ObjectInfo

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DEFAULT_REGION = "us-east-1"


def listed(reader: Reader, prefix: str) -> Iterator[ObjectInfo]:
    """The objects whose keys begin with `prefix`, by key; what stands for a folder is none. Raises StorageError."""
    seen: set[str] = set()
    query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
    while True:
        page = _asked(reader, query)
        for found in page.iterfind("{*}Contents"):
            key = unquote_plus(found.findtext("{*}Key", ""))
            if key and not key.endswith("/"):
                etag = found.findtext("{*}ETag", "").strip('"')
                yield ObjectInfo(key, _size(reader, found.findtext("{*}Size", "0")), etag)
        token = page.findtext("{*}NextContinuationToken", "")
        if page.findtext("{*}IsTruncated") != "true" or not token:
            return
        if token in seen:
            raise _odd(reader, "it gives the same page again and again")
        seen.add(token)
        query["continuation-token"] = token


def region(reader: Reader) -> str:
    """The region of the bucket; the default one where nobody may ask for it. Raises StorageError."""
    try:
        return _asked(reader, {"location": ""}).text or DEFAULT_REGION
    except Denied:
        return DEFAULT_REGION


def _asked(reader: Reader, query: dict[str, str]) -> Element:
    from xml.etree.ElementTree import ParseError, fromstring

    try:
        return fromstring(patiently(lambda: reader.ask(query)))  # noqa: S314 -- expat bounds what entities become
    except ParseError:
        raise _odd(reader, "it sent no XML") from None


def _size(reader: Reader, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise _odd(reader, f"an object's Size is {text[:40]!r}")
    return int(text)


def _odd(reader: Reader, what: str) -> StorageError:
    return StorageError(
        f"{reader.signer.host} does not answer as S3 does: {what}",
        tried=f"to list the bucket {reader.bucket}",
        hint="look at store.endpoint of the profile in argosy.yaml",
    )
