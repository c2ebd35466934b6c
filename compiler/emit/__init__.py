"""A plan -> Kubernetes objects: WorkflowTemplate or Workflow, CronWorkflow, ConfigMaps, NetworkPolicies."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from compiler.emit.pods import pod_security, toleration
from compiler.emit.templates import artifact_argument, s3, template
from compiler.labels import BOUNDED
from compiler.plan import (
    INPUT_ARTIFACTS,
    ConfigMap,
    Network,
    Parameter,
    PodSecurity,
    Schedule,
    Settings,
    WorkflowPlan,
    compact,
)

__all__ = ["Form", "emit_workflow", "policy"]

Form: TypeAlias = Literal["template", "workflow"]
Object = dict[str, Any]

_API = "argoproj.io/v1alpha1"
# Of the cluster alone: port 53 of anybody would be a way out. The second is NodeLocal DNSCache's.
_DNS = [
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
    {"ipBlock": {"cidr": "169.254.20.10/32"}},
]


def emit_workflow(plan: WorkflowPlan, form: Form) -> list[Object]:
    """The objects of one DAG: its ConfigMaps, its WorkflowTemplate (or Workflow), its CronWorkflow."""
    objects = [_config_map(plan, config_map) for config_map in plan.config_maps]
    kind = "WorkflowTemplate" if form == "template" else "Workflow"
    name = {"name": plan.name} if form == "template" else {"generateName": f"{plan.name}-"}
    objects.append({"apiVersion": _API, "kind": kind, "metadata": _metadata(plan, name), "spec": _spec(plan)})
    if plan.schedule is not None and form == "template":
        objects.append(_cron(plan, plan.schedule))
    return [*objects, *(policy(network, plan.settings.namespace) for network in plan.networks)]


def _metadata(plan: WorkflowPlan, name: Object) -> Object:
    metadata = dict(name)
    if plan.settings.namespace:
        metadata["namespace"] = plan.settings.namespace
    if plan.labels:
        metadata["labels"] = dict(plan.labels)
    if plan.annotations:
        metadata["annotations"] = dict(plan.annotations)
    return metadata


def _spec(plan: WorkflowPlan) -> Object:
    settings = plan.settings
    spec: Object = {"entrypoint": plan.entrypoint}
    if plan.on_exit:
        spec["onExit"] = plan.on_exit
    if arguments := _arguments(plan):
        spec["arguments"] = arguments
    spec |= _accounts(settings)
    spec |= _limits(settings)
    spec["securityContext"] = pod_security(PodSecurity())
    spec["artifactGC"] = {"strategy": "Never"}
    spec["workflowMetadata"] = {"labels": dict(plan.labels), "annotations": dict(plan.annotations)}
    if settings.store is not None:
        # Of what Argo stores besides the declared outputs (logs, where the controller archives them).
        location = s3(settings.store, f"{plan.prefix}/{{{{pod.name}}}}")
        spec["templateDefaults"] = {"archiveLocation": {"s3": location}}
    spec["templates"] = [template(model, settings.store) for model in plan.templates]
    return spec


def _arguments(plan: WorkflowPlan) -> Object:
    arguments: Object = {}
    artifacts = [artifact_argument(artifact, plan.settings.store) for artifact in plan.artifacts]
    parameters = [_parameter(parameter) for parameter in plan.parameters]
    if plan.hands_on:
        parameters.append({"name": INPUT_ARTIFACTS, "value": compact(artifacts)})
    if parameters:
        arguments["parameters"] = parameters
    if artifacts:
        arguments["artifacts"] = artifacts
    return arguments


def _parameter(model: Parameter) -> Object:
    made: Object = {"name": model.name}
    if model.value is not None:
        made["value"] = model.value
    if model.enum:
        made["enum"] = list(model.enum)
    if model.description:
        made["description"] = model.description
    return made


def _accounts(settings: Settings) -> Object:
    """Argo's executor needs a token; the main container goes without only where the executor has its own account."""
    made: Object = {}
    if settings.service_account:
        made["serviceAccountName"] = settings.service_account
    if settings.executor_service_account:
        made["executor"] = {"serviceAccountName": settings.executor_service_account}
        made["automountServiceAccountToken"] = False
    if settings.image_pull_secrets:
        made["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    if settings.node_selector:
        made["nodeSelector"] = dict(settings.node_selector)
    if settings.tolerations:
        made["tolerations"] = [toleration(item) for item in settings.tolerations]
    return made


def _limits(settings: Settings) -> Object:
    made: Object = {}
    if settings.deadline is not None:
        made["activeDeadlineSeconds"] = settings.deadline
    if settings.parallelism is not None:
        made["parallelism"] = settings.parallelism
    if settings.mutex:
        made["synchronization"] = {"mutexes": [{"name": settings.mutex}]}
    if settings.ttl:
        made["ttlStrategy"] = dict(settings.ttl)
    if settings.pod_gc:
        made["podGC"] = {"strategy": settings.pod_gc}
    return made


def _config_map(plan: WorkflowPlan, model: ConfigMap) -> Object:
    metadata: Object = {"name": model.name}
    if plan.settings.namespace:
        metadata["namespace"] = plan.settings.namespace
    metadata["labels"] = dict(plan.labels)
    made: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True}
    if model.data:
        made["data"] = dict(model.data)
    if model.binary:
        made["binaryData"] = dict(model.binary)
    return made


def policy(network: Network, namespace: str = "") -> Object:
    """Make the NetworkPolicy of an extended asset: its pods reach the cluster's DNS and the addresses in its bounds.

    Its name says what it allows, so that one of another version or profile never adds to it.
    """
    metadata: Object = {"name": network.name}
    if namespace:
        metadata["namespace"] = namespace
    names = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    allowed = [{"ipBlock": {"cidr": address}} for address in network.egress]
    egress: list[Object] = [{"to": _DNS, "ports": names}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {
            "podSelector": {"matchLabels": {BOUNDED: network.name}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [*egress, {"to": allowed}] if allowed else egress,
        },
    }


def _cron(plan: WorkflowPlan, schedule: Schedule) -> Object:
    spec: Object = {"schedules": list(schedule.cron)}
    if schedule.timezone:
        spec["timezone"] = schedule.timezone
    spec["concurrencyPolicy"] = schedule.concurrency
    if schedule.suspend:
        spec["suspend"] = True
    for name, value in (
        ("startingDeadlineSeconds", schedule.starting_deadline),
        ("successfulJobsHistoryLimit", schedule.keep_succeeded),
        ("failedJobsHistoryLimit", schedule.keep_failed),
    ):
        if value is not None:
            spec[name] = value
    spec["workflowSpec"] = {"workflowTemplateRef": {"name": plan.name}}
    return {"apiVersion": _API, "kind": "CronWorkflow", "metadata": _metadata(plan, {"name": plan.name}), "spec": spec}
