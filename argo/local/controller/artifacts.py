"""Where artifacts lie: locations of inputs and outputs, references between them, keys in the default repository.

Facts: Argo pkg/apis/workflow/v1alpha1 (ArtifactLocation), workflow/controller/scope.go (resolveArtifact).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import replace, without
from argo.local.controller.patch import merge
from argo.local.controller.scope import Scope
from argo.workflow.kinds import location_of
from compiler.manifest_types import Arguments, Artifact, ArtifactLocation, S3Artifact, Template

_KEYED = {"s3": "key", "gcs": "key", "oss": "key", "azure": "blob", "hdfs": "path", "artifactory": "url"}
DEFAULT_KEY = "{{workflow.name}}/{{pod.name}}"


def key(artifact: Artifact) -> str:
    return str(_place(artifact).get(_KEYED.get(location_of(artifact), "key"), ""))


def _place(artifact: Artifact) -> Mapping[str, object]:
    """The fields of the artifact's location; none when it has no location."""
    found = artifact.get(location_of(artifact))
    return found if isinstance(found, dict) else {}


def with_sub_path(artifact: Artifact, sub_path: str) -> Artifact:
    """The artifact one folder or file deeper. Raises ReconcileError where a location has no key."""
    kind = location_of(artifact)
    field = _KEYED.get(kind)
    if field is None:
        raise ReconcileError(f"artifact {artifact.get('name', '')} has no key that a subPath could be added to")
    deeper = f"{str(_place(artifact).get(field, '')).rstrip('/')}/{sub_path.lstrip('/')}"
    return merge(artifact, {kind: {field: deeper}})


def resolve(scope: Scope, artifact: Artifact) -> Artifact:
    """Return the artifact that `from` or `fromExpression` names, under this artifact's name. Raises ReconcileError."""
    if artifact.get("fromExpression"):
        found = scope.evaluate(artifact["fromExpression"])
    else:
        found = scope.resolve(artifact["from"])
    if not isinstance(found, dict):
        reference = artifact.get("from") or artifact["fromExpression"]
        raise ReconcileError(f"Variable {{{{{reference}}}}} is not an artifact")
    place = cast("Artifact", found)
    if artifact.get("subPath"):
        place = with_sub_path(place, replace(artifact["subPath"], scope.parameters({})))
    return {**place, "name": artifact["name"]}


def resolve_all(scope: Scope, arguments: Arguments, optional_on_any_error: bool) -> Arguments:
    """Arguments with every artifact reference resolved; an optional one that is not there is left out."""
    resolved: list[Artifact] = []
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


def place_outputs(template: Template, repository: ArtifactLocation, pod_name: str) -> Template:
    """The template with a final location on each output artifact, and key-only ones in the repository's bucket.

    `repository` is the location of the archive: the template's archiveLocation, or the default repository.
    """
    outputs = template.get("outputs") or {}
    if not outputs.get("artifacts"):
        return template
    placed = [_placed(artifact, repository, pod_name) for artifact in outputs["artifacts"]]
    return {**template, "outputs": {**outputs, "artifacts": placed}}


def place_inputs(template: Template, repository: ArtifactLocation) -> Template:
    """The template with key-only input artifacts completed from the repository."""
    inputs = template.get("inputs") or {}
    if not inputs.get("artifacts"):
        return template
    placed = [completed(artifact, repository) for artifact in inputs["artifacts"]]
    return {**template, "inputs": {**inputs, "artifacts": placed}}


def completed(artifact: Artifact, repository: ArtifactLocation) -> Artifact:
    """A key-only location filled with the repository's other fields."""
    kind = location_of(artifact)
    if kind != "s3" or artifact["s3"].get("bucket") or "s3" not in repository:
        return artifact
    shared = without(repository["s3"], "key")
    return {**artifact, "s3": {**shared, **artifact["s3"]}}


def _placed(artifact: Artifact, repository: ArtifactLocation, pod_name: str) -> Artifact:
    if location_of(artifact):
        return completed(artifact, repository)
    base = repository.get("s3") or S3Artifact()
    prefix = str(base.get("key", "")).rstrip("/")
    name = artifact["name"] if "none" in (artifact.get("archive") or {}) else f"{artifact['name']}.tgz"
    return {**artifact, "s3": {**base, "key": f"{prefix}/{name}" if prefix else f"{pod_name}/{name}"}}


def archive_location(template: Template, globals_: dict[str, str], pod_name: str) -> ArtifactLocation:
    """Where a template's artifacts go that say nothing themselves; tags are replaced."""
    own = template.get("archiveLocation") or {}
    chosen: ArtifactLocation = {"s3": own["s3"]} if own.get("s3") else {"s3": {"key": DEFAULT_KEY}}
    if not chosen["s3"].get("key"):
        chosen = {"s3": {**chosen["s3"], "key": DEFAULT_KEY}}
    return replace(chosen, {**globals_, "pod.name": pod_name})
