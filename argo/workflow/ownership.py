"""ConfigMaps and stored inputs of a run: names of its own, and where on the store its objects lie."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from argo.backend import FINISHED, RunRef
from argo.errors import ConflictError
from argo.workflow.values import text
from compiler.labels import DAG
from compiler.manifest_types import Object, ObjectMeta, Workflow

if TYPE_CHECKING:
    from argo.storage import Store

_REFERENCES = ("configMapKeyRef", "configMapRef", "configMap")
_GIVEN = ("name", "namespace", "labels", "annotations")  # of metadata: by whoever submits
_SHARED = ("synchronization", "cache")  # what runs have in common: semaphores, memoized results


def own_config_maps(workflow: Workflow, objects: Sequence[Object], run: str) -> list[Object]:
    """The objects, ConfigMaps among them under names of the run `run`, which `workflow` now refers to by these.

    A compiled ConfigMap's name is the value of a parameter (`env_config`): it becomes `<run>-env`. One that a manifest
    names in its own text becomes `<run>-<name>`. One that nothing names keeps its name, or is left out where it was
    compiled: two runs would both want to make it.
    """
    spec = workflow["spec"]
    parameters = (spec.get("arguments") or {}).get("parameters") or []
    named: dict[str, str] = {}
    for parameter in parameters:
        named.setdefault(text(parameter.get("value")), parameter["name"])
    literal = {reference["name"] for reference in _references(spec)}
    names: dict[str, str] = {}
    made = []
    for given in objects:
        if given["kind"] != "ConfigMap":
            made.append(given)
            continue
        value = copy.deepcopy(given)
        old = value["metadata"]["name"]
        if old in named:
            names[old] = _new(run, _stem(named[old]), names)
        elif old in literal:
            names[old] = _new(run, old, names)
        elif DAG in (value["metadata"].get("labels") or {}):
            continue
        value["metadata"]["name"] = names.get(old, old)
        value["metadata"].pop("namespace", None)
        made.append(value)
    for parameter in parameters:
        if (name := str(parameter.get("value"))) in names:
            parameter["value"] = names[name]
    for reference in _references(spec):
        reference["name"] = names.get(reference["name"], reference["name"])
    return made


def unborn(workflow: Workflow) -> Workflow:
    """The Workflow as it may be submitted anew: without its status and what a cluster gave it."""
    metadata = {key: value for key, value in workflow["metadata"].items() if key in _GIVEN}
    made: Workflow = {**workflow, "metadata": cast("ObjectMeta", metadata)}
    made.pop("status", None)
    return made


def input_prefixes(workflow: Workflow) -> list[str]:
    """The key prefixes of what was uploaded for a run, by its artifacts' arguments."""
    metadata = workflow["metadata"]
    base = f"runs/{metadata.get('namespace', '')}/{metadata['name']}/"
    found: dict[str, None] = {}
    for artifact in (workflow["spec"].get("arguments") or {}).get("artifacts") or ():
        key = (artifact.get("s3") or {}).get("key") or ""
        owner, slash, rest = key.removeprefix(base).partition("/")
        if key.startswith(base) and slash and rest.startswith("inputs/"):
            found[f"{base}{owner}/inputs/"] = None
    return [*found]


def require_removable(workflow: Workflow) -> None:
    """Raises ConflictError for a run that has not ended."""
    name = workflow["metadata"]["name"]
    if (workflow.get("status") or {}).get("phase") not in FINISHED:
        raise ConflictError(f"{name} still runs", known="nothing was removed", hint=f"argosy stop {name}")


def remove_stored(ref: RunRef, workflow: Workflow, store: Store) -> None:
    """Remove what a run has stored and what was uploaded for it. Raises StoreError."""
    for prefix in (f"runs/{ref.namespace}/{ref.name}/{ref.uid}/", *input_prefixes(workflow)):
        remove_below(store, prefix)


def remove_below(store: Store, prefix: str) -> None:
    """Remove all objects whose keys begin so. Raises StoreError."""
    for info in [*store.list(prefix)]:
        store.delete(info.key)


def _stem(parameter: str) -> str:
    """`env_config` -> `env`, `input_settings` -> `settings`, `nested_files_config` -> `nested-files`."""
    return parameter.removeprefix("input_").removesuffix("_config").replace("_", "-").lower()


def _new(run: str, stem: str, names: Mapping[str, str]) -> str:
    name, number = f"{run}-{stem}", 1
    while name in names.values():
        number += 1
        name = f"{run}-{stem}-{number}"
    return name


def _references(value: Any) -> Iterator[dict[str, str]]:
    """The parts of a spec that name a ConfigMap, without those that runs share."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _REFERENCES and isinstance(inner, dict) and isinstance(inner.get("name"), str):
                yield inner
            if key not in _SHARED:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
