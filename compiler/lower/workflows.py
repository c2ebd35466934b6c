"""Lowers one DAG that was asked for to the plan of its workflow: arguments, settings, results, schedule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from compiler.diagnostics import Diagnostic, diagnostic
from compiler.extend import described
from compiler.labels import DAG, DEFINITION, DIGEST, INPUTS, PARAMETERS, RESULTS, UPLOADS
from compiler.lower import names, sessions
from compiler.lower.artifacts import given
from compiler.lower.dags import lower_dag
from compiler.lower.environments import variables
from compiler.lower.library import Callee, TemplateSet
from compiler.lower.outputs import Outputs
from compiler.lower.resources import toleration
from compiler.lower.text import constant, default
from compiler.plan import ArtifactArgument, Network, Pairs, Parameter, Schedule, Settings, Store, WorkflowPlan, compact
from compiler.program import Definition, LocalFile, Program, ResolvedDag

if TYPE_CHECKING:
    from compiler.models.cluster import Store as StoreModel
    from compiler.models.parts import Parameter as ParameterModel
    from compiler.models.project import Profile
    from compiler.models.settings import Limits


def lower_workflow(program: Program, dag: ResolvedDag) -> tuple[WorkflowPlan, list[Diagnostic]]:
    """The plan of a DAG's workflow, and what was found to be impossible."""
    library = TemplateSet(dag.name, program.profile)
    entry = lower_dag(library, dag, False, frozenset())
    return workflow_of(program, dag, library, entry), library.diagnostics


def workflow_of(program: Program, dag: ResolvedDag, library: TemplateSet, entry: Callee) -> WorkflowPlan:
    """The plan around an entry template: what runs at the end, arguments, settings, schedule."""
    closing: Callee | None = None
    if dag.finally_:
        closing = lower_dag(library, dag, False, frozenset(), closing=True, name=f"{dag.name}-finally")
    artifacts, uploads = _artifacts(dag)
    if uploads and dag.model.schedule:
        for name in uploads:
            message = f"input '{name}' has to be uploaded when a run is submitted, which a schedule does not do"
            hint = "put it into the store and give its key, or keep it below 100 KiB of plain text without '{{'"
            library.diagnostics.append(diagnostic("A452", dag.origin.at("inputs", name), message, hint=hint))
    return WorkflowPlan(
        dag.name,
        dag.model.title or "",
        dag.model.description or "",
        entry.name,
        closing.name if closing else "",
        _parameters(library, dag),
        artifacts,
        library.templates(entry.name),
        tuple(library.config_maps.values()),
        _schedule(dag),
        _settings(program.profile, dag.model.limits),
        _pairs({**program.profile.labels, **dag.model.labels, DAG: dag.name}),
        _pairs({**program.profile.annotations, **dag.model.annotations, **_annotations(dag, program.profile, uploads)}),
        entry.nodes + (closing.nodes if closing else 0),
        library.open_loops,
        networks=tuple(sorted(set(_networks(dag, program.profile)))),
    )


def _networks(dag: ResolvedDag, profile: Profile) -> Iterator[Network]:
    """The bounded networks of a DAG's tasks, those of nested DAGs included."""
    for task in dag.all_tasks:
        if isinstance(task.target, ResolvedDag):
            yield from _networks(task.target, profile)
        elif isinstance(task.target, Definition) and (bounds := described(task.target.model, profile)):
            yield Network(bounds["policy"], tuple(sorted({*bounds["egress"], *bounds["executor"]})))


def _parameters(library: TemplateSet, dag: ResolvedDag) -> tuple[Parameter, ...]:
    """The workflow's parameters: the DAG's own, then those with the names of its ConfigMaps."""
    model = dag.model
    declared = [
        Parameter(
            name,
            value=default(parameter),
            enum=tuple(constant(value) for value in parameter.enum or ()),
            description=parameter.description or "",
        )
        for name, parameter in model.parameters.items()
    ]
    if model.env is not None:
        library.config_map(names.ENV_CONFIG, f"{dag.name}-env", dag.env)
    if model.files:
        library.config_map(names.FILES_CONFIG, f"{dag.name}-files", dag.files)
    open_ = []
    for name, wanted in model.inputs.items():
        if wanted.kind == "env":
            if name in dag.inputs or wanted.optional:
                library.config_map(names.env_input(name), f"{dag.name}-{name}", variables(dag.inputs.get(name)))
            else:
                open_.append(Parameter(names.env_input(name)))
    configs = [Parameter(name, value=config_map.name) for name, config_map in library.config_maps.items()]
    return (*declared, *open_, *configs)


