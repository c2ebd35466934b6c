"""The Workflow that is run of all that was given, and what it declares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from argo.backend import SCHEDULED, Json
from argo.errors import UsageError, did_you_mean
from compiler.labels import DAG, PART, UPLOADS

_KINDS = {  # what runs, with the names that Argo knows it by
    "Workflow": ("workflow", "workflows", "wf"),
    "CronWorkflow": ("cronworkflow", "cronworkflows", "cronwf", "cwf"),
    "WorkflowTemplate": ("workflowtemplate", "workflowtemplates", "wftmpl"),
    "ClusterWorkflowTemplate": ("clusterworkflowtemplate", "clusterworkflowtemplates", "clusterwftmpl", "cwft"),
}
_FIRST = (("Workflow", "CronWorkflow"), ("WorkflowTemplate", "ClusterWorkflowTemplate"))
_SOURCES = {
    "WorkflowTemplate": "workflows.argoproj.io/workflow-template",
    "ClusterWorkflowTemplate": "workflows.argoproj.io/cluster-workflow-template",
    "CronWorkflow": "workflows.argoproj.io/cron-workflow",
}
_GIVEN = frozenset({"ConfigMap", "WorkflowTemplate", "ClusterWorkflowTemplate"})


@dataclass(slots=True)
class Subject:
    """A Workflow to run, and the objects that it may refer to: `objects` go with it, `known` are there already.

    `base` is the folder of the definition, for its large local files: None for what may name none.
    """

    workflow: Json
    objects: list[Json]
    base: Path | None = None
    known: Sequence[Json] = ()

    def arguments(self) -> Json:
        """`spec.arguments`, made when it is not there."""
        found: Json = self.workflow["spec"].setdefault("arguments", {})
        return found

    def declared(self, kind: str) -> dict[str, Json]:
        """The declared arguments ("parameters" or "artifacts") by name: the template's, then the workflow's own."""
        of_template = (self.template or {}).get("spec") or {}
        entries = [*_entries(of_template, kind), *_entries(self.workflow["spec"], kind)]
        return {entry["name"]: entry for entry in entries}

    def annotation(self, name: str) -> Json:
        """An annotation that holds a JSON object; of the template, when the workflow has none."""
        for source in (self.workflow, self.template or {}):
            text = ((source.get("metadata") or {}).get("annotations") or {}).get(name)
            if text:
                value: Json = json.loads(text)
                return value
        return {}

    def uploads(self) -> dict[str, Path]:
        """The large local files that the definition gives as defaults of inputs that lie nowhere yet."""
        if self.base is None:
            return {}
        stored = {name for name, entry in self.declared("artifacts").items() if located(entry)}
        found = {name: value for name, value in self.annotation(UPLOADS).items() if name not in stored}
        return {name: self.base / (v if isinstance(v, str) else v["path"]) for name, v in found.items()}

    @property
    def template(self) -> Json | None:
        """The WorkflowTemplate that it refers to, where that is at hand."""
        reference = self.workflow["spec"].get("workflowTemplateRef")
        if not reference:
            return None
        kind = "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"
        given = (*self.objects, *self.known)
        return next((o for o in given if o["kind"] == kind and name_of(o) == reference.get("name")), None)


@dataclass(frozen=True, slots=True)
class Start:
    """A choice of what to run: an object `named` KIND/NAME, and the template to begin at; both as the argo CLI's
    `--from` and `--entrypoint`, empty where they follow from what was given."""

    named: str = ""
    entrypoint: str = ""


def subject_of(objects: Sequence[Json], base: Path | None = None, start: Start = Start()) -> Subject:
    """The one thing to run among `objects`, as a Workflow, as `argo submit --from` makes it.

    A WorkflowTemplate is run through a reference, a CronWorkflow by its workflowSpec. Raises UsageError when there is
    nothing to run, or more than one.
    """
    found = chosen(objects, start)
    workflow = _workflow(found)
    begin(workflow["spec"], found, start, objects)
    namespace = _namespace(workflow)
    given = [o for o in objects if o.get("kind") in _GIVEN and _namespace(o) in (None, namespace or _namespace(o))]
    return Subject(workflow, given, base)


def chosen(objects: Sequence[Json], start: Start) -> Json:
    """The object to run: the one that is named, else the Workflow or CronWorkflow, else the template that has an
    entrypoint. A DAG that another one nests is a part of that. Raises UsageError."""
    choices = [o for o in objects if o.get("kind") in _KINDS and not _is_part(o)]
    if start.named:
        found = [o for o in choices if _is_named(o, start.named)]
    else:
        found = [*_outermost(next(filter(None, ([o for o in choices if o["kind"] in kinds] for kinds in _FIRST)), []))]
    if not start.entrypoint:
        found = [o for o in found if _begins(o)]
    if len(found) == 1:
        return found[0]
    raise _no_choice(found, [f"{o['kind']}/{name_of(o)}" for o in found or choices], start)


def _no_choice(found: Sequence[Json], named: Sequence[str], start: Start) -> UsageError:
    """The error for several objects to run, or none; `named` are those found, else all that there are."""
    if found:
        alone = named.count(named[0]) == 1
        hint = f"choose one of them: --from {named[0]}" if alone else "give a file that holds one of them alone"
        return UsageError(f"{len(found)} objects to run: {', '.join(named)}", hint=hint)
    if start.named and start.named not in named:
        hint = did_you_mean(start.named, named) or (f"there are: {', '.join(named)}" if named else "")
        return UsageError(f"there is no {start.named} to run in what was given", hint=hint)
    return UsageError(
        "there is nothing to run",
        tried="looked for a Dag, and for a Workflow, CronWorkflow or WorkflowTemplate with an entrypoint",
        hint=f"say where to begin: --from {start.named or named[0]} --entrypoint TEMPLATE" if named else "",
    )


def begin(spec: Json, source: Json, start: Start, objects: Sequence[Json]) -> None:
    """Have a WorkflowSpec made of `source` begin at the entrypoint of `start`, with what that template takes as
    arguments. Raises UsageError where there is no such template."""
    if not start.entrypoint:
        return
    subject = Subject({"spec": spec}, list(objects))
    lists = [spec_of(value).get("templates") or () for value in (source, subject.template or {})]
    templates = {str(template.get("name")): template for found in lists for template in found}
    if start.entrypoint not in templates:
        raise UsageError(
            f"{source['kind']}/{name_of(source)} has no template named {start.entrypoint}",
            hint=did_you_mean(start.entrypoint, list(templates)) or f"there are: {', '.join(templates)}",
        )
    spec["entrypoint"] = start.entrypoint
    inputs = templates[start.entrypoint].get("inputs") or {}
    for kind in ("parameters", "artifacts"):
        declared = subject.declared(kind)
        if new := [_argument(entry) for entry in inputs.get(kind) or () if entry["name"] not in declared]:
            subject.arguments().setdefault(kind, []).extend(new)


def _argument(declared: Json) -> Json:
    """The entry of a Workflow's arguments for an input of its entrypoint."""
    value = {"value": declared["default"]} if "default" in declared else {}
    return {**value, **{k: v for k, v in declared.items() if k not in ("path", "mode", "default")}}


