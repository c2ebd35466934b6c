"""From Argo objects to a submission: which Workflow runs, with which arguments, with which uploaded inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from argo.backend import SCHEDULED, Json, RunRef
from argo.errors import ArgosyError, NotFoundError, UsageError, did_you_mean
from argo.submission.configs import input_config_map
from argo.submission.uploads import Upload, upload
from argo.workflow.ownership import DAG

INPUTS = "argosy.dev/inputs"  # JSON: input -> {"kind": …}
PARAMETERS = "argosy.dev/parameters"  # JSON: parameter -> its type, minimum, maximum, pattern, enum
UPLOADS = "argosy.dev/uploads"  # JSON: input -> path of its default, relative to the definition
INPUT_ARTIFACTS = "input_artifacts"  # a parameter: the artifacts of a split DAG as JSON
PART = "argosy.dev/part"  # a label: of a split DAG
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
class Draft:
    """A Workflow about to be submitted, and the objects it may refer to."""

    workflow: Json
    objects: list[Json]
    base: Path | None = None  # the folder of the definition, for its large local files
    _declared: Json = field(default_factory=dict)

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
        """The large local files that the definition gives as defaults of inputs."""
        found = self.annotation(UPLOADS).items()
        return {name: (self.base or Path()) / (v if isinstance(v, str) else v["path"]) for name, v in found}

    @property
    def template(self) -> Json | None:
        """The WorkflowTemplate that it refers to, where that was given with it."""
        reference = self.workflow["spec"].get("workflowTemplateRef")
        if not reference:
            return None
        kind = "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"
        return next((o for o in self.objects if o["kind"] == kind and _name(o) == reference.get("name")), None)


@dataclass(frozen=True, slots=True)
class Start:
    """What is run of all that was given: `named` as KIND/NAME, and the template to begin at; both as the argo CLI's
    `--from` and `--entrypoint`, empty where they follow from what was given."""

    named: str = ""
    entrypoint: str = ""


def draft(objects: Sequence[Json], base: Path | None = None, start: Start = Start()) -> Draft:
    """The one thing to run among `objects`, as a Workflow, as `argo submit --from` makes it.

    A WorkflowTemplate is run through a reference, a CronWorkflow by its workflowSpec. Raises UsageError when there is
    nothing to run, or more than one.
    """
    found = chosen(objects, start)
    workflow = _workflow(found)
    begin(workflow["spec"], found, start, objects)
    namespace = _namespace(workflow)
    given = [o for o in objects if o.get("kind") in _GIVEN and _namespace(o) in (None, namespace or _namespace(o))]
    return Draft(workflow, given, base)


def chosen(objects: Sequence[Json], start: Start) -> Json:
    """The object to run: the one that is named, else the Workflow or CronWorkflow, else the template that has an
    entrypoint. A DAG that another one nests is a part of that. Raises UsageError."""
    choices = [o for o in objects if o.get("kind") in _KINDS and not _is_part(o)]
    if start.named:
        found = [o for o in choices if _is_named(o, start.named)]
    else:
        tiers = [[o for o in choices if o["kind"] in kinds] for kinds in _FIRST]
        found = [*_outermost(next((tier for tier in tiers if tier), []))]
    if not start.entrypoint:
        found = [o for o in found if _begins(o)]
    if len(found) == 1:
        return found[0]
    named = [f"{o['kind']}/{_name(o)}" for o in found or choices]
    if found:
        alone = named.count(named[0]) == 1
        hint = f"choose one of them: --from {named[0]}" if alone else "give a file that holds one of them alone"
        raise UsageError(f"{len(found)} objects to run: {', '.join(named)}", hint=hint)
    if start.named and start.named not in named:
        hint = did_you_mean(start.named, named) or (f"there are: {', '.join(named)}" if named else "")
        raise UsageError(f"there is no {start.named} to run in what was given", hint=hint)
    raise UsageError(
        "there is nothing to run",
        tried="looked for a Dag, and for a Workflow, CronWorkflow or WorkflowTemplate with an entrypoint",
        hint=f"say where to begin: --from {start.named or named[0]} --entrypoint TEMPLATE" if named else "",
    )


def begin(spec: Json, source: Json, start: Start, objects: Sequence[Json]) -> None:
    """Have a WorkflowSpec made of `source` begin at the entrypoint of `start`, with what that template takes as
    arguments. Raises UsageError where there is no such template."""
    if not start.entrypoint:
        return
    subject = Draft({"spec": spec}, list(objects))
    lists = [spec_of(value).get("templates") or () for value in (source, subject.template or {})]
    templates = {str(template.get("name")): template for found in lists for template in found}
    if start.entrypoint not in templates:
        raise UsageError(
            f"{source['kind']}/{_name(source)} has no template named {start.entrypoint}",
            hint=did_you_mean(start.entrypoint, list(templates)) or f"there are: {', '.join(templates)}",
        )
    spec["entrypoint"] = start.entrypoint
    for kind in ("parameters", "artifacts"):
        declared = subject.declared(kind)
        for entry in (templates[start.entrypoint].get("inputs") or {}).get(kind) or ():
            if entry["name"] not in declared:
                kept = {k: v for k, v in entry.items() if k not in ("path", "mode", "default")}
                value = {"value": entry["default"]} if "default" in entry else {}
                subject.arguments().setdefault(kind, []).append({**value, **kept})


def kind_named(text: str) -> str | None:
    """The kind of object that Argo knows by this name: `cronwf`, `WorkflowTemplate`, …"""
    return next((kind for kind, names in _KINDS.items() if text.lower() in names), None)


def inline(subject: Draft) -> None:
    """Put the WorkflowTemplate that the Workflow refers to, and that was given with it, in the reference's place.

    So a cluster need not have it. What the Workflow says itself counts (Argo: workflow/util/merge.go).
    """
    spec = (subject.template or {}).get("spec")
    if not spec:
        return
    own = subject.workflow["spec"]
    own.pop("workflowTemplateRef")
    arguments = {kind: [*subject.declared(kind).values()] for kind in ("parameters", "artifacts")}
    templates = {t["name"]: t for t in [*(spec.get("templates") or ()), *(own.get("templates") or ())]}
    made = {**spec, **own}
    if any(arguments.values()):
        made["arguments"] = {kind: entries for kind, entries in arguments.items() if entries}
    made["templates"] = [*templates.values()]
    subject.objects = [o for o in subject.objects if o is not subject.template]
    subject.workflow["spec"] = made


def set_parameters(subject: Draft, values: Mapping[str, str]) -> None:
    """Give parameters their values. Raises UsageError for one that is not declared or a value that is not allowed."""
    declared = subject.declared("parameters")
    rules = subject.annotation(PARAMETERS) if values else {}
    own: list[Json] = subject.arguments().setdefault("parameters", [])
    for name, value in values.items():
        if name not in declared:
            raise _unknown("parameter", "-p", name, declared)
        if name in rules:
            _check(name, rules[name], value)
        allowed = declared[name].get("enum")
        if allowed and value not in allowed:
            raise UsageError(
                f"the parameter {name} cannot be {value!r}", hint=f"it is one of: {', '.join(map(str, allowed))}"
            )
        kept = {k: v for k, v in declared[name].items() if k in ("description", "enum")}
        _replace(own, {"name": name, **kept, "value": value})


def _check(name: str, rules: Json, value: str) -> None:
    """Hold a value against what the definition says of its parameter. Raises UsageError."""
    from compiler.models.values import Rules, from_text, takes

    parameter = Rules.of(rules)
    try:
        from_text(parameter, value)
    except ValueError as error:
        wrong = f"the parameter {name} is refused: {error}; it takes {takes(parameter)}"
        raise UsageError(wrong, known="nothing was started", hint=f"-p {name}=…") from None


def set_inputs(subject: Draft, given: Mapping[str, str], ref: RunRef, put: Callable[[str, Path], object]) -> None:
    """Upload local files as inputs of the run `ref`, and the large defaults that the manifest does not hold.

    `put(key, path)` stores a file, below `input_prefix(ref)`. Raises UsageError for an input that is not declared,
    NotFoundError for a file that is not there.
    """
    kinds = subject.annotation(INPUTS)
    prefix = input_prefix(ref)
    artifacts = subject.declared("artifacts")
    known: Json = {**artifacts, **kinds}
    for name in given:
        if name not in known:
            raise _unknown("input", "-i", name, known)
    paths = {name: Path(path).expanduser() for name, path in given.items()}
    paths = {**subject.uploads(), **paths}
    for name, path in paths.items():
        if not path.exists():
            raise NotFoundError(f"the file for the input {name} does not exist: {path}")
        kind = (kinds.get(name) or {}).get("kind") or ("directory" if path.is_dir() else "file")
        if kind == "env":
            config_map = input_config_map(path, f"{ref.name}-{name}")
            subject.objects.append(config_map)
            set_parameters(subject, {kinds[name].get("parameter") or name: config_map["metadata"]["name"]})
            continue
        location = upload(Upload(name, kind, path), f"{prefix}/{name}", put)
        _replace(subject.arguments().setdefault("artifacts", []), {"name": name, **location})
    if paths and INPUT_ARTIFACTS in subject.declared("parameters"):
        # Child Workflows get the run's artifacts from here.
        given_on = json.dumps([*subject.declared("artifacts").values()], ensure_ascii=False)
        set_parameters(subject, {INPUT_ARTIFACTS: given_on})


def input_prefix(ref: RunRef) -> str:
    """Where the inputs of a run are stored. `ref.uid` is its own or, where the cluster gives it one only later, any
    text that never repeats."""
    return f"runs/{ref.namespace}/{ref.name}/{ref.uid}/inputs"


def require_complete(subject: Draft) -> None:
    """Raises UsageError when an argument without a default has no value."""
    inputs = subject.annotation(INPUTS)
    of_inputs = {entry["parameter"]: name for name, entry in inputs.items() if "parameter" in entry}
    missing = [
        f"-i {of_inputs[name]}=…" if name in of_inputs else f"-p {name}=…"
        for name, entry in subject.declared("parameters").items()
        if "value" not in entry and "valueFrom" not in entry and "default" not in entry
    ]
    missing += [
        f"-i {name}=…"
        for name, entry in subject.declared("artifacts").items()
        if not entry.get("optional") and not set(entry) - {"name", "path", "description", "archive", "mode"}
    ]
    artifacts = subject.declared("artifacts")
    missing += [
        f"-i {name}=…"
        for name, entry in inputs.items()
        if name not in artifacts and entry.get("kind") != "env" and not entry.get("optional")
    ]
    if missing:
        raise UsageError(f"the run needs {' '.join(missing)}", known="nothing was started")


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """`name=value` texts as a mapping. Raises UsageError for a text without `=` or a name given twice."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} takes name=value, not {text!r}")
        if name in values:
            raise UsageError(f"{option} {name} is given twice")
        values[name] = value
    return values


