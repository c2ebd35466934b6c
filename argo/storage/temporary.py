"""Temporary credentials of an S3 store that open one object alone (STS AssumeRole with a policy of its own).

Facts: docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html; MinIO answers it at the store's own endpoint.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from argo.storage.credentials import Credentials
from argo.storage.errors import StorageError

if TYPE_CHECKING:
    from argo.http import Pool

SHORTEST = 900  # seconds; STS gives none for less


def policy(bucket: str, key: str, *actions: str) -> str:
    """An IAM policy that allows these actions on one object, or with `*` at the end of the key on all that begin so."""
    if any(letter in part for part in (bucket, key.removesuffix("*")) for letter in '*?$"{}'):
        raise StorageError(f"the key {key!r} cannot stand in a policy")
    statement = {"Effect": "Allow", "Action": [*actions], "Resource": [f"arn:aws:s3:::{bucket}/{key}"]}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def assume(
    endpoint: str, region: str, keys: Credentials | None, allowed: str, lasts: int, http: Pool
) -> dict[str, str]:
    """`accessKeyId`, `secretAccessKey`, `sessionToken` for what a policy allows, good for so many seconds.

    Raises StorageError where the store gives none, and the errors of the `minio` package.
    """
    from minio.credentials.providers import AssumeRoleProvider

    try:
        given = AssumeRoleProvider(
            sts_endpoint=endpoint,
            access_key=keys.access_key if keys else "",
            secret_key=keys.secret_key if keys else "",
            duration_seconds=max(lasts, SHORTEST),
            policy=allowed,
            region=region,
            http_client=http,
        ).retrieve()
    except ValueError as error:
        reason = str(error).splitlines()[0][:200]
        raise StorageError(f"{endpoint} gives no temporary credentials: {reason}") from None
    return {
        "accessKeyId": given.access_key,
        "secretAccessKey": given.secret_key,
        "sessionToken": given.session_token or "",
    }
