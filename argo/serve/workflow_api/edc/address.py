"""Data addresses: how a consumer of a data space gets a result, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from argo.backend import Json
from argo.errors import UsageError
from argo.serve.workflow_api import results

if TYPE_CHECKING:
    from argo.serve.workflow_api.database import Database
    from compiler.models.service import Edc

NAMESPACE: Final = "https://w3id.org/edc/v0.0.1/ns/"
_HTTP: Final = "https://w3id.org/idsa/v4.1/HTTP"
_LONGEST: Final = 7 * 86400


@dataclass(frozen=True, slots=True)
class Address:
    """One: an URL, or an object in S3 with credentials for just that."""

    url: str = ""
    s3: Mapping[str, str] | None = None

    def properties(self) -> dict[str, str]:
        """As `dataAddress.properties` of c1 and c2."""
        if self.s3 is None:
            return {"type": "HttpData", "baseUrl": self.url}
        return {"type": "AmazonS3", **self.s3}

    def signaling(self) -> Json:
        """As Data Plane Signaling writes it."""
        given = {"endpoint": self.url} if self.s3 is None else dict(self.s3)
        kind = _HTTP if self.s3 is None else "AmazonS3"
        entries = [
            {"@type": "EndpointProperty", "name": f"{NAMESPACE}{name}", "value": value} for name, value in given.items()
        ]
        endpoint = self.url or given.get("endpointOverride", "")
        return {"@type": "DataAddress", "endpointType": kind, "endpoint": endpoint, "endpointProperties": entries}


class Addresses:
    """Makes data addresses for results."""

    def __init__(self, database: Database, found: results.Results, edc: Edc, public_url: str) -> None:
        self._database = database
        self._results = found
        self._edc = edc
        self._public = public_url

    def of(self, transfer: str, run: Mapping[str, Any], output: str) -> Address:
        """A new one, good for as long as argosy.yaml says. Raises Refusal, StoreError."""
        lasts = float(self._edc.lifetime)
        if self._edc.data == "proxy":
            with self._database.writing() as connection:
                token = results.grant(connection, run["id"], output, lasts, transfer)
            return Address(f"{self._public}/data/{token}")
        found = self._results.download(run, output)
        if self._edc.data == "presigned":
            return Address(found.store.share(found.info.key, timedelta(seconds=min(lasts, _LONGEST))))
        from argo.storage.s3 import S3Store

        if not isinstance(found.store, S3Store):
            raise UsageError("only an S3 store gives temporary credentials", hint="name one in the profile's store")
        return Address(s3=found.store.temporary(found.info.key, min(int(lasts), _LONGEST)))
