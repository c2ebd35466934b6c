"""The routes that connectors call. Their first part is a token of the scope `edc`, since c1 sends no header; `-` where
one is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from argo.serve.refusal import Refusal
from argo.serve.workflow_api.consumers import Consumer
from argo.serve.workflow_api.messages import Message

if TYPE_CHECKING:
    from argo.serve.workflow_api.core import Service
    from argo.serve.workflow_api.database import Row

Reply = dict[str, object]
_REPLIES: Final = {
    "preparing": "PREPARING", "prepared": "PREPARED", "starting": "STARTING", "started": "STARTED",
    "suspended": "SUSPENDED", "completed": "COMPLETED", "terminated": "TERMINATED", "failed": "TERMINATED",
}  # fmt: skip


class FromConnector(Message):
    """The base of all messages of connectors: fields that are not known are passed over."""

    model_config = ConfigDict(extra="ignore")


class ProvisionC1(FromConnector):
    """From the control plane's provisioner."""

    asset: str = Field(alias="assetId", min_length=1)
    process: str = Field(alias="transferProcessId", min_length=1)
    callback: str = Field(alias="callbackAddress", min_length=1)
    type: str
    resource: str = Field(alias="resourceDefinitionId", default="")


class ProvisionC2(FromConnector):
    """From the data plane's provisioner."""

    type: str
    resource: str = Field(alias="provisionResourceId", min_length=1)
    process: str = Field(alias="flowId", min_length=1)
    callback: str = Field(alias="callbackAddress", min_length=1)


class Signal(FromConnector):
    """Data Plane Signaling: the messages that begin something."""

    process: str = Field(alias="processId", min_length=1)
    dataset: str = Field(alias="datasetId", min_length=1)
    callback: str = Field(alias="callbackAddress", min_length=1)


async def _key(key: Annotated[str, Path(description="the connector's token; - where a header brings it")]) -> str:
    return key


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/edc/{key}", tags=["EDC"], dependencies=[Depends(_key)])

    def connector(request: Request) -> Consumer:
        return service.allowed(request, "edc").consumer

    @routes.post("/c1", summary="Provision or deprovision, from the control plane")
    def c1(body: ProvisionC1, request: Request) -> Reply:
        return _provision(service, connector(request), "c1", body.asset, body)

    @routes.post("/c2/{asset}", summary="Provision or deprovision, from the data plane")
    def c2(asset: str, body: ProvisionC2, request: Request) -> Reply:
        return _provision(service, connector(request), "c2", asset, body)

    @routes.post("/c3/{verb}", summary="Prepare or start a data flow")
    def c3(verb: str, body: Signal, request: Request, response: Response) -> Reply:
        consumer = connector(request)
        if verb not in ("prepare", "start"):
            raise Refusal(404, "not-found", "there is prepare and start")
        state = "preparing" if verb == "prepare" else "starting"
        transfer = service.transfers.begin(consumer, "c3", body.process, body.dataset, body.callback, state)
        if transfer["state"] != state:
            transfer = service.transfers.want(transfer, state)
        return _reply(service, transfer, response)

    @routes.post("/c3/{process}/{verb}", summary="Suspend, resume, terminate or complete a data flow")
    async def signal(process: str, verb: str, request: Request, response: Response) -> Reply:
        return await run_in_threadpool(_signal, service, connector(request), process, verb, response)

    @routes.get("/c3/{process}/status", summary="The state of a data flow")
    def status(process: str, request: Request, response: Response) -> Reply:
        return _reply(service, _known(service, connector(request), "c3", process), response, address=False)

    return routes


def _provision(
    service: Service, consumer: Consumer, protocol: str, asset: str, body: ProvisionC1 | ProvisionC2
) -> Reply:
    """Take a request of c1 or c2: it is in process when this returns."""
    process, resource = body.process, body.resource
    if body.type == "provision":
        service.transfers.begin(consumer, protocol, process, asset, body.callback, "provisioning", resource)
        return {}
    if body.type != "deprovision":
        raise Refusal(400, "invalid", "a request is of the type provision or deprovision")
    transfer = _known(service, consumer, protocol, process, resource)
    if transfer["state"] not in ("deprovisioning", "deprovisioned"):
        service.transfers.end(transfer, "deprovisioning")
    return {}


def _signal(service: Service, consumer: Consumer, process: str, verb: str, response: Response) -> Reply:
    transfer = _known(service, consumer, "c3", process)
    if verb == "suspend":
        service.transfers.suspend(transfer)
    elif verb == "resume":
        service.transfers.want(transfer, "starting")
    elif verb in ("terminate", "completed"):
        if transfer["state"] not in ("terminated", "completed"):
            service.transfers.end(transfer, "terminated" if verb == "terminate" else "completed")
    elif verb != "started":
        raise Refusal(404, "not-found", "there is suspend, resume, terminate, started and completed")
    return _reply(service, _known(service, consumer, "c3", process), response, address=verb == "resume")


def _known(service: Service, consumer: Consumer, protocol: str, process: str, resource: str = "") -> Row:
    transfer = service.transfers.find(consumer, protocol, process, resource)
    if transfer is None:
        raise Refusal(404, "not-found", "there is no such transfer")
    return transfer


def _reply(service: Service, transfer: Row, response: Response, *, address: bool = True) -> Reply:
    """The state of a data flow, with its data address where there is one. One that goes on is answered with 202."""
    state = _REPLIES[transfer["state"]]
    reply: Reply = {"state": state, "dataAddress": None, "error": transfer["message"] or None}
    if address and state in ("PREPARED", "STARTED"):
        run = service.runs.get(None, transfer["run"])
        output = service.catalog.get(run["asset"], run["version"]).given_out()
        reply["dataAddress"] = service.addresses.of(transfer["id"], run, output).signaling()
    if state.endswith("ING"):
        response.status_code = 202
    return reply
