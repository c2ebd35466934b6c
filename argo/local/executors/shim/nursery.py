"""The process that pods' supervisors are forked from: started once for many pods, so that each costs a fork only.

It serves its engine over a socket, a message a request: four bytes of length, then JSON, with the pod's lock as an
attached descriptor. It answers with the supervisor's process id. It ends with its engine; the supervisors do not.
"""

from __future__ import annotations

import array
import gc
import json
import os
import signal
import socket
from contextlib import suppress
from typing import Any, NoReturn

from argo.local.executors.shim import kernel
from argo.local.executors.shim.record import Record
from argo.local.executors.shim.supervise import supervise
from argo.local.executors.shim.view import View


def serve(descriptor: int) -> None:
    """Serve the engine at the other end of the socket until it is gone."""
    engine = socket.socket(fileno=descriptor)
    os.umask(0o022)
    # A supervisor that is told to stop before it listens hears of it when it does.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    gc.freeze()
    while True:
        message = _receive(engine)
        if message is None:
            return
        request, descriptors = message
        child = os.fork()
        if child == 0:
            engine.close()
            _grow_up(request)
        for inherited in descriptors:
            os.close(inherited)
        answer: Any = child
        if request["do"] == "probe":
            answer = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        _bury()
        data = json.dumps(answer).encode()
        try:
            engine.sendall(len(data).to_bytes(4, "big") + data)
        except OSError:
            return


def _receive(engine: socket.socket) -> tuple[Record, list[int]] | None:
    """The next request, whole, and the descriptors that came with it; None when the engine is gone."""
    descriptors = array.array("i")
    data = b""
    size = 4
    while len(data) < size:
        try:
            piece, control, _, _ = engine.recvmsg(1 << 20, socket.CMSG_SPACE(4))
        except OSError:
            return None
        for level, kind, content in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
        if not piece:
            return None
        data += piece
        if len(data) >= 4:
            size = 4 + int.from_bytes(data[:4], "big")
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # Python does not ask for that when it receives them
    request: Record = json.loads(data[4:])
    return request, list(descriptors)


def _bury() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _grow_up(request: Record) -> NoReturn:
    code = 1
    try:
        if request["do"] == "probe":
            _probe(request["folder"])
        else:
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            supervise(request)
        code = 0
    except BaseException:  # noqa: BLE001 -- nobody is above to tell; the engine sees that no record was written
        _complain(request)
    finally:
        os._exit(code)


def _complain(request: Record) -> None:
    """Leave the reason beside the pod: a bug of the supervisor, not of what it ran."""
    if request["do"] == "probe":
        return
    import traceback

    with open(os.path.join(request["folder"], "supervisor.log"), "a", encoding="utf-8") as file:
        traceback.print_exc(file=file)


def _probe(folder: str) -> None:
    """Try what a container's view needs; OSError where the system does not allow it."""
    kernel.new_namespaces()
    child = os.fork()
    if child == 0:
        try:
            view = View(folder, [], [], [])
            view.prepare()
            view.enter()
            os._exit(0)
        except OSError:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise PermissionError("no namespaces")
