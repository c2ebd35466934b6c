"""Where artifacts lie: locations of inputs and outputs, references between them, keys in the default repository.

Facts: Argo pkg/apis/workflow/v1alpha1 (ArtifactLocation), workflow/controller/scope.go (resolveArtifact).
"""

from __future__ import annotations

from typing import Any

from argo.expressions import TemplateError, substitute
from argo.local.controller.errors import ReconcileError
from argo.local.controller.scope import Scope
from argo.local.pods import Json

LOCATIONS = ("s3", "raw", "http", "git", "gcs", "oss", "azure", "artifactory", "hdfs", "plugin")
_KEYED = {"s3": "key", "gcs": "key", "oss": "key", "azure": "blob", "hdfs": "path", "artifactory": "url"}
DEFAULT_KEY = "{{workflow.name}}/{{pod.name}}"


def location(artifact: Json) -> str:
    """The artifact's kind of location; empty when it has none."""
    return next((kind for kind in LOCATIONS if artifact.get(kind) is not None), "")


def has_location(artifact: Json) -> bool:
    """A location, or a key alone, which stands in the default repository."""
    kind = location(artifact)
    needed = {"http": ("url",), "s3": ("key", "bucket")}.get(kind, ())
    return bool(kind) and (not needed or any(artifact[kind].get(field) for field in needed))


def key(artifact: Json) -> str:
    kind = location(artifact)
    return str(artifact[kind].get(_KEYED.get(kind, "key"), "")) if kind else ""


def with_sub_path(artifact: Json, sub_path: str) -> Json:
    """The artifact one folder or file deeper. Raises ReconcileError where a location has no key."""
    kind = location(artifact)
    field = _KEYED.get(kind)
    if field is None:
        raise ReconcileError(f"artifact {artifact.get('name', '')} has no key that a subPath could be added to")
    deeper = f"{str(artifact[kind].get(field, '')).rstrip('/')}/{sub_path.lstrip('/')}"
    return {**artifact, kind: {**artifact[kind], field: deeper}}


def resolve(scope: Scope, artifact: Json) -> Json:
    """What `from` or `fromExpression` stands for, under this artifact's name. Raises ReconcileError."""
    if artifact.get("fromExpression"):
        found = scope.evaluate(artifact["fromExpression"])
    else:
        found = scope.resolve(artifact["from"])
    if not isinstance(found, dict):
        reference = artifact.get("from") or artifact["fromExpression"]
        raise ReconcileError(f"Variable {{{{{reference}}}}} is not an artifact")
    if artifact.get("subPath"):
        try:
            sub_path = substitute(artifact["subPath"], scope.parameters({}), allow_unresolved=True)
        except TemplateError as error:
            raise ReconcileError(str(error)) from error
        found = with_sub_path(found, sub_path)
    return {**found, "name": artifact["name"]}


def resolve_all(scope: Scope, arguments: Json, optional_on_any_error: bool) -> Json:
    """Arguments with every artifact reference resolved; an optional one that is not there is left out."""
    resolved = []
    for artifact in arguments.get("artifacts") or ():
        if not artifact.get("from") and not artifact.get("fromExpression"):
            resolved.append(artifact)
            continue
        try:
            resolved.append(resolve(scope, artifact))
        except ReconcileError as error:
            if artifact.get("optional") and (optional_on_any_error or "Unable to resolve" in str(error)):
                continue
            raise
    return {**arguments, "artifacts": resolved} if arguments.get("artifacts") else arguments


def place_outputs(template: Json, repository: Json, pod_name: str) -> Json:
    """The template with a final location on each output artifact, and key-only ones in the repository's bucket.

    `repository` is the location of the archive: the template's archiveLocation, or the default repository.
    """
    outputs = template.get("outputs") or {}
    if not outputs.get("artifacts"):
        return template
    placed = [_placed(artifact, repository, pod_name) for artifact in outputs["artifacts"]]
    return {**template, "outputs": {**outputs, "artifacts": placed}}


def place_inputs(template: Json, repository: Json) -> Json:
    """The template with key-only input artifacts completed from the repository."""
    inputs = template.get("inputs") or {}
    if not inputs.get("artifacts"):
        return template
    placed = [completed(artifact, repository) for artifact in inputs["artifacts"]]
    return {**template, "inputs": {**inputs, "artifacts": placed}}


def completed(artifact: Json, repository: Json) -> Json:
    """A key-only location filled with the repository's other fields."""
    kind = location(artifact)
    if kind != "s3" or artifact["s3"].get("bucket") or "s3" not in repository:
        return artifact
    shared = {field: value for field, value in repository["s3"].items() if field not in ("key", "keyFormat")}
    return {**artifact, "s3": {**shared, **artifact["s3"]}}


def _placed(artifact: Json, repository: Json, pod_name: str) -> Json:
    if location(artifact):
        return completed(artifact, repository)
    base: dict[str, Any] = dict(repository.get("s3") or {})
    prefix = str(base.get("key", "")).rstrip("/")
    name = artifact["name"] if "none" in (artifact.get("archive") or {}) else f"{artifact['name']}.tgz"
    return {**artifact, "s3": {**base, "key": f"{prefix}/{name}" if prefix else f"{pod_name}/{name}"}}


def archive_location(template: Json, globals_: dict[str, str], pod_name: str) -> Json:
    """Where a template's artifacts go that say nothing themselves; tags are replaced."""
    own = template.get("archiveLocation") or {}
    chosen = {"s3": own["s3"]} if own.get("s3") else {"s3": {"key": DEFAULT_KEY}}
    if not chosen["s3"].get("key"):
        chosen = {"s3": {**chosen["s3"], "key": DEFAULT_KEY}}
    return substitute(chosen, {**globals_, "pod.name": pod_name}, allow_unresolved=True)