def kind_named(text: str) -> str | None:
    """The kind of object that Argo knows by this name: `cronwf`, `WorkflowTemplate`, …"""
    return next((kind for kind, names in _KINDS.items() if text.lower() in names), None)


def inline(subject: Subject) -> None:
    """Put the WorkflowTemplate that the Workflow refers to, and that was given with it, in the reference's place.

    So a cluster need not have it. What the Workflow says itself counts (Argo: workflow/util/merge.go).
    """
    template = subject.template
    spec = (template or {}).get("spec")
    if not spec or template not in subject.objects:
        return
    own = subject.workflow["spec"]
    own.pop("workflowTemplateRef")
    arguments = {kind: [*subject.declared(kind).values()] for kind in ("parameters", "artifacts")}
    templates = {t["name"]: t for t in [*(spec.get("templates") or ()), *(own.get("templates") or ())]}
    made = {**spec, **own}
    if any(arguments.values()):
        made["arguments"] = {kind: entries for kind, entries in arguments.items() if entries}
    made["templates"] = [*templates.values()]
    subject.objects = [o for o in subject.objects if o is not template]
    subject.workflow["spec"] = made


def _workflow(source: Json) -> Json:
    kind = source["kind"]
    if kind == "Workflow":
        return source
    metadata = source.get("metadata") or {}
    made: Json = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
    made["metadata"] = {"generateName": f"{name_of(source)}-"}
    if metadata.get("namespace"):
        made["metadata"]["namespace"] = metadata["namespace"]
    labels = {_SOURCES[kind]: name_of(source)}
    if kind == "CronWorkflow":
        extra = source["spec"].get("workflowMetadata") or {}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        made["metadata"]["labels"] = labels | (extra.get("labels") or {})
        made["metadata"]["annotations"] = {SCHEDULED: now} | (extra.get("annotations") or {})
        made["spec"] = source["spec"]["workflowSpec"]
        return made
    # Labels and annotations say what the results are; Argo takes the template's, too.
    made["metadata"]["labels"] = (metadata.get("labels") or {}) | labels
    if metadata.get("annotations"):
        made["metadata"]["annotations"] = metadata["annotations"]
    reference: Json = {"name": name_of(source)}
    if kind == "ClusterWorkflowTemplate":
        reference["clusterScope"] = True
    made["spec"] = {"workflowTemplateRef": reference}
    return made


