"""Offers in a data space: the asset, policy and contract definition of a compute asset, written and posted.

Facts: the management API of Eclipse Dataspace Connector, v3 and v4 (its OpenAPI documents, and its JSON-LD contexts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import quote

from argo.backend import Json
from argo.errors import AuthError, RemoteError, UsageError
from argo.http import Asker, NoAnswerError
from argo.serve.workflow_api.edc.address import NAMESPACE

if TYPE_CHECKING:
    from argo.serve.workflow_api.catalog import OfferedAsset

Version = Literal["v3", "v4"]
_V4: Final = "https://w3id.org/edc/connector/management/v2"
_ODRL: Final = "http://www.w3.org/ns/odrl.jsonld"
_PROPERTIES: Final = ("name", "version", "description", "contenttype")


class Document(NamedTuple):
    """One object of the management API: its collection, its id, itself; and whether an update names the id."""

    collection: str
    id: str
    body: Json
    by_id: bool = False


def documents(
    offered: OfferedAsset, base_url: str, version: Version, *, labels: tuple[str, ...] = ()
) -> list[Document]:
    """The objects that offer an asset. `base_url` is where its provisioner is asked (c2), or its data plane (c3)."""
    offer = offered.model.offer
    id_ = offer.id if offer is not None else offered.name
    found = [Document("assets", id_, _asset(offered, id_, base_url, version, labels))]
    given = offer.policy if offer is not None else None
    policy = given if isinstance(given, str) else f"{id_}-policy"
    if not isinstance(given, str):
        found.append(Document("policydefinitions", policy, _policy(policy, given, version), by_id=True))
    found.append(Document("contractdefinitions", f"{id_}-contract", _contract(id_, policy, version)))
    return found


def _asset(offered: OfferedAsset, id_: str, base_url: str, version: Version, labels: tuple[str, ...]) -> Json:
    model, offer = offered.model, offered.model.offer
    output = model.outputs[offered.given_out()]
    media = (offer.media_type if offer else None) or output.media_type or "application/octet-stream"
    properties: Json = {
        "name": (offer.title if offer else None) or model.title or model.name,
        "version": model.version,
        "description": (offer.description if offer else None) or model.description or "",
        "contenttype": media,
        **(offer.properties if offer else {}),
    }
    address = {"type": "ProvisionHttp", "baseUrl": base_url}
    if version == "v3":
        return {
            "@context": {"@vocab": NAMESPACE}, "@id": id_, "properties": properties, "privateProperties": {},
            "dataAddress": address,
        }  # fmt: skip
    return {
        "@context": [_V4], "@id": id_, "@type": "Asset", "properties": properties, "privateProperties": {},
        "dataAddress": {"@type": "DataAddress", **address},
        "dataplaneMetadata": {
            "@type": "DataplaneMetadata", "properties": {"asset": offered.name, "version": model.version},
            "labels": [*labels], "profiles": [],
        },
    }  # fmt: skip


def _policy(id_: str, given: Mapping[str, object] | None, version: Version) -> Json:
    policy = dict(given or {})
    if version == "v3":
        policy = {"@context": _ODRL, "@type": "Set", "permission": [], **policy}
        return {"@context": {"@vocab": NAMESPACE}, "@id": id_, "policy": policy}
    # v4 refuses empty lists: what everybody may do is said.
    policy = {"@type": "Set", "permission": [{"action": "use"}], **policy}
    policy = {name: value for name, value in policy.items() if value != []}
    return {"@context": [_V4], "@id": id_, "@type": "PolicyDefinition", "policy": policy}


def _contract(id_: str, policy: str, version: Version) -> Json:
    selector = {"@type": "Criterion", "operandLeft": f"{NAMESPACE}id", "operator": "=", "operandRight": id_}
    body = {
        "@id": f"{id_}-contract", "accessPolicyId": policy, "contractPolicyId": policy, "assetsSelector": [selector],
    }  # fmt: skip
    if version == "v3":
        return {"@context": {"@vocab": NAMESPACE}, **body}
    return {"@context": [_V4], "@type": "ContractDefinition", **body}


def dataplane(
    id_: str, endpoint: str, transfer_types: tuple[str, ...], labels: tuple[str, ...], authorization: str
) -> Json:
    """Make a data plane's registration at a control plane (c3)."""
    made: Json = {"dataplaneId": id_, "endpoint": endpoint, "transferTypes": [*transfer_types], "labels": [*labels]}
    return {**made, "authorization": {"type": authorization}} if authorization else made


class Management:
    """The management API of a connector. `url` has no slash at its end; `api_key` is its x-api-key."""

    def __init__(self, url: str, version: Version, api_key: str = "") -> None:
        if not url.startswith(("https://", "http://")):
            raise UsageError(
                f"--management is a URL, not {url!r}", hint="write https://connector.example.com/management"
            )
        self._url = url.rstrip("/")
        self._version = version
        self._headers = {"x-api-key": api_key} if api_key else {}
        self._asker = Asker(self._url)

    def put(self, document: Document) -> str:
        """Make an object, or bring one that is there up to date: "made" or "updated". Raises RemoteError."""
        path = f"{self._version}/{document.collection}"
        if self._call("POST", path, document.body) != 409:
            return "made"
        if document.by_id:
            path += f"/{quote(document.id, safe='')}"
        if self._call("PUT", path, document.body) == 409:
            raise RemoteError(
                f"the connector does not change {document.collection} {document.id}",
                known="it is used by agreements; the others were not touched",
                hint="offer it under another id: offer: {id: …}",
            )
        return "updated"

    def register(self, body: Json) -> None:
        """Register a data plane. Raises RemoteError."""
        self._call("PUT", "v4/dataplanes", body)

    def _call(self, method: str, path: str, body: Json) -> int:
        try:
            answer = self._asker.ask(method, f"{self._url}/{path}", body, self._headers)
        except NoAnswerError as error:
            raise RemoteError(
                f"the connector at {self._url} does not answer: {error.reason}", tried=f"{method} {path}",
                known="what was made before stays", hint="look at --management, then repeat the command",
            ) from None  # fmt: skip
        if answer.status in (401, 403):
            raise AuthError(
                f"the connector answered {answer.status}", tried=f"{method} {path}",
                hint="give its key: --api-key-file, or EDC_API_KEY",
            )  # fmt: skip
        if not 200 <= answer.status < 300 and answer.status != 409:
            said = answer.data[:300].decode("utf-8", "replace")
            raise RemoteError(f"the connector answered {answer.status}: {said}", tried=f"{method} {path}")
        return int(answer.status)
