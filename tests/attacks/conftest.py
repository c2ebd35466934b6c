"""What the attacks share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from argo.local.executors.folder import remove
from tests.argo.local.executors.conftest import Machine
from tests.attacks.runtimes import StandIn, why_no_podman


@pytest.fixture(params=["podman", "docker"])
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> StandIn:
    """A container runtime that is played."""
    return StandIn(tmp_path / "bin", request.param)


@pytest.fixture(scope="session")
def real_podman() -> None:
    """Skips where the real podman does not work."""
    if why := why_no_podman():
        pytest.skip(why)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Pods of one directory."""
    opened = Machine(tmp_path / "machine", "auto")
    yield opened
    opened.close()
    remove(opened.path)  # pytest cannot, where folders are very deep