def _is_named(value: Json, named: str) -> bool:
    """True where `named` means the object: it is its KIND/NAME, or its NAME alone."""
    kind, slash, name = named.rpartition("/")
    return name_of(value) == name and (not slash or kind_named(kind) == value["kind"])


def _begins(value: Json) -> bool:
    """True where an object says where it begins; a template that does not is a library for others."""
    return bool({"entrypoint", "workflowTemplateRef"} & spec_of(value).keys())


def spec_of(value: Json) -> Json:
    """The WorkflowSpec of an object."""
    spec: Json = value.get("spec") or {}
    return (spec.get("workflowSpec") or {}) if value.get("kind") == "CronWorkflow" else spec


def _namespace(value: Json) -> str | None:
    return (value.get("metadata") or {}).get("namespace") or None


def _outermost(found: Sequence[Json]) -> Sequence[Json]:
    """Those whose DAG none of the others nests, which then has it as a template of that name."""

    def dags(value: Json) -> set[str]:
        templates = (value.get("spec") or {}).get("templates") or ()
        return {template["name"] for template in templates if "dag" in template}

    def of(value: Json) -> str | None:
        return ((value.get("metadata") or {}).get("labels") or {}).get(DAG)

    nested = {of(value) for value in found for other in found if other is not value and of(value) in dags(other)}
    return [value for value in found if of(value) is None or of(value) not in nested]


def _is_part(value: Json) -> bool:
    """True where an object is a part of a split DAG, which the DAG's own Workflow starts."""
    return PART in ((value.get("metadata") or {}).get("labels") or {})


def located(artifact: Json) -> bool:
    """True where an argument artifact says where its content lies."""
    return bool(set(artifact) - {"name", "path", "description", "archive", "mode", "optional"})


def _entries(spec: Json, kind: str) -> list[Json]:
    found: list[Json] = (spec.get("arguments") or {}).get(kind) or []
    return found


def name_of(value: Json) -> str:
    metadata = value.get("metadata") or {}
    return str(metadata.get("name") or metadata.get("generateName") or "")
