"""The engine's end of the nursery: starts it when it is needed, has it fork a supervisor for a pod."""

from __future__ import annotations

import array
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from argo.local.executors import shim

_PROGRAM = Path(shim.__file__).parent / "__main__.py"


class Supervisors:
    """Forks supervisors. Safe to call from several threads; `close` ends the nursery, never a supervisor."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, spec: Mapping[str, Any], lock: int) -> int:
        """Start the pod of `spec`; the process id of its supervisor, which now holds `lock` too."""
        pid = self._ask({"do": "supervise", **spec}, [lock])
        assert isinstance(pid, int)
        return pid

    def namespaces(self) -> bool:
        """True where this system lets a user give a process its own view of the machine."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            return self._ask({"do": "probe", "folder": folder}, []) is True

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _ask(self, request: Mapping[str, Any], descriptors: list[int]) -> Any:
        body = json.dumps(request).encode()
        message = len(body).to_bytes(4, "big") + body
        with self._lock:
            try:
                return self._exchange(message, descriptors)
            except OSError:  # the nursery was killed; a request that it has not answered has started nothing
                self._drop()
                return self._exchange(message, descriptors)

    def _exchange(self, message: bytes, descriptors: list[int]) -> Any:
        connection = self._connect()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        sent = connection.sendmsg([message], rights)
        connection.sendall(message[sent:])
        size = int.from_bytes(_exactly(connection, 4), "big")
        return json.loads(_exactly(connection, size))

    def _connect(self) -> socket.socket:
        if self._socket is None:
            mine, its = socket.socketpair()
            with its:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(_PROGRAM), str(its.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[its.fileno()],
                    start_new_session=True,
                    env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
                )
            self._socket = mine
        return self._socket

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.wait()
            self._process = None


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionResetError("the nursery has ended")
        data += piece
    return data
