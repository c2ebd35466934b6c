"""Checks what a container loosens of the hardened default (Pod Security "restricted"), and what contradicts it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from compiler.check.survey import Container, Survey
from compiler.diagnostics import Diagnostic, diagnostic

_LOOSENED: Final = {
    "run_as_root": ("runAsRoot", "runs as root"),
    "privileged": ("privileged", "runs privileged: it can do on the node what root can"),
    "privilege_escalation": ("privilegeEscalation", "may gain rights (setuid programs)"),
    "service_account_token": ("serviceAccountToken", "gets the token of the service account"),
}


def check(survey: Survey) -> Iterable[Diagnostic]:
    for container in survey.containers:
        yield from _loosened(container)
        yield from _contradictions(container)
    profile = survey.program.profile
    is_local = profile.engine.server is None and profile.engine.context is None
    if profile.executor_service_account is None and not is_local and survey.program.dags:
        dag = survey.program.dags[0]
        message = (
            f"profile '{survey.program.profile_name}' names no executorServiceAccount: main containers get the token"
        )
        hint = "name one in the profile, with the role that Argo's executor needs"
        yield diagnostic("A506", dag.origin.at("name"), message, hint=hint)


def _loosened(container: Container) -> Iterator[Diagnostic]:
    security = container.model.security
    if security is None:
        return
    origin = container.origin.at("security")
    for field, (name, meaning) in _LOOSENED.items():
        if getattr(security, field):
            message = f"{container.what} {meaning}"
            yield diagnostic("A505", origin.at(name), message, key=True)
    if security.capabilities:
        message = f"{container.what} has the capabilities {', '.join(security.capabilities)}"
        yield diagnostic("A505", origin.at("capabilities"), message, key=True)


def _contradictions(container: Container) -> Iterator[Diagnostic]:
    model, security, user = container.model, container.model.security, container.origin.at("user")
    root = security is not None and security.run_as_root
    if model.user == 0 and not root:
        hint = "name another user, or loosen it: security: {runAsRoot: true}"
        yield diagnostic("A510", user, "user 0 is root, which the hardened default refuses to start", hint=hint)
    if model.user and root:
        yield diagnostic("A510", user, f"user {model.user} contradicts runAsRoot", hint="leave out one of them")
    if security is None or not security.privileged or security.privilege_escalation:
        return
    if "privilege_escalation" in security.model_fields_set:
        where = container.origin.at("security", "privilegeEscalation")
        hint = "leave out `privilegeEscalation: false`"
        yield diagnostic("A510", where, "a privileged container can always gain rights", hint=hint)
