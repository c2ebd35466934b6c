"""ConfigMaps of a run where nothing but an Argo Server is there: first tasks make them, owned by the Workflow.

A `resource` task with `setOwnerReference` makes one ConfigMap each, before anything else of the entry template. Its
manifest is JSON in which `{` of the data is written as an escape, so that Argo's templating finds nothing in it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence

from argo.errors import UsageError
from compiler.labels import CONFIG_MAPS
from compiler.manifest_types import Arguments, DAGTemplate, Inputs, Object, Outputs, Template, Workflow, WorkflowStep

_NAME = "argosy-config"
_ENTRY = "argosy-entry"
_INNER = "main"  # the step that calls a wrapped entry template


def embed(workflow: Workflow, config_maps: Sequence[Object]) -> Workflow:
    """The Workflow with tasks that make the ConfigMaps first, before whoever reads them.

    Raises UsageError for a Workflow whose entry template is elsewhere.
    """
    made = copy.deepcopy(workflow)
    if not config_maps:
        return made
    spec = made["spec"]
    templates: list[Template] = spec.setdefault("templates", [])
    used = {template["name"] for template in templates}
    entry = next((t for t in templates if t["name"] == spec.get("entrypoint")), None)
    if entry is None:
        raise UsageError(
            "the ConfigMaps of a Workflow whose entry template is elsewhere cannot be made over an Argo Server",
            hint="submit with a profile that names a kubeconfig context",
        )
    added = [_free(_NAME, used) for _ in config_maps]
    note: dict[str, object] = {"templates": added}
    if "dag" in entry:
        _before_tasks(entry["dag"], added)
    elif "steps" in entry:
        entry["steps"].insert(0, [{"name": name, "template": name} for name in added])
    else:
        note["entrypoint"] = spec["entrypoint"]
        spec["entrypoint"] = _free(_ENTRY, used)
        note["templates"] = [*added, spec["entrypoint"]]
        templates.append(_wrapped(spec["entrypoint"], entry, spec.get("arguments") or {}, added))
    templates += [_template(name, config_map) for name, config_map in zip(added, config_maps, strict=True)]
    made["metadata"].setdefault("annotations", {})[CONFIG_MAPS] = json.dumps(note)
    return made


def extract(workflow: Workflow) -> tuple[Workflow, list[Object]]:
    """The Workflow as it was before `embed`, and the ConfigMaps."""
    made = copy.deepcopy(workflow)
    annotations = made["metadata"].get("annotations") or {}
    text = annotations.pop(CONFIG_MAPS, None)
    if text is None:
        return made, []
    if not annotations:
        del made["metadata"]["annotations"]
    note = json.loads(text)
    spec = made["spec"]
    own: list[Template] = []
    added: list[Template] = []
    for template in spec["templates"]:
        (added if template["name"] in note["templates"] else own).append(template)
    spec["templates"] = own
    entry = next(template for template in own if template["name"] == note.get("entrypoint", spec["entrypoint"]))
    if "entrypoint" in note:
        spec["entrypoint"] = note["entrypoint"]
    elif "dag" in entry:
        _after_tasks(entry["dag"], {*note["templates"]})
    else:
        entry["steps"] = entry["steps"][1:]
    return made, [json.loads(template["resource"]["manifest"]) for template in added if "resource" in template]


def manifest(config_map: Object) -> str:
    """A ConfigMap as the text of a `resource` task: JSON that holds no `{{` but those that are its own braces, and no
    dollar: the text reaches Argo's executor in a variable, which Kubernetes expands."""
    value = {"apiVersion": "v1", "kind": "ConfigMap", **config_map}
    # An object stands behind a name, never right in another one: two braces together are text.
    return json.dumps(value, ensure_ascii=False, sort_keys=True).replace("{{", "\\u007b\\u007b").replace("$", "\\u0024")


def _template(name: str, config_map: Object) -> Template:
    return {"name": name, "resource": {"action": "create", "setOwnerReference": True, "manifest": manifest(config_map)}}


def _before_tasks(dag: DAGTemplate, added: Sequence[str]) -> None:
    """Let the tasks that wait for none wait for those added, in the words that the DAG uses."""
    tasks = dag["tasks"]
    speaks_depends = any(task.get("depends") for task in tasks)
    for task in tasks:
        if not task.get("depends") and not task.get("dependencies"):
            if speaks_depends:
                task["depends"] = " && ".join(added)
            else:  # which goes with `continueOn`, too
                task["dependencies"] = [*added]
    tasks[:0] = [{"name": name, "template": name} for name in added]


def _after_tasks(dag: DAGTemplate, added: set[str]) -> None:
    dag["tasks"] = [task for task in dag["tasks"] if task["name"] not in added]
    for task in dag["tasks"]:
        if added.intersection(task.get("dependencies") or ()):
            del task["dependencies"]
        elif added.intersection((task.get("depends") or "").split(" && ")):
            del task["depends"]


def _wrapped(name: str, entry: Template, arguments: Arguments, added: Sequence[str]) -> Template:
    """Steps that make the ConfigMaps, then call a container or script as the Workflow would; its outputs are theirs."""
    arguments = _arguments(entry.get("inputs") or {}, arguments)
    call: WorkflowStep = {"name": _INNER, "template": entry["name"], "arguments": arguments}
    made: Template = {"name": name, "steps": [[{"name": n, "template": n} for n in added], [call]]}
    if outputs := _outputs(entry.get("outputs") or {}):
        made["outputs"] = outputs
    return made


def _arguments(inputs: Inputs, arguments: Arguments) -> Arguments:
    """The arguments of the Workflow that a template has inputs for, as one of its steps is given them."""
    values = _names(arguments.get("parameters"))
    artifacts = {item["name"]: item for item in arguments.get("artifacts") or ()}
    given: Arguments = {}
    if named := [n for n in _names(inputs.get("parameters")) if n in values]:
        given["parameters"] = [{"name": n, "value": f"{{{{workflow.parameters.{n}}}}}"} for n in named]
    if named := [n for n in _names(inputs.get("artifacts")) if n in artifacts]:
        given["artifacts"] = [artifacts[n] for n in named]
    return given


def _outputs(outputs: Outputs) -> Outputs:
    """The outputs of the step, as those of the template that it is in."""
    inner = f"steps.{_INNER}.outputs"
    handed: Outputs = {}
    if named := _names(outputs.get("parameters")):
        references = {n: f"{{{{{inner}.parameters.{n}}}}}" for n in named}
        handed["parameters"] = [{"name": n, "valueFrom": {"parameter": text}} for n, text in references.items()]
    if named := _names(outputs.get("artifacts")):
        handed["artifacts"] = [{"name": n, "from": f"{{{{{inner}.artifacts.{n}}}}}"} for n in named]
    return handed


def _names(items: Sequence[Mapping[str, object]] | None) -> list[str]:
    return [str(item["name"]) for item in items or ()]


def _free(name: str, used: set[str]) -> str:
    wanted, number = name, 1
    while wanted in used:
        number += 1
        wanted = f"{name}-{number}"
    used.add(wanted)
    return wanted
