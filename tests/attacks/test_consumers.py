"""A consumer of a real service brings an image and a program, and attacks the machine that runs it by both."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.argo.serve.workflow_api.serving import Served
from tests.attacks.runtimes import StandIn
from tests.attacks.test_images import OPTIONS

HIDDEN = "what-only-the-host-knows"
IMAGE = "docker.io/library/alpine:3@sha256:" + "b" * 64
ASSET = """\
kind: ComputeAsset
name: bring
version: 1.0.0
mode: extended
bounds: {registries: [docker.io/library]}
outputs:
  result: {kind: file, path: /out/result, optional: true}
  value: {kind: value, path: /out/value, default: none}
  folder: {kind: directory, path: /out/folder, optional: true}
"""


@pytest.fixture(scope="module", params=["podman", "docker"])
def attacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("attacked")
    runtime = StandIn(folder / "bin", request.param)
    (folder / "assets").mkdir()
    (folder / "assets" / "bring.yaml").write_text(ASSET)
    variables = {"PATH": runtime.environment["PATH"], "ARGOSY_EXECUTOR": runtime.name}
    served = Served(folder, variables=variables, arguments=("assets",)).start()
    yield Attacked(served, runtime)
    served.close()
    assert "Traceback" not in served.log


class Attacked:
    """A service whose containers a played runtime runs, and one consumer of it, who may have one run at a time."""

    def __init__(self, served: Served, runtime: StandIn) -> None:
        self.served, self.runtime = served, runtime
        self.client = served.client(served.consumer("mallory", "--runs", "1"))

    def post(self, image: str, script: str) -> Any:
        extension = {"image": image, "command": ["sh", "-c", script]}
        return self.client.post("/v1/runs", json={"asset": "bring", "extension": extension})

    def run(self, script: str) -> str:
        """The run of a program, which has ended."""
        answer = self.post(IMAGE, script)
        assert answer.status_code == 202, answer.text
        run: str = answer.json()["id"]
        self.served.ended(self.client, run)
        return run

    def seen(self, run: str) -> bytes:
        """All that the consumer can have of a run."""
        outputs = [f"/v1/runs/{run}/outputs/{name}" for name in ("result", "value", "folder")]
        pages = [f"/v1/runs/{run}", f"/v1/runs/{run}/outputs", f"/v1/runs/{run}/logs", *outputs]
        return b"".join(self.client.get(page, follow_redirects=True).content for page in pages)


@pytest.fixture
def hidden() -> Iterator[Path]:
    """A file of the machine that no container was given."""
    with tempfile.TemporaryDirectory(prefix="argosy-attack-", dir="/var/tmp") as folder:
        (Path(folder) / "key").write_text(HIDDEN)
        yield Path(folder) / "key"


def test_what_the_program_writes_is_seen(attacked: Attacked) -> None:
    for name in ("result", "value"):
        assert HIDDEN.encode() in attacked.seen(attacked.run(f"echo {HIDDEN} > $MOUNT_out/{name}"))


@pytest.mark.parametrize("output", ["result", "value"])
@pytest.mark.parametrize("attack", ["ln -s {key} {out}", "ln -s {folder} $MOUNT_out/d; ln -s d/key {out}"])
def test_a_link_brings_no_file_of_the_host(attacked: Attacked, hidden: Path, output: str, attack: str) -> None:
    run = attacked.run(attack.format(key=hidden, folder=hidden.parent, out=f"$MOUNT_out/{output}"))
    assert HIDDEN.encode() not in attacked.seen(run)


def test_a_packed_folder_brings_no_file_of_the_host(attacked: Attacked, hidden: Path) -> None:
    run = attacked.run(f"mkdir $MOUNT_out/folder; echo mine > $MOUNT_out/folder/f; ln -s {hidden} $MOUNT_out/folder/l")
    assert HIDDEN.encode() not in attacked.seen(run)


@pytest.mark.parametrize("attack", ["mkfifo {out}", "ln -s /dev/zero {out}"])
@pytest.mark.parametrize("output", ["result", "value"])
def test_what_is_no_file_keeps_neither_the_run_nor_the_quota(attacked: Attacked, output: str, attack: str) -> None:
    attacked.run(attack.format(out=f"$MOUNT_out/{output}"))
    run = attacked.run("echo done > $MOUNT_out/result")
    assert attacked.client.get(f"/v1/runs/{run}").json()["state"] == "succeeded"


def test_an_option_is_refused_as_an_image(attacked: Attacked) -> None:
    before = len(attacked.runtime.calls())
    for image in [*OPTIONS, "--mount=type=bind,source=/,target=/h@sha256:" + "b" * 64]:
        answer = attacked.post(image, "true")
        assert answer.status_code == 422, (image, answer.text)
    assert len(attacked.runtime.calls()) == before


def test_an_image_stands_behind_the_end_of_options(attacked: Attacked) -> None:
    attacked.run("true")
    words = [call for call in attacked.runtime.calls() if call[0] == "run"][-1]
    assert words[words.index(IMAGE) - 1] == "--"
