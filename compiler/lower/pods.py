"""Lowers one use of an asset (or an inline container) to a pod's template, hardened by default."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from compiler import plan
from compiler.extend import described, within
from compiler.labels import BOUNDED, BOUNDS
from compiler.lower import names, sessions
from compiler.lower.resources import Needs, needs, patch, placed
from compiler.lower.text import (
    ContainerStyle,
    Expression,
    Variable,
    constant,
    default,
    escape,
    expression,
    printed,
    quote,
)
from compiler.lower.volumes import PodVolumes, mounted
from compiler.models.asset import ComputeAsset
from compiler.program import is_session
from compiler.refs import OPEN, Ref, parse, parts_of

if TYPE_CHECKING:
    from compiler.models import Task
    from compiler.models.behaviour import Retry, Sidecar
    from compiler.models.hardware import Security
    from compiler.models.parts import Output
    from compiler.models.project import Profile
    from compiler.models.variables import SecretRef

_DEFAULT_USER: Final = plan.PodSecurity()
_POLICIES: Final = {
    frozenset({"error"}): "OnError",
    frozenset({"failure"}): "OnFailure",
    frozenset({"transient"}): "OnTransientError",
    frozenset({"error", "transient"}): "OnError",
}


class Use(NamedTuple):
    """A distinct use of an asset: what decides, besides values, how its template looks.

    `given`: the inputs that get something; `maybe`: those of them that may come out empty; `looped`: whether a loop is
    around it (its outputs' keys end with the item's index); `files`: job-config files as (key, path).
    """

    model: ComputeAsset | Task
    name: str
    looped: bool
    given: frozenset[str]
    maybe: frozenset[str]
    files: tuple[tuple[str, str], ...]
    paths: tuple[tuple[str, str], ...] = ()  # of all the DAG's files, for references to them

    @property
    def environments(self) -> list[str]:
        """The parameters with the ConfigMaps of inputs of kind env that get something."""
        inputs = self.model.inputs.items()
        return [names.env_input(name) for name, given in inputs if given.kind == "env" and name in self.given]


def retry_of(model: Retry | None) -> plan.Retry | None:
    if model is None:
        return None
    backoff = model.backoff
    waits = (backoff.first, backoff.factor, backoff.max) if backoff else ()
    return plan.Retry(model.limit, _POLICIES.get(frozenset(model.on), "Always"), model.expression or "", *waits)


def lower_pod(use: Use, profile: Profile) -> plan.PodTemplate:
    """The pod's template for a use."""
    bounds: Mapping[str, Any] = {}
    if isinstance(use.model, ComputeAsset):
        bounds, use = described(use.model, profile), use._replace(model=within(use.model))
    model, texts = use.model, _Texts(use)
    resources = needs(model.resources, profile, texts.expression)
    if bounds:
        resources.limits["cpu"] = resources.requests["cpu"]
    storage = mounted(model, use.files, texts.expression)
    container = _container(use, texts, storage, resources)
    beside = {name: needs(sidecar.resources, profile, texts.expression) for name, sidecar in model.sidecars.items()}
    sidecars = [_sidecar(name, sidecar, texts, beside[name]) for name, sidecar in model.sidecars.items()]
    label, deadline, main = sessions.labels(model, profile), model.timeout, "main"
    if is_session(model):
        assert isinstance(model, ComputeAsset)
        container, session = sessions.lowered(model, container, profile)
        sidecars.insert(0, session)
        wanted = {names.RUN_NAME: model.token, names.TASK_PATH: label}
        texts.run |= {name: None for name, need in wanted.items() if need}
        deadline, main = sessions.deadline(model), sessions.SESSION
    patched = {main: resources.patched} | {name: found.patched for name, found in beside.items()}
    bounded = {BOUNDED: bounds["policy"]} if bounds else {}
    template = plan.PodTemplate(
        plan.Interface(),
        container,
        labels=tuple(sorted({**model.labels, **bounded, **label}.items())),
        annotations=_annotations(model.annotations, bounds),
        retry=retry_of(model.retry),
        deadline=deadline,
        **placed(model.resources.gpu if model.resources else None, model.placement, profile)._asdict(),
        scheduler=(model.placement.scheduler or "") if model.placement else "",
        priority_class=model.priority_class or "",
        service_account_token=bool(model.security and model.security.service_account_token),
        security=_pod_security(model),
        patch=patch(patched, storage.patched),
        volumes=tuple(storage.volumes),
        sidecars=tuple(sidecars),
    )
    return template._replace(interface=_interface(use, texts), memoize=_memoize(use, template, texts))


def _container(use: Use, texts: _Texts, storage: PodVolumes, resources: Needs) -> plan.Container:
    model = use.model
    command = tuple(map(texts.print, model.command))
    return plan.Container(
        escape(model.image or ""),
        command if model.script is None else command or ("sh",),
        tuple(map(texts.print, model.args)),
        None if model.script is None else texts.print(model.script, of_template=True),
        texts.print(model.working_dir or "", expanded=False),
        model.image_pull_policy or "",
        _env(model.env, texts),
        tuple(f"{{{{inputs.parameters.{name}}}}}" for name in use.environments),
        _ports(getattr(model, "ports", {})),
        *resources.sections,
        mounts=tuple(storage.mounts),
        security=_security(model.security),
    )


def _sidecar(name: str, model: Sidecar, texts: _Texts, resources: Needs) -> plan.Sidecar:
    requests, limits = resources.sections
    container = plan.Container(
        escape(model.image),
        tuple(map(texts.print, model.command)),
        tuple(map(texts.print, model.args)),
        env=_env(model.env, texts),
        ports=_ports(model.ports),
        requests=requests,
        limits=limits,
    )
    return plan.Sidecar(name, container, model.mirror_volumes)


