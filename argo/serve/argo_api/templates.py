"""Serves what is kept beside runs: WorkflowTemplates, ClusterWorkflowTemplates, CronWorkflows (not started)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import argo.local.state.kept as kept
from argo.local.controller.fields import only
from argo.serve.argo_api import shapes
from argo.serve.argo_api.admission import PLURALS, admit, sent, stamp
from argo.serve.argo_api.calls import Call, selectors
from argo.serve.argo_api.errors import ApiError, exists, not_found
from argo.serve.argo_api.shapes import Answer
from compiler.manifest_types import Object


class Kind(NamedTuple):
    """A kind that is kept, and the field of a request that holds one."""

    name: str
    field: str

    @property
    def plural(self) -> str:
        return PLURALS[self.name]

    def create(self, call: Call) -> Answer:
        """POST."""
        value = stamp(self._admitted(call, 3))
        value["metadata"]["resourceVersion"] = str(kept.tick(call.backend.state))
        if not kept.put(call.backend.state, value, new=True):
            raise exists(self.plural, value["metadata"]["name"])
        return shapes.kept(value)

    def update(self, call: Call) -> Answer:
        """PUT: the version that is given must be the newest."""
        there = self._there(call)["metadata"]
        value = self._admitted(call, 3)
        if value["metadata"].get("resourceVersion") not in (None, "", there["resourceVersion"]):
            raise ApiError(6, f'Operation cannot be fulfilled on {self.plural}.argoproj.io "{call.path["name"]}"', 409)
        value["metadata"] |= {**only(there, "uid", "creationTimestamp", "generation"), "name": call.path["name"]}
        return self._changed(call, value)

    def lint(self, call: Call) -> Answer:
        """POST …/lint."""
        return shapes.kept(self._admitted(call, 2))

    def get(self, call: Call) -> Answer:
        """GET of one."""
        return shapes.kept(self._there(call))

    def list(self, call: Call) -> Answer:
        """GET of all."""
        labels, fields = selectors(call.query)
        found = kept.listed(call.backend.state, self.name, self._namespace(call))
        items = [shapes.kept(value) for value in found if shapes.matches(value["metadata"], labels, fields)]
        return {"metadata": {"resourceVersion": str(kept.version(call.backend.state))}, "items": items}

    def delete(self, call: Call) -> Answer:
        """DELETE."""
        if not kept.delete(call.backend.state, self.name, self._namespace(call), call.path["name"]):
            raise not_found(self.plural, call.path["name"])
        return {}

    def suspended(self, wanted: bool) -> Callable[[Call], Answer]:
        """PUT …/suspend and …/resume of a schedule."""

        def handler(call: Call) -> Answer:
            value = self._there(call)
            value["spec"]["suspend"] = wanted
            return self._changed(call, value)

        return handler

    def _changed(self, call: Call, value: Object) -> Answer:
        value["metadata"]["generation"] += 1
        value["metadata"]["resourceVersion"] = str(kept.tick(call.backend.state))
        kept.put(call.backend.state, value, new=False)
        return shapes.kept(value)

    def _namespace(self, call: Call) -> str:
        return "" if self.name.startswith("Cluster") else call.namespace

    def _there(self, call: Call) -> Object:
        value = kept.get(call.backend.state, self.name, self._namespace(call), call.path["name"])
        if value is None:
            raise not_found(self.plural, call.path["name"])
        return value

    def _admitted(self, call: Call, code: int) -> Object:
        value = sent(call.body, self.field, self.name, self._namespace(call))
        admit(call.backend, value, code)
        return value


TEMPLATES = Kind("WorkflowTemplate", "template")
CLUSTER_TEMPLATES = Kind("ClusterWorkflowTemplate", "template")
SCHEDULES = Kind("CronWorkflow", "cronWorkflow")
