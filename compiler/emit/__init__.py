"""A plan -> Kubernetes objects: WorkflowTemplate or Workflow, CronWorkflow, ConfigMaps, NetworkPolicies."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from compiler import plan
from compiler.emit.pods import fields, pod_security, toleration
from compiler.emit.templates import artifact_argument, s3, template
from compiler.labels import BOUNDED

__all__ = ["Form", "emit_workflow", "policy"]

Form: TypeAlias = Literal["template", "workflow"]
Object = dict[str, Any]

_API = "argoproj.io/v1alpha1"
# Of the cluster alone: port 53 of anybody would be a way out. The second is NodeLocal DNSCache's.
_DNS = [
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
    {"ipBlock": {"cidr": "169.254.20.10/32"}},
]


def emit_workflow(workflow: plan.WorkflowPlan, form: Form) -> list[Object]:
    """The objects of one DAG: its ConfigMaps, its WorkflowTemplate (or Workflow), its CronWorkflow."""
    name = {"name": workflow.name} if form == "template" else {"generateName": f"{workflow.name}-"}
    kind = "WorkflowTemplate" if form == "template" else "Workflow"
    whole = {"apiVersion": _API, "kind": kind, "metadata": _metadata(workflow, name), "spec": _spec(workflow)}
    objects = [*(_config_map(workflow, config_map) for config_map in workflow.config_maps), whole]
    if workflow.schedule is not None and form == "template":
        objects.append(_cron(workflow, workflow.schedule))
    return [*objects, *(policy(network, workflow.settings.namespace) for network in workflow.networks)]


def _metadata(workflow: plan.WorkflowPlan, name: Object) -> Object:
    labels, annotations = dict(workflow.labels), dict(workflow.annotations)
    return name | fields(namespace=workflow.settings.namespace, labels=labels, annotations=annotations)


def _spec(workflow: plan.WorkflowPlan) -> Object:
    settings, store = workflow.settings, workflow.settings.store
    spec = fields(entrypoint=workflow.entrypoint, onExit=workflow.on_exit, arguments=_arguments(workflow))
    spec |= _accounts(settings)
    spec |= fields(
        activeDeadlineSeconds=settings.deadline,
        parallelism=settings.parallelism,
        synchronization={"mutexes": [{"name": settings.mutex}]} if settings.mutex else {},
        ttlStrategy=dict(settings.ttl),
        podGC=fields(strategy=settings.pod_gc),
    )
    spec["securityContext"] = pod_security(plan.PodSecurity())
    spec["artifactGC"] = {"strategy": "Never"}
    spec["workflowMetadata"] = {"labels": dict(workflow.labels), "annotations": dict(workflow.annotations)}
    if store is not None:
        # Of what Argo stores besides the declared outputs (logs, where the controller archives them).
        location = s3(store, f"{workflow.prefix}/{{{{pod.name}}}}")
        spec["templateDefaults"] = {"archiveLocation": {"s3": location}}
    spec["templates"] = [template(model, store) for model in workflow.templates]
    return spec


def _arguments(workflow: plan.WorkflowPlan) -> Object:
    artifacts = [artifact_argument(artifact, workflow.settings.store) for artifact in workflow.artifacts]
    parameters = list(map(_parameter, workflow.parameters))
    if workflow.hands_on:
        parameters.append({"name": plan.INPUT_ARTIFACTS, "value": plan.compact(artifacts)})
    return fields(parameters=parameters, artifacts=artifacts)


def _parameter(model: plan.Parameter) -> Object:
    value = {} if model.value is None else {"value": model.value}
    return {"name": model.name} | value | fields(enum=list(model.enum), description=model.description)


def _accounts(settings: plan.Settings) -> Object:
    """Argo's executor needs a token; the main container goes without only where the executor has its own account."""
    made = fields(
        serviceAccountName=settings.service_account,
        executor=fields(serviceAccountName=settings.executor_service_account),
    )
    if settings.executor_service_account:
        made["automountServiceAccountToken"] = False
    return made | fields(
        imagePullSecrets=[{"name": name} for name in settings.image_pull_secrets],
        nodeSelector=dict(settings.node_selector),
        tolerations=list(map(toleration, settings.tolerations)),
    )


def _config_map(workflow: plan.WorkflowPlan, model: plan.ConfigMap) -> Object:
    metadata = fields(name=model.name, namespace=workflow.settings.namespace, labels=dict(workflow.labels))
    made: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True}
    return made | fields(data=dict(model.data), binaryData=dict(model.binary))


def policy(network: plan.Network, namespace: str = "") -> Object:
    """Make the NetworkPolicy of an extended asset: its pods reach the cluster's DNS and the addresses in its bounds.

    Its name says what it allows, so that one of another version or profile never adds to it.
    """
    names = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    allowed = [{"ipBlock": {"cidr": address}} for address in network.egress]
    egress: list[Object] = [{"to": _DNS, "ports": names}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": fields(name=network.name, namespace=namespace),
        "spec": {
            "podSelector": {"matchLabels": {BOUNDED: network.name}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [*egress, {"to": allowed}] if allowed else egress,
        },
    }


def _cron(workflow: plan.WorkflowPlan, schedule: plan.Schedule) -> Object:
    spec = fields(
        schedules=list(schedule.cron),
        timezone=schedule.timezone,
        concurrencyPolicy=schedule.concurrency,
        suspend=schedule.suspend,
        startingDeadlineSeconds=schedule.starting_deadline,
        successfulJobsHistoryLimit=schedule.keep_succeeded,
        failedJobsHistoryLimit=schedule.keep_failed,
    )
    spec["workflowSpec"] = {"workflowTemplateRef": {"name": workflow.name}}
    metadata = _metadata(workflow, {"name": workflow.name})
    return {"apiVersion": _API, "kind": "CronWorkflow", "metadata": metadata, "spec": spec}
