"""A tunnel from this machine to a port of a pod, through the Kubernetes API, as `kubectl port-forward` makes it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from argo.backends.kubernetes.access import load
from argo.errors import ArgosyError, EnvironmentFailure, RemoteError
from argo.target import ClusterAddress

_PIECE = 1 << 16


class Tunnel:
    """Listens on the loopback until it is closed; each connection gets a stream of its own to the pod."""

    def __init__(
        self,
        address: ClusterAddress,
        where: tuple[str, str, int],
        wanted: int,
        failed: Callable[[ArgosyError], object],
    ) -> None:
        """`where` is namespace, pod and port; `wanted` the port of this machine, 0: any. `failed` is told of each
        connection that could not be made. Raises EnvironmentFailure, AuthError, UsageError."""
        from kubernetes.client import ApiClient, CoreV1Api

        settings, _ = load(address)
        self._pods = CoreV1Api(ApiClient(settings))
        self._where = where
        self._failed = failed
        try:
            self._server = socket.create_server(("127.0.0.1", wanted))
        except OSError as error:
            raise EnvironmentFailure(f"cannot listen on port {wanted}: {error.strerror}", hint="--port 0") from error
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        found: int = self._server.getsockname()[1]
        return found

    def close(self) -> None:
        """Listen no more; what is connected stays so until the program ends."""
        with suppress(OSError):  # wakes who waits in accept, which to close alone does not
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # keys typed are small, and are to go at once
        try:
            far = self._open()
        except ArgosyError as error:
            near.close()
            self._failed(error)
            return
        back = threading.Thread(target=_pump, args=(far, near), daemon=True)
        back.start()
        _pump(near, far)
        back.join()
        near.close()
        far.close()

    def _open(self) -> Any:
        from kubernetes.stream import portforward

        namespace, pod, port = self._where
        try:
            forward = portforward(self._pods.connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port))
            return forward.socket(port)
        except Exception as error:  # the client's own, its WebSocket library's, and those of sockets
            raise RemoteError(
                f"the cluster does not lead to pod {pod}: {_short(error)}", tried=f"port-forward to {pod}:{port}",
                known="the session goes on", hint="it takes the rights that argosy setup --interactive grants",
            ) from error  # fmt: skip


def _short(error: Exception) -> str:
    """In a word; the client's own errors have it as their reason, before what the answer was in full."""
    text = str(getattr(error, "reason", None) or error).partition(" -+-+- ")[0].strip()
    return (text.splitlines() or [type(error).__name__])[0][:200]


def _pump(source: Any, target: Any) -> None:
    """Pass bytes on, one way, until there are no more; the other way may go on."""
    with suppress(OSError):
        while data := source.recv(_PIECE):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
