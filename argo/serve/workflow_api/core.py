"""The service: its parts, put together, and who may do what."""

from __future__ import annotations

import logging
import secrets

from starlette.requests import Request

from argo.local.turns import limit
from argo.serve.refusal import Refusal
from argo.serve.workflow_api.catalog import Catalog, OfferedAsset
from argo.serve.workflow_api.consumers import Caller, Consumers
from argo.serve.workflow_api.database import Database, Row
from argo.serve.workflow_api.edc import transfers
from argo.serve.workflow_api.edc.address import Addresses
from argo.serve.workflow_api.edc.deliver import Deliverer
from argo.serve.workflow_api.hub import Hub
from argo.serve.workflow_api.identity import Identity
from argo.serve.workflow_api.inputs import Inputs
from argo.serve.workflow_api.outbox import Outbox
from argo.serve.workflow_api.place import TargetBackend
from argo.serve.workflow_api.results import Results
from argo.serve.workflow_api.runs import Runs
from argo.serve.workflow_api.sessions import require_reachable
from argo.serve.workflow_api.settings import Settings
from argo.serve.workflow_api.work import Work
from argo.serve.workflow_api.worker import Worker

log = logging.getLogger("argosy.service")


class Service:
    """One copy of the service."""

    def __init__(self, settings: Settings, database: Database) -> None:
        from compiler.models.service import Edc

        self.settings = settings
        self.database = database
        self.place = TargetBackend(settings.target, settings.in_cluster)
        if self.place.local is not None:
            limit(self.place.local.home, settings.limits.engines)
        self.catalog = Catalog(settings.assets, profile=settings.target.profile, project_file=settings.project_file)
        self.consumers = Consumers(database)
        self.identity = Identity(self.consumers, settings.oidc)
        self.inputs = Inputs(database, settings.limits, self.place)
        self.runs = Runs(database, settings.limits)
        self.results = Results(database, self.place)
        self.outbox = Outbox(database, secrets.token_hex(8))
        self.hub = Hub(database)
        options = settings.edc or Edc()
        self.transfers = transfers.Transfers(database, self.catalog, self.runs, options.callbacks)
        self.addresses = Addresses(database, self.results, options, settings.public_url)
        deliverer = Deliverer(database, self.outbox, self.catalog, self.addresses, options, settings.api_key)
        work = Work(database, self.outbox, self.catalog, self.place, transfers.ended)
        handlers = {
            "submit": work.submit, "track": work.track, "stop": work.stop, "remove": work.remove, "forget": work.forget,
            "callback": deliverer.deliver,
        }  # fmt: skip
        self.unkept: list[str] = []  # what of the bounds of extended assets is not kept, in words
        self.worker = Worker(database, self.outbox, handlers, self.place.revive, self.look_at_bounds)

    def close(self) -> None:
        """Let go of everything."""
        self.place.backend.close()
        self.database.close()

    def allowed(self, request: Request, scope: str | None = None) -> Caller:
        """Who calls, where that may do what the scope says. Raises Refusal: 403."""
        caller: Caller = request.state.caller
        if scope is not None and scope not in caller.scopes:
            raise Refusal(403, "forbidden", f"the token does not have the scope {scope}")
        return caller

    def run(self, request: Request, run: str, scope: str) -> Row:
        """A run of whoever calls. Raises Refusal."""
        return self.runs.get(self.allowed(request, scope).consumer, run)

    def require_possible(self, offered: OfferedAsset) -> None:
        """Raises Refusal for an asset whose runs the place could not keep apart, or lead nobody to."""
        if offered.model.mode == "extended":
            if not self.place.isolated:
                message = "what consumers bring is not run as a mere process"
                raise Refusal(409, "bounds:executor", message, hint="use podman or docker, or a cluster")
            for rule, message, hint in self.place.unkept(offered.model, self.settings.profile):
                raise Refusal(409, f"bounds:{rule}", message, hint=hint)
        if offered.model.mode == "interactive":
            require_reachable(self.catalog, self.place, offered)

    def look_at_bounds(self) -> None:
        """Say, in the log and to who asks whether the service is well, what bounds of extended assets are not kept."""
        models = [offered.model for offered in self.catalog.all() if offered.model.mode == "extended"]
        found = [broken for model in models for broken in self.place.unkept(model, self.settings.profile)]
        self.unkept = [message for _, message, _ in found]
        if models:
            self.unkept += self.place.missing_policies()
        for message in self.unkept:
            log.warning("bounds are not kept", extra={"reason": message})

    def public_url(self, request: Request) -> str:
        """How the service is reached from outside."""
        return self.settings.public_url or str(request.base_url).rstrip("/")
