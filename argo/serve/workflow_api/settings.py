"""The service's settings: argosy.yaml's `service`, what the environment says, and where runs go."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from argo.errors import EnvironmentFailure
from compiler.manifest_types import S3Artifact

if TYPE_CHECKING:
    from argo.target import Target
    from compiler.models.project import Profile
    from compiler.models.service import Edc, Oidc

DATABASE: Final = "ARGOSY_DATABASE"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one consumer. Sizes in bytes; GPU hours in 30 days, None: any. `engines`: of all together."""

    runs: int = 10
    gpu_hours: float | None = None
    storage: int = 100 << 30
    upload: int = 10 << 30
    unpacked: int = 50 << 30
    files: int = 100_000
    engines: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a copy of the service is started with.

    `assets` are files and folders with what is offered; `public_url` has no slash at its end; `api_key` opens the
    connector's callbacks; `profile` is what argosy.yaml says of the target, where it says something; `job_configs` the
    asset that runs job-configs.
    """

    target: Target
    assets: tuple[Path, ...]
    project_file: Path | None = None
    public_url: str = ""
    limits: Limits = field(default_factory=Limits)
    oidc: Oidc | None = None
    edc: Edc | None = None
    api_key: str = field(default="", repr=False)
    profile: Profile | None = None
    job_configs: str = ""

    @property
    def in_cluster(self) -> S3Artifact:
        """The profile's store as pods reach it, where that differs from how this machine does; else empty."""
        store = self.profile and self.profile.store
        if not store or store.in_cluster_endpoint is None:
            return {}
        return {"endpoint": store.in_cluster_endpoint, "insecure": store.insecure}


def database_url(configured: str | None, home: Path) -> str:
    """The store's URL: ARGOSY_DATABASE, else argosy.yaml's, else a file of ARGOSY_HOME."""
    return os.environ.get(DATABASE) or configured or f"sqlite:///{home / 'service.db'}"


def read_secret(path: Path) -> str:
    """A secret in a file. Raises EnvironmentFailure."""
    try:
        return path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise EnvironmentFailure(f"{path} cannot be read: {reason}", known="nothing was started") from error
