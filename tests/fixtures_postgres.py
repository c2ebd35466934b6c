"""A PostgreSQL server of the test's own: `from tests.fixtures_postgres import postgres` makes the fixture known."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.left_behind import shared_environment
from tests.waiting import until

HOW = "PostgreSQL is not here: `apt-get install postgresql`, or set ARGOSY_POSTGRES to the folder of its programs"


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    port: int

    def database(self) -> str:
        """The URL of a new database."""
        import psycopg

        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(f"postgresql://argosy@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://argosy@127.0.0.1:{self.port}/{name}"


def programs() -> Path | None:
    """The folder with `postgres` and `initdb`."""
    given = os.environ.get("ARGOSY_POSTGRES")
    if given:
        return Path(given)
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return known[-1].parent if known else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    folder = programs()
    if folder is None:
        if os.environ.get("CI"):
            pytest.fail(HOW)
        pytest.skip(HOW)
    user = _user()
    data = Path(tempfile.mkdtemp(prefix="argosy-postgres-"))
    if user is not None:
        os.chown(data, user, user)
    as_user: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": data}
    as_user["env"] = shared_environment()
    subprocess.run(
        [folder / "initdb", "-D", data / "db", "-U", "argosy", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"],
        check=True, **as_user, **quiet,
    )  # fmt: skip
    port = _free()
    options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}"]
    server = subprocess.Popen([folder / "postgres", "-D", data / "db", "-p", str(port), *options], **as_user, **quiet)
    try:
        _await(port)
        yield Postgres(port)
    finally:
        server.send_signal(signal.SIGINT)  # at once, whoever is connected
        server.wait()
        shutil.rmtree(data, ignore_errors=True)


def _user() -> int | None:
    """Whom the server runs as: not root, which it refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise AssertionError("there is no user to run PostgreSQL as")


def _free() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def _await(port: int) -> None:
    import psycopg

    def answers() -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://argosy@127.0.0.1:{port}/postgres").close()
            return True
        return False

    until(answers, "PostgreSQL answers")
