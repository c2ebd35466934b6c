"""The loop that drives one run: outcomes -> decisions -> recorded -> done, until nothing runs.

What is about to be started is on disk before it is started, so that the loop may be killed anywhere: the next one
loads the run, hands every pod request that has no recorded end to `Pods.create` again (which adopts what runs or
has ended, and starts only what never started), and goes on.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType
from typing import Protocol

from argo.backend import FINISHED, FULFILLED, CommandArguments
from argo.errors import ArgosyError
from argo.files.shortage import shortage
from argo.local.clock import now
from argo.local.pods import Decisions, PodOutcome, PodRequest, Pods
from argo.local.state.database import Command, State
from argo.workflow.commands import apply
from argo.workflow.nodes import TERMINATE
from argo.workflow.tree import idle
from compiler.manifest_types import Workflow

TICK = 0.2  # seconds within which commands of other processes and Ctrl-C are noticed
GRACE = 30.0  # seconds between SIGTERM and SIGKILL where the pod does not say, as in Kubernetes
_ENDED = frozenset({"Succeeded", "Failed", "Error"})

Observer = Callable[[Workflow, Collection[str]], None]
"""Called after every turn of the loop with the workflow and the ids of the nodes that changed in it."""


class Reconciler(Protocol):
    """`argo.local.controller.Controller`, as far as the loop is concerned."""

    def operate(self, outcomes: Mapping[str, PodOutcome], now: datetime) -> Decisions: ...


@dataclass(slots=True)
class Engine:
    """Drives one run. The caller holds its `RunLock`."""

    state: State
    uid: str
    workflow: Workflow
    controller: Reconciler
    pods: Pods
    observe: Observer = lambda _workflow, _changed: None
    wait: bool = True  # False: leave the run when it waits for nothing but people
    clock: Callable[[], datetime] = now
    _requests: dict[str, PodRequest] = field(default_factory=dict)  # started, no end recorded
    _failed: dict[str, PodOutcome] = field(default_factory=dict)  # could not be started
    _wake: datetime | None = None  # when to look again without an event
    _leaving: bool = False

    def drive(self) -> bool:
        """Run until the workflow has ended and nothing runs: True. False when left by a signal: it can be resumed."""
        with self._signals():
            self.begin()
            outcomes: Mapping[str, PodOutcome] = {}
            while not self._leaving:
                if self.step(outcomes):
                    return True
                if not self.wait and not self._requests and idle(self.workflow):
                    return False
                outcomes = self.pods.poll(self.patience())
            return False

    def begin(self) -> None:
        """Take up what was started before."""
        self._wake = self.clock()
        nodes = self.workflow.get("status", {}).get("nodes") or {}
        for request in self.state.pods(self.uid):
            self._start(request)
            if nodes.get(request.node_id, {}).get("phase") in FULFILLED:
                self._end(request.node_id)

    def step(self, outcomes: Mapping[str, PodOutcome]) -> bool:
        """Go on with what is known of pods and commands now; whether the run is over."""
        if self._failed:
            outcomes = {**outcomes, **self._failed}
            self._failed = {}
        commands = self.state.commands(self.uid)
        if outcomes or commands or (self._wake is not None and self.clock() >= self._wake):
            self._wake = self._turn(outcomes, commands)
        else:
            self.observe(self.workflow, ())
        return self._over()

    def patience(self) -> float:
        """Seconds in which nothing but an outcome or a command is to be expected."""
        if self._failed:
            return 0.0
        return TICK if self._wake is None else min(TICK, max(0.01, (self._wake - self.clock()).total_seconds()))

    def leave(self) -> None:
        """Return from `drive` soon, the run as it is: tasks that run go on."""
        self._leaving = True

    def _turn(self, outcomes: Mapping[str, PodOutcome], commands: list[Command]) -> datetime | None:
        changed: set[str] = set()
        settled: list[tuple[int, str]] = []
        for command in commands:
            try:
                changed |= self._carry_out(command.verb, command.arguments)
                settled.append((command.id, ""))
            except ArgosyError as error:
                settled.append((command.id, error.message))
        decisions = self.controller.operate(outcomes, self.clock())
        changed |= decisions.changed
        ended = [key for key, outcome in outcomes.items() if outcome.phase in _ENDED]
        self.state.record(self.uid, self.workflow, changed, decisions.launch, ended, settled)
        for key in ended:
            self._requests.pop(key, None)
        for request in decisions.launch:
            self._start(request)
        hurried = any(command.verb == "terminate" for command in commands)
        for key in [*self._requests] if hurried else decisions.kill:
            self._end(key)
        self.observe(self.workflow, changed)
        return decisions.wake_at

    def _carry_out(self, verb: str, arguments: CommandArguments) -> set[str]:
        """Carry out a command; the ids of the nodes that it changed.

        Where the run has ended and its tasks have not yet, `stop` is done, and `terminate` takes their time away.
        """
        if verb in ("stop", "terminate") and self._requests and self.workflow["status"].get("phase") in FINISHED:
            if verb == "terminate":
                self.workflow["spec"]["shutdown"] = TERMINATE
            return set()
        return apply(self.workflow, verb, arguments, self.clock())

    def _start(self, request: PodRequest) -> None:
        self._requests[request.node_id] = request
        try:
            self.pods.create(request)
        except (ArgosyError, OSError) as error:
            if shortage(error):
                raise
            self._failed[request.node_id] = PodOutcome("Error", f"could not be started: {error}")

    def _end(self, node_id: str) -> None:
        request = self._requests.get(node_id)
        if request is not None:
            grace = float(request.pod_spec.get("terminationGracePeriodSeconds", GRACE))
            self.pods.kill(node_id, 0.0 if self.workflow["spec"].get("shutdown") == TERMINATE else grace)

    def _over(self) -> bool:
        return not self._requests and self.workflow.get("status", {}).get("phase") in FINISHED

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The first SIGINT, SIGTERM or SIGHUP leaves the run; a second one has its usual effect."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def on_signal(number: int, _frame: FrameType | None) -> None:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            self.leave()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
