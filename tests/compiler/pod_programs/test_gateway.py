"""The gateway of interactive tasks, in front of a program that answers."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from compiler.lower.sessions import program
from tests.waiting import HANG


class Echo:
    """A program that gives back what it gets, until it is closed."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(1 << 16):
                connection.sendall(data)

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    found = Echo()
    yield found
    if found.server.fileno() != -1:
        found.close()


class Gate:
    """A gateway as a process of its own."""

    def __init__(self, ports: str, exit_code: str = "/nowhere", **settings: str) -> None:
        told = {"GATEWAY_EXIT_CODE": exit_code, "GATEWAY_PORTS": ports, "GATEWAY_FIRST": "0"}
        env = {**os.environ, **told, **settings}
        command = [sys.executable, "-c", program()]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said: list[str] = []

    def port(self, name: str) -> int:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if match := re.fullmatch(rf"gateway: {name} at (\d+)\n", line):
                return int(match[1])
        raise AssertionError(self.said)

    def ended(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=HANG)
        return self.process.returncode, "".join(self.said) + out


@pytest.fixture
def gates() -> Iterator[list[Gate]]:
    made: list[Gate] = []
    yield made
    for gate in made:
        if gate.process.poll() is None:
            gate.process.kill()
        gate.process.communicate()


def said_back(port: int, data: bytes) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:

        def send() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        found = b""
        while piece := connection.recv(1 << 16):
            found += piece
        sender.join()
    return found


def test_bytes_go_both_ways_until_nobody_uses_it(echo: Echo, gates: list[Gate]) -> None:
    gates.append(gate := Gate(f"web={echo.port} other={echo.port}", GATEWAY_IDLE="2"))
    web, other = gate.port("web"), gate.port("other")
    data = os.urandom(3 << 20)
    assert said_back(web, data) == data
    assert said_back(other, b"x") == b"x"
    code, said = gate.ended()
    assert (code, "nobody has used it for 2 s" in said) == (0, True), said


def test_its_time_ends_also_while_it_is_used(echo: Echo, gates: list[Gate]) -> None:
    gates.append(gate := Gate(f"web={echo.port}", GATEWAY_LIFETIME="2"))
    with closing(socket.create_connection(("127.0.0.1", gate.port("web")))) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        code, said = gate.ended()
        assert (code, "the lifetime of 2 s is over" in said) == (0, True), said
        assert "Traceback" not in said
        assert connection.recv(1) == b""


def test_it_ends_with_its_program(echo: Echo, gates: list[Gate], tmp_path: Path) -> None:
    gates.append(gate := Gate(f"web={echo.port}", str(tmp_path / "exitcode")))
    gate.port("web")
    (tmp_path / "exitcode").write_text("0")
    code, said = gate.ended()
    assert (code, "the program has ended" in said) == (0, True), said
    assert "Traceback" not in said


@pytest.mark.parametrize(("code", "own"), [(127, 0), (0, 1)])
def test_a_program_that_never_listened_ends_it(gates: list[Gate], tmp_path: Path, code: int, own: int) -> None:
    (tmp_path / "exitcode").write_text(str(code))
    with closing(socket.socket()) as taken:  # bound, so that nobody else listens there, and not listening
        taken.bind(("127.0.0.1", 0))
        gates.append(gate := Gate(f"web={taken.getsockname()[1]}", str(tmp_path / "exitcode")))
        found, said = gate.ended()
    assert (found, f"ended with exit code {code} before it took connections" in said) == (own, True), said


def test_it_ends_at_once_when_it_is_told_to(echo: Echo, gates: list[Gate]) -> None:
    gates.append(gate := Gate(f"web={echo.port}"))
    gate.port("web")
    gate.process.send_signal(signal.SIGTERM)
    code, said = gate.ended()
    assert code == 143
    assert "Traceback" not in said


@pytest.mark.parametrize(("settings", "found"), [({}, False), ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True)])
def test_others_are_let_in_only_in_a_pod(echo: Echo, gates: list[Gate], settings: dict[str, str], found: bool) -> None:
    gates.append(gate := Gate(f"web={echo.port}", GATEWAY_OPEN="true", **settings))
    address = ("127.0.0.2", gate.port("web"))  # the loopback, and not what a program for this machine listens on
    if not found:
        with pytest.raises(OSError):
            socket.create_connection(address, timeout=HANG)
        return
    with closing(socket.create_connection(address, timeout=HANG)) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
