"""Which branches of a composite node are to be looked at, and which wait for a limit on parallelism."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from argo.local.controller.state import BlockedError, State


class Worklist:
    """Keys in order. What a limit holds back is looked at first next time, open branches before new ones."""

    def __init__(self, state: State, node_id: str) -> None:
        self._state = state
        self._node_id = node_id
        self._dirty: dict[str, None] = {}
        self._held_open: dict[str, None] = {}
        self._held_new: dict[str, None] = {}

    def add(self, keys: Iterable[str]) -> None:
        self._dirty.update(dict.fromkeys(keys))

    def touch(self, key: str) -> None:
        self._dirty[key] = None

    def drain(self, visit: Callable[[str], None], is_open: Callable[[str], bool], stop: Callable[[], bool]) -> None:
        """Visit every key that can go on, until none is left or `stop` says so."""
        self._state.blocked.pop(self._node_id, None)
        self._dirty = {**self._held_open, **self._dirty}
        self._held_open = {}
        try_new = True
        while not stop():
            if self._dirty:
                key = next(iter(self._dirty))
                del self._dirty[key]
                self._held_open.pop(key, None)
                if key not in self._held_new:
                    self._visit(key, visit, is_open)
            elif try_new and self._held_new:
                key = next(iter(self._held_new))
                del self._held_new[key]
                # What holds back one new branch holds back all of them.
                try_new = self._visit(key, visit, is_open)
            else:
                break
        if self.waiting:
            self._state.blocked[self._node_id] = None

    def _visit(self, key: str, visit: Callable[[str], None], is_open: Callable[[str], bool]) -> bool:
        try:
            visit(key)
        except BlockedError:
            queue = self._held_open if is_open(key) else self._held_new
            queue[key] = None
            return False
        return True

    @property
    def waiting(self) -> bool:
        """True where a limit holds something back."""
        return bool(self._held_open or self._held_new)

    @property
    def unfinished(self) -> bool:
        """True where a branch that has begun, or its hooks, is held back."""
        return bool(self._held_open)

    def close(self) -> None:
        """Nothing of this node is looked at any more."""
        self._state.blocked.pop(self._node_id, None)
        for queue in (self._dirty, self._held_open, self._held_new):
            queue.clear()
