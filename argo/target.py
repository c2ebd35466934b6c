"""Where runs go: this machine, an Argo Server or a Kubernetes cluster; how it is reached, where artifacts lie.

Nothing here is a credential: a token is asked for when it is needed, by `ServerAddress.token`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Settings = Mapping[str, Any]
"""Settings of an S3 store: `endpoint`, `bucket`, `insecure`, `region`, `caFile`; empty: not known here."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """An Argo Server.

    `url` is its root, base path included, without a slash at the end. `token` gives the value of the Authorization
    header, read anew at every call (a file or command may have a fresh one), empty for none. `ca_file` replaces the
    system's authorities; `cert_file` and `key_file` are this client's certificate (mTLS).
    """

    url: str
    token: Callable[[], str] = field(default=lambda: "", repr=False)
    verify: bool = True
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """A Kubernetes API: a context of the kubeconfig (None: the current one) or, without any file, the pod's own.

    `kubeconfig` replaces KUBECONFIG and ~/.kube/config.
    """

    context: str | None = None
    kubeconfig: Path | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A place to run, and its namespace (empty: the one that its credentials stand for, else `default`).

    Without `server` and `cluster` it is this machine. `images` says what images run by themselves, for processes.
    `notes` are lines for the user about how the place was chosen.
    """

    profile: str | None = None
    namespace: str = ""
    server: ServerAddress | None = None
    cluster: ClusterAddress | None = None
    store: Settings = field(default_factory=dict)
    images: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        """True where runs go to the engine on this machine."""
        return self.server is None and self.cluster is None