class _Texts:
    """Prints a container's texts, and remembers what they read of the run."""

    __slots__ = ("_inputs", "_outputs", "_paths", "run")

    def __init__(self, use: Use) -> None:
        self._inputs = use.model.inputs
        self._outputs = use.model.outputs
        self._paths = dict(use.paths)
        self.run: dict[str, None] = {}

    def print(self, text: str, expanded: bool = True, *, of_template: bool = False) -> str:
        """A text as Argo's; see `ContainerStyle`."""
        return printed(parse(text) if OPEN in text else text, self.resolve, ContainerStyle(expanded, of_template))

    def expression(self, text: str) -> str:
        parts = parts_of(parse(text))
        return " + ".join(quote(part) if isinstance(part, str) else expression(self.resolve(part)) for part in parts)

    def resolve(self, ref: Ref) -> Variable:
        if ref.kind == "params":
            return ("inputs", "parameters", ref.name)
        if ref.kind == "inputs":
            return _path(("inputs", "artifacts", ref.name, "path"), self._inputs[ref.name].path)
        if ref.kind == "outputs":
            output = self._outputs[ref.name]
            kind = "parameters" if output.kind == "value" else "artifacts"
            return _path(("outputs", kind, ref.name, "path"), output.path)
        if ref.kind == "files":
            return self._paths[ref.name]
        parameter = f"run_{ref.name}"
        self.run[parameter] = None
        return ("inputs", "parameters", parameter)


def _path(variable: tuple[str, ...], path: str | None) -> Variable:
    return Expression(expression(variable)) if "$" in (path or "") else variable


def _interface(use: Use, texts: _Texts) -> plan.Interface:
    model = use.model
    parameters = [plan.Parameter(name, default(parameter)) for name, parameter in model.parameters.items()]
    artifacts = [
        plan.InputArtifact(name, given.path or "", given.optional or name in use.maybe)
        for name, given in model.inputs.items()
        if given.kind != "env" and (name in use.given or given.optional)
    ]
    values = {name: output for name, output in model.outputs.items() if output.kind == "value"}
    stored = [_stored(name, output, use.looped) for name, output in model.outputs.items() if name not in values]
    place = (names.TASK_PATH, names.ITEM_INDEX)[: 1 + use.looped] if stored else ()
    added = [*use.environments, *[names.FILES_CONFIG] * bool(use.files), *dict.fromkeys((*texts.run, *place))]
    return plan.Interface(
        (*parameters, *map(plan.Parameter, added)),
        tuple(artifacts),
        tuple(plan.OutputParameter(name, output.path, default=_default(output)) for name, output in values.items()),
        tuple(stored),
    )


def _default(output: Output) -> str | None:
    if output.default is not None:
        return escape(constant(output.default))
    return "" if output.optional else None


def _stored(name: str, output: Output, looped: bool) -> plan.OutputArtifact:
    index = (
        f"/{{{{inputs.parameters.{names.ITEM_INDEX}}}}}{names.extension(output.path, output.kind)}" if looped else ""
    )
    archive: Any = {"file": "none", "directory": "tar", "archive": "zip"}[output.kind]
    return plan.OutputArtifact(name, output.path, f"{names.STORED}/{name}{index}", "", archive, output.optional)


def _env(env: Any, texts: _Texts) -> tuple[plan.EnvVar, ...]:
    return tuple(
        plan.EnvVar(name, texts.print(value)) if isinstance(value, str) else plan.EnvVar(name, secret=_secret(value))
        for name, value in sorted(env.items())
    )


def _secret(model: SecretRef) -> plan.Secret:
    name, _, key = model.secret.partition("/")
    return plan.Secret(name, key, model.optional)


def _ports(ports: Any) -> tuple[plan.Port, ...]:
    return tuple(plan.Port(name, port.port, port.protocol) for name, port in ports.items())


def _security(model: Security | None) -> plan.Security:
    if model is None:
        return plan.Security()
    escalation = model.privilege_escalation or model.privileged
    return plan.Security(escalation, model.privileged, tuple(sorted(model.capabilities)), model.read_only_root)


def _annotations(given: Mapping[str, str], bounds: Mapping[str, Any]) -> plan.Pairs:
    told = {name: escape(value) for name, value in given.items()} | ({BOUNDS: plan.compact(bounds)} if bounds else {})
    return tuple(sorted(told.items()))


def _pod_security(model: ComputeAsset | Task) -> plan.PodSecurity | None:
    """None where the workflow's own (user 1000, not root) fits."""
    root = bool(model.security and model.security.run_as_root)
    user = model.user if model.user is not None else (0 if root else _DEFAULT_USER.user)
    security = plan.PodSecurity(user, root)
    return None if security == _DEFAULT_USER else security


def _memoize(use: Use, template: plan.PodTemplate, texts: _Texts) -> plan.Memoize | None:
    """The key is a digest of the template and of the parameters (or of the definition's own key): Argo wants letters,
    digits and dashes only (workflow/controller/cache/cache.go)."""
    cache = use.model.cache
    if cache is None:
        return None
    digest = hashlib.sha256(plan.compact(plan.as_json(template)).encode()).hexdigest()[:8]
    value = texts.expression(cache.key) if cache.key else _all(use.model.parameters)
    return plan.Memoize(f"{digest}-{{{{=sprig.sha256sum({value})}}}}", f"argosy-cache-{use.name}", cache.max_age)


def _all(parameters: Iterable[str]) -> str:
    listed = ", ".join(expression(("inputs", "parameters", name)) for name in parameters)
    return f"toJson([{listed}])"
