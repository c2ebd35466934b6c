"""The service's process: its socket, its log, its graceful end."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from argo.errors import ConflictError
from argo.serve.process import serve as serve_
from argo.serve.workflow_api.app import application
from argo.serve.workflow_api.consumers import DEFAULT_SCOPES, Consumers
from argo.serve.workflow_api.core import Service
from argo.serve.workflow_api.health import JsonLines
from argo.serve.workflow_api.settings import Limits, Settings, read_secret
from compiler.quantities import quantity

if TYPE_CHECKING:
    from argo.target import Target
    from compiler.load.foreign.workflow_api import WorkflowApi
    from compiler.models.project import Project
    from compiler.models.service import Service as Options

_GRACE: Final = 10  # seconds in which answers under way may end


def options_of(project: Project | None) -> Options:
    """The service's options in argosy.yaml; the defaults where it has none."""
    from compiler.models.service import Service as Options

    return (project and project.service) or Options()


def settings_of(
    project: Project | None, project_file: Path | None, target: Target, paths: tuple[Path, ...], public_url: str
) -> Settings:
    """The settings that argosy.yaml comes to. Raises EnvironmentFailure."""
    folder = project_file.parent if project_file is not None else Path()
    options = options_of(project)
    limits, edc = options.limits, options.edc
    sizes = {name: int(quantity(getattr(limits, name))) for name in ("storage", "upload", "unpacked")}
    return Settings(
        target,
        paths or tuple(folder / name for name in options.assets),
        project_file,
        public_url.rstrip("/"),
        Limits(runs=limits.runs, gpu_hours=limits.gpu_hours, files=limits.files, engines=limits.engines, **sizes),
        options.oidc,
        edc,
        read_secret(folder / edc.api_key_file) if edc.api_key_file else "",
        project.profiles.get(target.profile or project.default or "") if project is not None else None,
        options.job_configs or "",
    )


def register(consumers: Consumers, old: WorkflowApi) -> None:
    """Make the user of a workflow-api.cfg a consumer whose token is the one that its clients have."""
    from compiler.load.foreign.base import slug

    name = slug(old.user)
    with suppress(ConflictError):
        consumers.add(name)
    with suppress(ConflictError):
        consumers.issue(name, DEFAULT_SCOPES, given=old.token, note="workflow-api.cfg")


def environment_of(old: WorkflowApi) -> Mapping[str, str]:
    """The credentials of a workflow-api.cfg's store as the environment has them."""
    found = {"AWS_ACCESS_KEY_ID": old.access_key, "AWS_SECRET_ACCESS_KEY": old.secret_key}
    return {name: value for name, value in found.items() if value and not os.environ.get(name)}


def serve(service: Service, listener: socket.socket, *, work: bool = True, root_path: str = "") -> None:
    """Serve until SIGTERM or SIGINT: streams end, answers and jobs under way end, runs go on."""
    _log()
    serve_(application(service, work=work), listener, ending=service.hub.end, grace=_GRACE, root_path=root_path)


def _log() -> None:
    """One form for every line, whoever writes it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("argosy").setLevel(logging.INFO)
