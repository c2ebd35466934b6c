"""Tells connectors how their transfers went: at least once, again after failures, a bounded number of times."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update

from argo.backend import Json
from argo.errors import RemoteError
from argo.http import Asker, NoAnswerError
from argo.serve.refusal import Refusal
from argo.serve.workflow_api.database import every
from argo.serve.workflow_api.edc.targets import below
from argo.serve.workflow_api.edc.transfers import delivered
from argo.serve.workflow_api.schema import runs, transfers
from argo.serve.workflow_api.work import pause

if TYPE_CHECKING:
    from argo.serve.workflow_api.catalog import Catalog
    from argo.serve.workflow_api.database import Database
    from argo.serve.workflow_api.edc.address import Addresses
    from argo.serve.workflow_api.outbox import Job, Outbox
    from compiler.models.service import Edc

log = logging.getLogger("argosy.service")
_TIMEOUT: Final = 15.0  # seconds
_LONGEST: Final = 300.0  # seconds between two attempts
_SIGNALING: Final = {"prepared": "PREPARED", "started": "STARTED", "errored": "TERMINATED"}
_C1: Final = "dataspaceconnector:provisioner-callback-request"


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Delivers callbacks."""

    _database: Database
    _outbox: Outbox
    _catalog: Catalog
    _addresses: Addresses
    _edc: Edc
    _api_key: str

    def deliver(self, job: Job) -> None:
        """Tell the connector; what fails is tried again, and given up at last."""
        what = str(job.payload["what"])
        with self._database.reading() as connection:
            transfer = every(connection, select(transfers).where(transfers.c.id == job.subject))[0]
            run = every(connection, select(runs).where(runs.c.id == transfer["run"]))[0]
        try:
            parts, body = self._message(what, transfer, run)
            _post(below(transfer["callback"], parts, self._edc.callbacks), body, self._api_key)
        except (RemoteError, Refusal) as error:
            message = getattr(error, "message", str(error))
            log.warning("callback failed", extra={"transfer": job.subject, "reason": message, "attempt": job.attempts})
            with self._database.writing() as connection:
                if job.attempts >= self._edc.attempts:
                    self._outbox.dead(connection, job, message)
                    said = f"the callback was given up: {message}"
                    connection.execute(update(transfers).where(transfers.c.id == job.subject).values(message=said))
                else:
                    self._outbox.again(connection, job, pause(job.attempts, _LONGEST), message)
            return
        with self._database.writing() as connection:
            delivered(connection, job.subject, what)
            self._outbox.done(connection, job)
        log.info("callback delivered", extra={"transfer": job.subject, "told": what})

    def _message(self, what: str, transfer: Mapping[str, Any], run: Mapping[str, Any]) -> tuple[Sequence[str], Json]:
        """The parts of the path below the callback address, and the body."""
        protocol, process, resource = transfer["protocol"], transfer["process"], transfer["resource"]
        if protocol == "c3":
            return ("transfers", process, "dataflow", what), self._signal(what, transfer, run)
        if what == "deprovision":
            if protocol == "c2":
                return (process, resource, "deprovision"), {}
            answer = {"provisionedResourceId": resource, "inProcess": False, "error": False, "errorMessage": None}
            return (process, "deprovision"), answer
        properties = self._address(transfer, run).properties()
        if protocol == "c2":
            return (process, resource, "provision"), {"dataAddress": {"properties": properties, **properties}}
        return (process, "provision"), {
            "edctype": _C1,
            "resourceDefinitionId": resource,
            "assetId": transfer["asset"],
            "resourceName": f"{transfer['asset']}-{run['id']}",
            "contentDataAddress": {"properties": properties},
            "apiKeyJwt": "unused",
            "hasToken": False,
        }

    def _signal(self, what: str, transfer: Mapping[str, Any], run: Mapping[str, Any]) -> Json:
        body: Json = {"messageId": f"{transfer['id']}-{what}", "processId": transfer["process"]}
        body["state"] = _SIGNALING[what]
        body["error"] = transfer["message"] if what == "errored" else None
        if what != "errored":
            body["dataAddress"] = self._address(transfer, run).signaling()
        return body

    def _address(self, transfer: Mapping[str, Any], run: Mapping[str, Any]) -> Any:
        offered = self._catalog.get(run["asset"], run["version"])
        return self._addresses.of(transfer["id"], run, offered.given_out())


def _post(url: str, body: Json, api_key: str) -> None:
    """Raises RemoteError for anything but 2xx. No redirect is followed: it would lead past what is allowed."""
    headers = {"x-api-key": api_key} if api_key else {}
    with closing(Asker(url)) as asker:
        try:
            answer = asker.ask("POST", url, body, headers, attempts=1, read=_TIMEOUT, stream=True)
            answer.close()  # what a connector has to say beside the status is not read
        except NoAnswerError as error:
            raise RemoteError(f"the connector does not answer: {error.reason}") from None
    if not 200 <= answer.status < 300:
        raise RemoteError(f"the connector answered {answer.status}")
