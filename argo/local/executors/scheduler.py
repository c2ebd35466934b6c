"""Which pods run now: as many as this machine has room for by what they ask for, in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from argo.local.resources import NONE, Machine, is_device

Wants = Mapping[str, Decimal]
Devices = Mapping[str, Iterable[str]]


class Scheduler:
    """The pods that wait, and what those that run hold. One thread calls it.

    A pod that asks for more processors or memory than the machine has counts for all of it: it runs alone. Nobody
    overtakes a pod in what it waits for, so that a large one gets its turn; one that waits for a GPU holds up only
    those that want a GPU too.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._waiting: dict[str, Wants] = {}
        self._held: dict[str, Wants] = {}
        self._used: dict[str, Decimal] = {}
        self._devices: dict[str, dict[str, list[str]]] = {}

    def wait(self, key: str, wants: Wants) -> None:
        """Add a pod at the end of the queue."""
        self._waiting[key] = {
            name: amount if is_device(name) else min(amount, self._machine.has(name)) for name, amount in wants.items()
        }

    def waits(self, key: str) -> bool:
        """True where the pod is in the queue."""
        return key in self._waiting

    def drop(self, key: str) -> None:
        """Take a pod out of the queue, and back what it holds."""
        self._waiting.pop(key, None)
        self._devices.pop(key, None)
        for name, amount in self._held.pop(key, {}).items():
            self._used[name] -= amount

    def admit(self) -> list[str]:
        """Take the pods for which there is room out of the queue; they hold what they want until dropped."""
        admitted: list[str] = []
        short: set[str] = set()
        for key, wants in self._waiting.items():
            lacking = self._lacking(wants)
            if lacking or not short.isdisjoint(wants):
                short.update(lacking)
                if "cpu" in short or "pods" in short:  # which everyone wants
                    break
            else:
                self._hold(key, wants, self._pick(wants))
                admitted.append(key)
        for key in admitted:
            del self._waiting[key]
        return admitted

    def adopt(self, key: str, wants: Wants, devices: Devices) -> None:
        """Count a pod that runs already, room or not."""
        self._hold(key, wants, {name: list(ids) for name, ids in devices.items()})

    def devices(self, key: str) -> dict[str, list[str]]:
        """The devices that a pod holds, by resource."""
        return self._devices.get(key, {})

    def reason(self, key: str) -> str:
        """Why a pod waits, in Kubernetes' words; a pod that only keeps its place waits for a processor, too."""
        lacking = self._lacking(self._waiting[key]) or ["cpu"]
        text = ", ".join("1 Too many pods" if name == "pods" else f"1 Insufficient {name}" for name in lacking)
        return f"Unschedulable: 0/1 nodes are available: {text}."

    def _lacking(self, wants: Wants) -> list[str]:
        return [name for name, amount in wants.items() if self._used.get(name, NONE) + amount > self._machine.has(name)]

    def _pick(self, wants: Wants) -> dict[str, list[str]]:
        picked: dict[str, list[str]] = {}
        for name in filter(is_device, wants):
            free = list(self._machine.ids(name))
            for held in self._devices.values():
                for identity in held.get(name, ()):
                    if identity in free:
                        free.remove(identity)
            picked[name] = free[: int(wants[name])]
        return picked

    def _hold(self, key: str, wants: Wants, devices: dict[str, list[str]]) -> None:
        self._held[key] = wants
        if devices:
            self._devices[key] = devices
        for name, amount in wants.items():
            self._used[name] = self._used.get(name, NONE) + amount
