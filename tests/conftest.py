"""What all tests share: the reference data beside the checkout, Hypothesis profiles, order, nothing left behind."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.left_behind import nothing_left

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

# No deadline: on a loaded machine an example may take any time, and no test asserts one.
settings.register_profile("argosy", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
# No test pulls an image unless it asks for a container runtime by name.
os.environ["ARGOSY_EXECUTOR"] = "process"

# Where tests are started in the background a shell has them ignore it, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "argosy"))


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests run in the order that the seed ARGOSY_SHUFFLE gives, if there is one; those marked `shared` are skipped,
    with the reason, in a clone without the reference data."""
    if seed := os.environ.get("ARGOSY_SHUFFLE"):
        random.Random(seed).shuffle(items)
    if SHARED.is_dir():
        return
    skip = pytest.mark.skip(reason="no reference data at ../shared")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference data beside the checkout (Argo's schema, examples, outcomes; the sample project)."""
    if not SHARED.is_dir():
        pytest.skip("no reference data at ../shared")
    return SHARED
