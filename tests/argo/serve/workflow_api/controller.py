"""Argo's controller over a real Kubernetes API, played by the engine of this machine: it runs what was sent there, from
the store that is meant, and writes the statuses back."""

from __future__ import annotations

import threading
import urllib.error
from contextlib import suppress
from pathlib import Path
from typing import Any

from argo.backend import FINISHED, RunRef, Submission
from argo.errors import ArgosyError
from argo.local.backend import LocalBackend
from argo.local.home import Home
from argo.storage import Store
from compiler.labels import BOUNDS
from tests.argo.backends.kubernetes.conftest import Place
from tests.waiting import until


class Controller:
    """Looks after one namespace until it is closed. `store` are the settings of the store, `objects` the store."""

    def __init__(self, place: Place, home: Path, store: Any, objects: Store) -> None:
        self._place = place
        self._backend = LocalBackend(Home.open(home))
        self._store = store
        self._objects = objects
        self._known: dict[str, RunRef] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for ref in self._known.values():
            with suppress(ArgosyError):
                self._backend.terminate(ref)
        until(lambda: not any(self._backend.active(ref) for ref in self._known.values()), "the runs end")
        self._backend.close()

    def _run(self) -> None:
        while not self._over.wait(0.1):
            for workflow in self._place.workflows():
                with suppress(urllib.error.HTTPError):  # changed by somebody else, or gone
                    self._turn(workflow)

    def _turn(self, workflow: Any) -> None:
        metadata, spec = workflow["metadata"], workflow["spec"]
        uid = metadata["uid"]
        if uid not in self._known:
            if spec.get("suspend"):
                return
            self._begin(workflow)
        ref = self._known[uid]
        if (workflow.get("status") or {}).get("phase") in FINISHED:
            return
        if spec.get("shutdown"):
            with suppress(ArgosyError):
                self._backend.stop(ref)
        status = self._backend.get(ref).get("status") or {}
        if status.get("phase") in FINISHED:
            self._archive(ref, status)
        if status:
            self._place.status(metadata["name"], status)

    def _begin(self, workflow: Any) -> None:
        metadata = workflow["metadata"]
        kept = {
            name: metadata[name] for name in ("name", "namespace", "uid", "labels", "annotations") if name in metadata
        }
        objects: Any = [{"kind": "ConfigMap", **found} for found in self._place.config_maps().values()]
        own: Any = {
            "apiVersion": workflow["apiVersion"],
            "kind": "Workflow",
            "metadata": kept,
            "spec": workflow["spec"],
        }
        for template in own["spec"].get("templates") or ():  # a cluster keeps what this machine's processes cannot
            ((template.get("metadata") or {}).get("annotations") or {}).pop(BOUNDS, None)
        made = self._backend.record(Submission(own, objects, "cluster"), executor="process", store=self._store)
        self._known[metadata["uid"]] = made.ref
        self._backend.start(made.ref)

    def _archive(self, ref: RunRef, status: Any) -> None:
        """Logs go to the store, as the executor archives them."""
        lines: dict[str, list[str]] = {}
        for line in self._backend.logs(ref):
            lines.setdefault(line.task, []).append(line.text)
        for node in status["nodes"].values():
            task = node["name"].removeprefix(f"{ref.name}.")
            if node["type"] == "Pod" and task in lines:
                key = f"logs/{ref.uid}/{node['id']}"
                self._objects.put_bytes(key, "".join(f"{text}\n" for text in lines[task]).encode())
                artifacts = node.setdefault("outputs", {}).setdefault("artifacts", [])
                artifacts.append({"name": "main-logs", "s3": {"key": key}})