def _artifacts(dag: ResolvedDag) -> tuple[tuple[ArtifactArgument, ...], dict[str, str]]:
    """The workflow's artifacts as far as they have a default, and the local files to upload at submission.

    An input without a location is left out: Argo refuses an argument that has none (workflow/validate/validate.go).
    """
    artifacts: list[ArtifactArgument] = []
    uploads: dict[str, str] = {}
    for name, wanted in dag.model.inputs.items():
        default = dag.inputs.get(name)
        if wanted.kind == "env" or default is None:
            continue
        argument = given(name, wanted.kind, default)
        if argument is not None:
            artifacts.append(argument)
        elif isinstance(default, LocalFile):
            uploads[name] = default.path
    return tuple(artifacts), uploads


def _annotations(dag: ResolvedDag, profile: Profile, uploads: dict[str, str]) -> dict[str, str]:
    model = dag.model
    inputs = {name: _input(name, wanted.kind, wanted.optional) for name, wanted in model.inputs.items()}
    annotations = {
        DEFINITION: PurePath(dag.origin.source.name).name,
        DIGEST: f"sha256:{dag.digest}",
        RESULTS: compact(_results(dag)),
    }
    annotations |= sessions.described(dag, profile)
    rules = {name: _rules(parameter) for name, parameter in model.parameters.items()}
    told = ((PARAMETERS, rules), (INPUTS, inputs), (UPLOADS, uploads))
    annotations |= {name: compact(value) for name, value in told if value}
    texts = (("title", model.title), ("description", model.description))
    return annotations | {f"workflows.argoproj.io/{name}": text for name, text in texts if text}


def _rules(parameter: ParameterModel) -> dict[str, Any]:
    """Make the rules of a parameter's values (type, range, pattern, enum) for the Workflow's annotation."""
    rules: dict[str, Any] = {name: getattr(parameter, name) for name in ("type", "minimum", "maximum", "pattern")}
    rules["enum"] = [constant(value) for value in parameter.enum or ()] or None
    return {name: value for name, value in rules.items() if value is not None}


def _input(name: str, kind: str, optional: bool) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": kind}
    if kind == "env":
        described["parameter"] = names.env_input(name)
    if optional:
        described["optional"] = True
    return described


def _results(dag: ResolvedDag) -> dict[str, dict[str, str]]:
    """Where the results are: keys below the run's prefix, values by the entry node's outputs."""
    outputs = Outputs(dag.tasks)
    results: dict[str, dict[str, str]] = {}
    for name, ref in dag.results.items():
        source = outputs.find(ref.name, ref.output)
        result = {"task": ref.name, "output": ref.output}
        if source.kind == "value":
            result["kind"] = "value"
        else:
            result |= {"kind": "files" if source.many else source.kind, "key": source.key}
        if source.media_type:
            result["mediaType"] = source.media_type
        results[name] = result
    return results


def _settings(profile: Profile, limits: Limits | None) -> Settings:
    ttl = ((when, getattr(profile.ttl, when, None)) for when in ("completion", "success", "failure"))
    return Settings(
        namespace=profile.namespace or "",
        service_account=profile.service_account or "",
        executor_service_account=profile.executor_service_account or "",
        image_pull_secrets=profile.image_pull_secrets,
        node_selector=tuple(sorted(profile.node_selector.items())),
        tolerations=tuple(toleration(item) for item in profile.tolerations),
        ttl=tuple((f"secondsAfter{when.capitalize()}", seconds) for when, seconds in ttl if seconds is not None),
        pod_gc=profile.pod_gc or "",
        deadline=_least(limits.timeout if limits else None, profile.timeout),
        parallelism=_least(limits.parallelism if limits else None, profile.parallelism),
        mutex=(limits.mutex or "") if limits else "",
        store=_store(profile.store) if profile.store else None,
    )


def _store(model: StoreModel) -> Store:
    secret = (model.secret.name, model.secret.access_key, model.secret.secret_key) if model.secret else None
    endpoint = model.in_cluster_endpoint or model.endpoint
    return Store(endpoint, model.bucket, model.region or "", model.insecure, secret)


def _schedule(dag: ResolvedDag) -> Schedule | None:
    model = dag.model.schedule
    if model is None:
        return None
    return Schedule(
        model.cron,
        model.timezone or "",
        model.concurrency,
        model.suspend,
        model.starting_deadline,
        model.keep_succeeded,
        model.keep_failed,
    )


def _least(*values: int | None) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _pairs(values: dict[str, str]) -> Pairs:
    return tuple(sorted(values.items()))
