"""What a hint tells to type, for a package that is missing, works with the installation as it is."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from argo.app import installed
from argo.app.installed import install


class Installed:
    def __init__(self, origin: dict[str, object] | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (None, "'argosy[service]'"),
        (
            {"url": "file:///somewhere/my%20argosy", "dir_info": {"editable": True}},
            "-e '/somewhere/my argosy[service]'",
        ),
        ({"url": "file:///somewhere/argosy", "dir_info": {}}, "'argosy[service] @ file:///somewhere/argosy'"),
        (
            {"url": "file:///dist/argosy-0.1.0-py3-none-any.whl", "archive_info": {}},
            "'argosy[service] @ file:///dist/argosy-0.1.0-py3-none-any.whl'",
        ),
    ],
)
def test_an_extra_is_installed_from_where_argosy_came(
    origin: dict[str, object] | None, requirement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "distribution", lambda _name: Installed(origin))
    assert install("service") == f"{sys.executable} -m pip install {requirement}"


def test_in_the_checkout_itself_a_dot_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        installed, "distribution", lambda _name: Installed({"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    )
    monkeypatch.chdir(tmp_path)
    assert install("service").endswith(" -m pip install -e '.[service]'")


def test_without_an_installation_it_is_the_checkout_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installed, "distribution", missing)
    monkeypatch.chdir("/")
    assert f"-e '{Path(installed.__file__).parents[2]}[postgres]'" in install("postgres")
