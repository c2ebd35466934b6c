"""Field by field: what the embedded engine executes, what means nothing on one machine, what it refuses.

A type that is not in FIELDS is executed (or ignored) as a whole. Every field of a type that is stands in exactly one
of its three columns; a test holds the table against the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of a type: executed, without effect on one machine, and refused (with the reason)."""

    supported: frozenset[str]
    ignored: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)


def _fields(supported: str, ignored: str = "", **refused: str) -> Fields:
    return Fields(frozenset(supported.split()), frozenset(ignored.split()), refused)


_CLUSTER = "it needs a cluster"
_NO_NETWORK = "pods have no network of their own on this machine"
_NO_VOLUME = "no such volume exists on this machine; use emptyDir, configMap, secret, hostPath or persistentVolumeClaim"
_NO_STORE = "artifacts are kept in a folder, or in S3"
_LOCKS = "locks are not kept on this machine"

_TASK = "arguments continueOn hooks inline name onExit template templateRef when withItems withParam withSequence"
_STORES = dict.fromkeys(("artifactory", "azure", "gcs", "git", "hdfs", "oss", "plugin"), _NO_STORE)
_VOLUME_KINDS = (
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi ephemeral fc flexVolume flocker "
    "gcePersistentDisk gitRepo glusterfs image iscsi nfs "
    "photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)


def _container(*more: str) -> Fields:
    """Fields of a container, of the kind that has `more`."""
    return _fields(
        " ".join(("args command env envFrom image name resources volumeMounts workingDir", *more)),
        "imagePullPolicy lifecycle livenessProbe ports readinessProbe resizePolicy restartPolicy restartPolicyRules "
        "securityContext startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy tty",
        volumeDevices="there are no block devices to hand out on this machine",
    )


FIELDS: Mapping[str, Fields] = {
    "WorkflowSpec": _fields(
        "activeDeadlineSeconds arguments artifactRepositoryRef entrypoint hooks onExit parallelism podMetadata "
        "podResources podSpecPatch retryStrategy shutdown suspend templateDefaults templates volumeClaimTemplates "
        "volumes workflowMetadata workflowTemplateRef",
        "affinity archiveLogs artifactGC automountServiceAccountToken dnsConfig dnsPolicy executor hostAliases "
        "imagePullSecrets metrics nodeSelector podDisruptionBudget podGC podPriorityClassName priority "
        "resourceClaims schedulerName securityContext serviceAccountName tolerations ttlStrategy volumeClaimGC",
        executorPlugins="there are no executor plugins on this machine",
        hostNetwork=_NO_NETWORK,
        synchronization=_LOCKS,
    ),
    "Template": _fields(
        "activeDeadlineSeconds annotations archiveLocation container containerSet dag failFast initContainers "
        "inputs memoize metadata name outputs parallelism podResources podSpecPatch resource retryStrategy script "
        "sidecars steps suspend timeout volumes",
        "affinity automountServiceAccountToken executor hostAliases metrics nodeSelector pendingTimeout "
        "priorityClassName resourceClaims schedulerName securityContext serviceAccountName tolerations",
        daemon="daemon pods are not executed on this machine",
        data="data templates are not executed on this machine",
        http="http templates are not executed on this machine; call the address from a container",
        plugin="there are no executor plugins on this machine",
        synchronization=_LOCKS,
    ),
    "CronWorkflowSpec": _fields(
        "workflowMetadata workflowSpec",
        "concurrencyPolicy failedJobsHistoryLimit schedules startingDeadlineSeconds stopStrategy "
        "successfulJobsHistoryLimit suspend timezone when",
    ),
    "DAGTask": _fields(f"{_TASK} dependencies depends"),
    "WorkflowStep": _fields(_TASK),
    "ResourceTemplate": _fields(
        "action failureCondition manifest setOwnerReference successCondition",
        "flags",
        manifestFrom=_CLUSTER,
        mergeStrategy=_CLUSTER,
    ),
    "Container": _container(),
    "ScriptTemplate": _container("source"),
    "UserContainer": _container("mirrorVolumeMounts"),
    "ContainerNode": _container("dependencies"),
    "Artifact": _fields(
        "archive deleted from fromExpression globalName http mode name optional path raw recurseMode s3 subPath",
        "archiveLogs artifactGC",
        **_STORES,
    ),
    "ArtifactLocation": _fields("http raw s3", "archiveLogs", **_STORES),
    "HTTPArtifact": _fields(
        "headers url", "saveStreamViaFile", auth="only plain addresses are fetched on this machine"
    ),
    "ValueFrom": _fields(
        "configMapKeyRef default expression jsonPath parameter path supplied",
        event="there are no events on this machine",
        jqFilter=_CLUSTER,
    ),
    "EnvVarSource": _fields(
        "configMapKeyRef fieldRef secretKeyRef",
        fileKeyRef="files of keys are not read on this machine",
        resourceFieldRef="nothing limits a container's resources on this machine",
    ),
    "Volume": _fields(
        "configMap downwardAPI emptyDir hostPath name persistentVolumeClaim projected secret",
        **dict.fromkeys(_VOLUME_KINDS.split(), _NO_VOLUME),
    ),
    "VolumeProjection": _fields(
        "configMap downwardAPI secret",
        clusterTrustBundle=_CLUSTER,
        podCertificate=_CLUSTER,
        serviceAccountToken=_CLUSTER,
    ),
    "RetryStrategy": _fields("backoff expression limit retryPolicy", "affinity"),
}

TITLES: Mapping[str, str] = {
    "WorkflowSpec": "Workflow, WorkflowTemplate, ClusterWorkflowTemplate: spec",
    "CronWorkflowSpec": "CronWorkflow: spec (a run of it is one of its workflows, at once)",
    "Template": "spec.templates",
    "DAGTask": "a DAG's task",
    "WorkflowStep": "a step",
    "Container": "container",
    "ScriptTemplate": "script",
    "UserContainer": "sidecars, initContainers",
    "ContainerNode": "containerSet.containers",
    "ResourceTemplate": "resource (creates a ConfigMap, or a Workflow of a template and follows it; nothing else)",
    "Artifact": "an artifact",
    "ArtifactLocation": "archiveLocation",
    "HTTPArtifact": "http of an artifact",
    "ValueFrom": "valueFrom of a parameter",
    "EnvVarSource": "valueFrom of an environment variable",
    "Volume": "volumes",
    "VolumeProjection": "sources of a projected volume",
    "RetryStrategy": "retryStrategy",
}