def _workflow(source: Json) -> Json:
    kind = source["kind"]
    if kind == "Workflow":
        return source
    metadata = source.get("metadata") or {}
    made: Json = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
    made["metadata"] = {"generateName": f"{_name(source)}-"}
    if metadata.get("namespace"):
        made["metadata"]["namespace"] = metadata["namespace"]
    labels = {_SOURCES[kind]: _name(source)}
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
    reference: Json = {"name": _name(source)}
    if kind == "ClusterWorkflowTemplate":
        reference["clusterScope"] = True
    made["spec"] = {"workflowTemplateRef": reference}
    return made


def _is_named(value: Json, named: str) -> bool:
    """Whether it is the KIND/NAME that is meant, or has the NAME alone."""
    kind, slash, name = named.rpartition("/")
    return _name(value) == name and (not slash or kind_named(kind) == value["kind"])


def _begins(value: Json) -> bool:
    """Whether it says where it begins; a template that does not is a library for others."""
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
    """Whether it is a part of a DAG, which the DAG's own Workflow starts."""
    return PART in ((value.get("metadata") or {}).get("labels") or {})


def _entries(spec: Json, kind: str) -> list[Json]:
    found: list[Json] = (spec.get("arguments") or {}).get(kind) or []
    return found


def _replace(entries: list[Json], entry: Json) -> None:
    for position, old in enumerate(entries):
        if old["name"] == entry["name"]:
            entries[position] = entry
            return
    entries.append(entry)


def _name(value: Json) -> str:
    metadata = value.get("metadata") or {}
    return str(metadata.get("name") or metadata.get("generateName") or "")


def _unknown(what: str, option: str, name: str, known: Iterable[str]) -> ArgosyError:
    names = sorted(known)
    hint = did_you_mean(name, names) or (f"there are: {', '.join(names)}" if names else f"it takes no {what}s")
    return UsageError(f"there is no {what} named {name} ({option} {name})", known="nothing was started", hint=hint)
