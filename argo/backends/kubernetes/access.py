"""How a cluster is reached: the kubeconfig's context, or the pod's own account."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException
from yaml import YAMLError

from argo.errors import AuthError, UsageError, did_you_mean
from argo.http import Asker, Proxy, trust
from argo.target import ClusterAddress

STREAMS = 100
"""How many streams may be read at a time, beside other calls."""
_KEEPALIVE = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)
    ),
]  # a stream may be silent for long: so a peer that is gone is noticed within a minute
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

# At its lowest level the client logs the bodies of all answers, credentials among them.
logging.getLogger("kubernetes.client.rest").setLevel(logging.INFO)


def load(address: ClusterAddress) -> tuple[Any, str]:
    """The client's configuration, read anew, and the namespace that it stands for (empty: none).

    Raises UsageError for a kubeconfig that cannot be used, AuthError where its command for credentials fails.
    """
    settings: Any = client.Configuration()
    settings.proxy = settings.no_proxy = None  # of the environment, which releases of the client read differently
    try:
        if address.context is None and address.kubeconfig is None and _in_cluster():
            config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
            namespace = _ACCOUNT.read_text(encoding="utf-8").strip() if _ACCOUNT.exists() else ""
        else:
            namespace = _from_file(address, settings)
    except (ConfigException, YAMLError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise UsageError(
            f"the kubeconfig cannot be used: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            hint="look at KUBECONFIG, ~/.kube/config, or engine.context and engine.kubeconfig of the profile",
        ) from None
    settings.socket_options = _KEEPALIVE
    proxy = Proxy.at(settings.proxy) if settings.proxy else Proxy.of(str(settings.host))
    if proxy is not None:
        settings.proxy, settings.proxy_headers = proxy.url, {**proxy.headers}
    return settings, namespace


def reach(settings: Any, patience: float) -> Asker:
    """Asks the API that the settings lead to. Raises UsageError for a certificate that cannot be used."""
    files = (settings.ssl_ca_cert, settings.cert_file, settings.key_file)
    authority, certificate, key = (Path(file) if file else None for file in files)
    context = trust(authority, verify=settings.verify_ssl, cert_file=certificate, key_file=key, named="the kubeconfig")
    options = {"maxsize": STREAMS + 20, "socket_options": _KEEPALIVE}
    if settings.tls_server_name and settings.host.startswith("https:"):
        options["server_hostname"] = settings.tls_server_name
    proxy = Proxy(settings.proxy, settings.proxy_headers or {}) if settings.proxy else None
    return Asker(settings.host, context, patience, proxy=proxy, **options)


def _from_file(address: ClusterAddress, settings: client.Configuration) -> str:
    # The client itself looks at the variable only once, when it is imported.
    file = str(address.kubeconfig) if address.kubeconfig else os.environ.get("KUBECONFIG") or None
    contexts, current = config.list_kube_config_contexts(file)  # type: ignore[no-untyped-call]
    if address.context is not None:
        names = [entry["name"] for entry in contexts]
        if address.context not in names:
            hint = did_you_mean(address.context, names) or f"it has: {', '.join(names)}"
            raise UsageError(f"the kubeconfig has no context {address.context}", hint=hint)
        current = contexts[names.index(address.context)]
    load_kube_config: Callable[..., None] = config.load_kube_config  # which has no types
    with _heard() as said:
        load_kube_config(file, context=address.context, client_configuration=settings, persist_config=False)
    if said:  # what such a command prints may be a credential
        raise AuthError(
            "the command that the kubeconfig has for the credentials gave none",
            hint="kubectl get workflows shows what it says",
        )
    return str((current.get("context") or {}).get("namespace") or "")


def _in_cluster() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ and not os.environ.get("KUBECONFIG")


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what is logged meanwhile: the client says in no other way that a command for credentials failed."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    root, ear = logging.getLogger(), Ear(logging.ERROR)
    root.addHandler(ear)
    try:
        yield said
    finally:
        root.removeHandler(ear)
