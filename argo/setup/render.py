"""Manifests of what a namespace needs, from the templates below `templates/setup`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from argo.errors import UsageError
from argo.setup.rights import EXECUTOR, INGRESSES, OWNED, PARTS, POLICIES, SESSIONS, SUBMITTER, Right, rules

if TYPE_CHECKING:
    from compiler.manifest_types import Object
    from compiler.models.project import Profile

ARGO_VERSION = "v4.1.2"
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_BUCKET = re.compile(r"[a-z0-9][-a-z0-9.]{1,61}[a-z0-9]")
_ENDPOINT = re.compile(r"[A-Za-z0-9.\[\]:_-]+")
_DEFAULT_SECRET = ("argosy-store", "accesskey", "secretkey")
_DEMO_STORE: dict[str, Any] = {
    "endpoint": "minio:9000", "bucket": "argosy", "insecure": True, "region": "",
    "secret": {"name": "argosy-store", "accessKey": "accesskey", "secretKey": "secretkey"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """The options of `argosy setup` beyond the profile. `gpus` is a quota by extended resource."""

    gpus: Mapping[str, int] = field(default_factory=dict)
    demo: bool = False
    placeholders: bool = True
    split: bool = False
    interactive: bool = False
    extended: bool = False


def render(profile: Profile, wanted: SetupOptions) -> str:
    """A YAML stream for `kubectl apply`. Raises UsageError for names that Kubernetes, or S3, would not take."""
    values = _values(profile, wanted)
    names = ["accounts", "store", *(["secrets"] if wanted.placeholders and not wanted.demo else []), "network"]
    names += ["sessions"] if profile.sessions else []
    names += ["quota"] if wanted.gpus else []
    names += ["demo"] if wanted.demo else []
    environment = _environment()
    return "".join(environment.get_template(f"setup/{name}.yaml.j2").render(values) for name in names)


def objects(text: str) -> list[Object]:
    """The objects of a rendered stream."""
    import yaml

    return [value for value in yaml.safe_load_all(text) if value]


def _environment() -> Any:
    import jinja2

    from argo.shipped import folder

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 -- YAML, not HTML
    )
    environment.filters["json"] = json.dumps  # which is YAML, whatever the text is
    return environment


def _values(profile: Profile, wanted: SetupOptions) -> dict[str, object]:
    namespace = profile.namespace or ("argo" if wanted.demo else "")
    if not namespace:
        raise UsageError("the profile has no namespace", hint="add `namespace:` to the profile in argosy.yaml")
    store = _DEMO_STORE if wanted.demo else _store(profile)
    run, executor = profile.service_account or "argosy-run", profile.executor_service_account or "argosy-executor"
    pulls = list(profile.image_pull_secrets)
    _require(_NAMESPACE, "a namespace", namespace)
    for name in (run, executor, *pulls, *([store["secret"]["name"]] if store else [])):
        _require(_NAME, "a name of Kubernetes", name)
    if run == executor:
        raise UsageError(f"{run} is both the program's account and the executor's", hint="give each its own")
    return {
        "namespace": namespace, "run": run, "executor": executor, "submitter": "argosy-submitter", "pulls": pulls,
        "executor_rules": rules(_of_executor(profile, wanted)),
        "submitter_rules": rules(_of_submitter(profile, wanted)),
        "store": store, "store_port": _port(store), "gpus": dict(sorted(wanted.gpus.items())), "version": ARGO_VERSION,
        "controller_namespace": (profile.sessions and profile.sessions.controller_namespace) or "",
    }  # fmt: skip


def _of_executor(profile: Profile, wanted: SetupOptions) -> list[Right]:
    through_server = wanted.demo or profile.engine.server
    return [*EXECUTOR, *(OWNED if through_server else ()), *(PARTS if wanted.split else ())]


def _of_submitter(profile: Profile, wanted: SetupOptions) -> list[Right]:
    return [
        *SUBMITTER,
        *(SESSIONS if wanted.interactive or profile.sessions else ()),
        *(INGRESSES if profile.sessions else ()),
        *(POLICIES if wanted.extended else ()),
    ]


def _store(profile: Profile) -> dict[str, Any]:
    given = profile.store
    if given is None:
        return {}
    endpoint = given.in_cluster_endpoint or given.endpoint
    _require(_ENDPOINT, "an endpoint (host[:port])", endpoint)
    _require(_BUCKET, "a bucket", given.bucket)
    secret = given.secret
    names = (secret.name, secret.access_key, secret.secret_key) if secret else _DEFAULT_SECRET
    return {
        "endpoint": endpoint, "bucket": given.bucket, "insecure": bool(given.insecure), "region": given.region or "",
        "secret": dict(zip(("name", "accessKey", "secretKey"), names, strict=True)),
    }  # fmt: skip


def _port(store: Mapping[str, Any]) -> int:
    """The port that pods reach the store on."""
    if not store:
        return 443
    port = store["endpoint"].rpartition(":")[2]
    return int(port) if port.isdigit() else 80 if store["insecure"] else 443


def _require(form: re.Pattern[str], what: str, text: str) -> None:
    if not form.fullmatch(text):
        raise UsageError(
            f"{text!r} is not {what}", known="nothing was written", hint="look at the profile in argosy.yaml"
        )
