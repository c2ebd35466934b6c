"""Transfers that connectors negotiated: each starts a run of the asset, and is told how it ended.

Generations: c1, the control plane's provisioner (to 0.15); c2, the data plane's (0.14 to 0.18); c3, Data Plane
Signaling (from 0.16). States:

    provisioning -> provisioned, failed;  deprovisioning -> deprovisioned            (c1, c2)
    preparing -> prepared; starting -> started; suspended; failed; completed, terminated   (c3)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, insert, select, update

from argo.serve.refusal import Refusal
from argo.serve.workflow_api import outbox, results, runs
from argo.serve.workflow_api.consumers import Consumer
from argo.serve.workflow_api.database import Database, Row, every, new_id, now
from argo.serve.workflow_api.edc.targets import check, check_id
from argo.serve.workflow_api.schema import runs as runs_table
from argo.serve.workflow_api.schema import transfers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argo.serve.workflow_api.catalog import Catalog

_READY: Final = {"provisioning": "provisioned", "preparing": "prepared", "starting": "started"}
_OVER: Final = ("deprovisioned", "failed", "completed", "terminated")


class Transfers:
    """The transfers in the store."""

    def __init__(self, database: Database, catalog: Catalog, runs_: runs.Runs, allowed: Sequence[str]) -> None:
        self._database = database
        self._catalog = catalog
        self._runs = runs_
        self._allowed = allowed

    def begin(
        self, consumer: Consumer, protocol: str, process: str, asset: str, callback: str, state: str,
        resource: str = "",
    ) -> Row:  # fmt: skip
        """The transfer of a process, with a run of the asset; the same again gives the same. Raises Refusal."""
        for text in (process, resource):
            check_id(text)
        known = self.find(consumer, protocol, process, resource)
        if known is not None:
            if known["asset"] != asset:
                raise Refusal(409, "conflict", f"the process is one of the asset {known['asset']}")
            return known
        callback = check(callback, self._allowed)
        offered = self._catalog.usable(self._catalog.of_offer(asset))
        offered.given_out()
        made = new_id()
        row = {
            "id": made, "consumer": consumer.id, "protocol": protocol, "process": process, "resource": resource,
            "asset": asset, "callback": callback, "state": state, "created_at": now(),
        }  # fmt: skip

        def record(connection: Connection, run: str) -> None:
            connection.execute(insert(transfers).values(**row, run=run))

        key = json.dumps([protocol, process, resource])
        self._runs.start(consumer, offered, origin="edc", key=key, also=record)
        found = self.find(consumer, protocol, process, resource)
        assert found is not None
        return found

    def find(self, consumer: Consumer, protocol: str, process: str, resource: str = "") -> Row | None:
        """A consumer's transfer, None where there is none."""
        wanted = select(transfers).where(
            transfers.c.consumer == consumer.id, transfers.c.protocol == protocol,
            transfers.c.process == process, transfers.c.resource == resource,
        )  # fmt: skip
        return self._database.first(wanted)

    def end(self, transfer: Row, state: str) -> None:
        """Stop the run, take the data address back and clean up; `state` is what it comes to."""
        with self._database.writing() as connection:
            _move(connection, transfer["id"], state)
            results.revoke(connection, transfer["id"])
            runs.stop(connection, transfer["run"])
            if _state_of(connection, transfer["run"]) in runs.ENDED:
                runs.discard(connection, transfer["run"])
                _answer_end(connection, {**transfer, "state": state})

    def suspend(self, transfer: Row) -> None:
        """Take the data address back for now."""
        with self._database.writing() as connection:
            if transfer["state"] not in _OVER:
                _move(connection, transfer["id"], "suspended")
            results.revoke(connection, transfer["id"])

    def want(self, transfer: Row, state: str) -> Row:
        """Have the transfer come to `starting` or `preparing`: at once, where its run has ended."""
        with self._database.writing() as connection:
            now_ = _row(connection, transfer["id"])
            if now_["state"] in _OVER:
                return now_
            ended = _state_of(connection, transfer["run"])
            if ended == "succeeded":
                _move(connection, transfer["id"], _READY[state])
            elif ended not in runs.ENDED:
                _move(connection, transfer["id"], state)
            return _row(connection, transfer["id"])


def delivered(connection: Connection, transfer: str, told: str) -> None:
    """The connector knows."""
    if told == "deprovision":
        _move(connection, transfer, "deprovisioned")


def ended(connection: Connection, run: str) -> None:
    """A run has ended: whoever waits for it is told, in the same transaction."""
    wanted = select(transfers).where(transfers.c.run == run)
    for transfer in every(connection, wanted):
        state = transfer["state"]
        if state in _READY:
            _tell(connection, transfer, _state_of(connection, run))
        elif state in ("deprovisioning", "completed", "terminated"):
            runs.discard(connection, run)
            _answer_end(connection, transfer)


def _tell(connection: Connection, transfer: Row, outcome: str) -> None:
    ready = _READY[transfer["state"]]
    if outcome == "succeeded":
        _move(connection, transfer["id"], ready)
        _callback(connection, transfer["id"], "provision" if ready == "provisioned" else ready)
        return
    message = connection.execute(select(runs_table.c.message).where(runs_table.c.id == transfer["run"])).scalar_one()
    values = {"state": "failed", "message": message or outcome}
    connection.execute(update(transfers).where(transfers.c.id == transfer["id"]).values(**values))
    if transfer["protocol"] == "c3":  # the others have no form for it
        _callback(connection, transfer["id"], "errored")


def _answer_end(connection: Connection, transfer: Row) -> None:
    if transfer["state"] == "deprovisioning":
        _callback(connection, transfer["id"], "deprovision")


def _callback(connection: Connection, transfer: str, what: str) -> None:
    outbox.add(connection, "callback", transfer, payload={"what": what}, key=f"callback:{transfer}:{what}")


def _move(connection: Connection, transfer: str, state: str) -> None:
    connection.execute(update(transfers).where(transfers.c.id == transfer).values(state=state))


def _row(connection: Connection, transfer: str) -> Row:
    return every(connection, select(transfers).where(transfers.c.id == transfer))[0]


def _state_of(connection: Connection, run: str) -> str:
    return str(connection.execute(select(runs_table.c.state).where(runs_table.c.id == run)).scalar_one())
