"""What Argosy keeps is read by nobody else, also where others could before; no password is on a command line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from argo.local.home import Home
from argo.local.state.database import State
from argo.serve.workflow_api.database import Database
from tests.argo.cli.conftest import Command
from tests.argo.cli.conftest import argosy as argosy


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}


def test_state_is_its_owners_alone(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        home = Home.open(tmp_path / "home")
        for _ in range(2):
            State(home.database).close()
            Database(f"sqlite:///{home.root / 'service.db'}").close()
            assert modes(home.root) == {0o600}
            for path in home.root.iterdir():
                path.chmod(0o644)  # as they were made before
    finally:
        os.umask(mask)
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "url", ["postgresql://argosy:sesame@db/argosy", "postgresql://argosy@db/argosy?password=sesame"]
)
@pytest.mark.parametrize("command", [("serve",), ("consumers", "list"), ("consumers", "add", "a")], ids=" ".join)
def test_a_password_is_not_taken_from_the_command_line(argosy: Command, command: tuple[str, ...], url: str) -> None:
    said = argosy(*command, "--database", url, code=2)
    assert "ARGOSY_DATABASE" in said.stderr
    assert "sesame" not in said.stdout + said.stderr
