"""A run's results into its consumer's own bucket: a last task of the Workflow, by Argo's own upload, with credentials
that write below one prefix of that bucket and end by themselves.

The results are stored where all are first; so a delivery that fails fails the run, and loses nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from argo.errors import UsageError
from argo.local.controller.fields import filled, only
from compiler.manifest_types import Artifact, Object, S3Artifact, Template, Workflow

if TYPE_CHECKING:
    from argo.storage import Store

TASK: Final = "deliver"
_TEMPLATE: Final = "argosy-deliver"
_IMAGE: Final = "busybox:1.37"
_IN, _OUT = "/deliver/in", "/deliver/out"
_COPY: Final = f"set -e; cd {_IN}; for each in *; do mkdir -p {_OUT}/$each; cp -a $each/. {_OUT}/$each/; done"
_LASTS: Final = 7 * 86400  # seconds: the longest that STS gives
_ACTIONS: Final = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
_FROM: Final = re.compile(r"\{\{tasks\.([^.}]+)\.outputs\.artifacts\.([^.}]+)\}\}")
SUFFIX: Final = {"tar": ".tar.gz", "zip": ".zip"}


def prefix(run: Mapping[str, Any]) -> str:
    """Where a run's results are in its consumer's bucket: no two runs have the same."""
    return f"{run['asset']}/{run['id']}"


def add(workflow: Workflow, store: Store, bucket: str, below: str, in_cluster: S3Artifact) -> list[Object]:
    """Have the Workflow deliver its results to a bucket of the store, below a prefix; the Secret that this needs.

    `in_cluster` is the location of the profile's store as pods reach it. Raises UsageError, StoreError.
    """
    spec = workflow["spec"]
    templates = {template["name"]: template for template in spec["templates"]}
    entry = templates[spec["entrypoint"]]
    given = (entry.get("outputs") or {}).get("artifacts") or []
    if not given:
        return []
    (task,) = entry["dag"]["tasks"]
    made = {artifact["name"]: artifact for artifact in templates[task["template"]]["outputs"]["artifacts"]}
    secret = f"{workflow['metadata']['name']}-storage"
    where, objects = _credentials(store, bucket, below, secret, in_cluster)
    inputs, outputs, arguments = list[Artifact](), list[Artifact](), list[Artifact]()
    for artifact in given:
        found = _FROM.fullmatch(artifact["from"])
        if found is None:
            raise UsageError(f"the result {artifact['name']} cannot be delivered: it is computed")
        name, source = artifact["name"], made[found[2]]
        optional = filled(only(source, "optional"))
        file = source["path"].rstrip("/").rpartition("/")[2]
        archive = source.get("archive") or {"tar": {}}
        suffix = next((SUFFIX[kind] for kind in archive if kind in SUFFIX), "")
        inputs.append({"name": name, "path": f"{_IN}/{name}/{file}", **optional})
        location: S3Artifact = {**where, "bucket": bucket, "key": f"{below}/{file.removesuffix(suffix)}{suffix}"}
        outputs.append({"name": name, "path": f"{_OUT}/{name}/{file}", "archive": archive, "s3": location, **optional})
        arguments.append({"name": name, "from": artifact["from"], **optional})
    entry["dag"]["tasks"].append(
        {"name": TASK, "template": _TEMPLATE, "depends": task["name"], "arguments": {"artifacts": arguments}}
    )
    spec["templates"].append(_template(inputs, outputs))
    return objects


def _credentials(
    store: Store, bucket: str, below: str, secret: str, in_cluster: S3Artifact
) -> tuple[S3Artifact, list[Object]]:
    """The part of a location that all results share, and the Secret with what opens it."""
    from argo.storage.s3 import S3Store

    place = store.with_bucket(bucket)
    if not isinstance(place, S3Store):  # a folder of this machine: its own user writes there
        return {}, []
    given = place.temporary(f"{below}/*", _LASTS, *_ACTIONS)
    values = {
        "accesskey": given["accessKeyId"], "secretkey": given["secretAccessKey"],
        "sessiontoken": given["sessionToken"],
    }  # fmt: skip
    data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    made: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "type": "Opaque", "data": data}
    scheme, _, endpoint = given["endpointOverride"].partition("://")
    location: S3Artifact = {
        "endpoint": endpoint,
        "region": given["region"],
        "accessKeySecret": {"name": secret, "key": "accesskey"},
        "secretKeySecret": {"name": secret, "key": "secretkey"},
        "sessionTokenSecret": {"name": secret, "key": "sessiontoken"},
    }
    if scheme == "http":
        location["insecure"] = True
    return {**location, **only(in_cluster, "endpoint", "insecure")}, [made]


def _template(inputs: list[Artifact], outputs: list[Artifact]) -> Template:
    return {
        "name": _TEMPLATE,
        "inputs": {"artifacts": inputs},
        "outputs": {"artifacts": outputs},
        "retryStrategy": {"limit": "3", "retryPolicy": "OnError", "backoff": {"duration": "5s", "factor": "2"}},
        "volumes": [{"name": "out", "emptyDir": {}}],
        "container": {
            "image": _IMAGE,
            "command": ["sh", "-c"],
            "args": [_COPY],
            "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
            "volumeMounts": [{"name": "out", "mountPath": _OUT}],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        },
    }
