"""The service starts so many runs of this machine at once; the rest is told that it waits, in each of its APIs."""

from __future__ import annotations

from typing import Any

import yaml

from argo.local.backend import LocalBackend
from argo.local.home import Home
from tests.argo.serve.workflow_api.serving import Served

WAITS = """\
kind: ComputeAsset
name: waits
version: 1.0.0
image: any:1
command: [sh, -c, 'until [ -e /kept/go ]; do sleep 0.05; done; echo done > /out/said']
volumes: {kept: {claim: kept, path: /kept}}
outputs: {said: {kind: file, path: /out/said}}
"""


def test_the_rest_waits_in_order_and_is_told_so_also_after_a_kill(unserved: Served) -> None:
    (unserved.folder / "assets" / "waits.yaml").write_text(WAITS)
    project = {"kind": "Project", "service": {"limits": {"engines": 2}}}
    (unserved.folder / "argosy.yaml").write_text(yaml.safe_dump(project))
    client = unserved.start().client(unserved.consumer("a"))
    ids: list[str] = []
    for _ in range(5):
        ids.append(client.post("/v1/runs", json={"asset": "waits"}).json()["id"])
        unserved.until(lambda: look(client, ids[-1])["state"] == "running" or waits(client, ids[-1]), "it is taken")
    home = Home.open(unserved.folder / "home")

    def engines() -> int:
        backend = LocalBackend(home)
        try:
            return sum(backend.active(row.ref) for row in backend.state.rows())
        finally:
            backend.close()

    def settled() -> bool:
        assert engines() <= 2
        return [waits(client, run) for run in ids] == ["", "", "no run", "1 run", "2 runs"]

    unserved.until(settled, "three runs wait")
    assert look(client, ids[4])["state"] == "pending"
    unserved.kill()
    unserved.start()
    unserved.until(settled, "three runs wait still")
    kept = home.root / "volumes" / "kept"
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "go").touch()
    for run in ids:
        assert unserved.ended(client, run)["state"] == "succeeded"
        assert engines() <= 2
    began = [look(client, run)["startedAt"] for run in ids]
    assert max(began[:2]) <= began[2] <= began[3] <= began[4]


def look(client: Any, run: str) -> Any:
    return client.get(f"/v1/runs/{run}").json()


def waits(client: Any, run: str) -> str:
    """How many runs are said to be before one, in words."""
    message = str(look(client, run)["message"])
    return message.removeprefix("waiting for its turn: ").removesuffix(" before it") if "its turn" in message else ""
