"""Retry nodes: whether a failed attempt is followed by another one, and when.

Facts: Argo workflow/controller/operator.go (processNodeRetries, buildRetryStrategyLocalScope).
"""

from __future__ import annotations

import copy
import re
from datetime import datetime, timedelta
from typing import NamedTuple

from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import duration, number
from argo.local.controller.nodes import finished_at, fulfilled, retried, started_at, unsuccessful
from argo.local.controller.scope import evaluate_bool
from argo.local.controller.state import State
from argo.workflow.values import format_time, text
from compiler.manifest_types import Backoff, NodeStatus, RetryStrategy

_TRANSIENT = re.compile(
    r"exceeded quota|object has been modified|i/o timeout|connection (?:reset|refused)|TLS handshake|timed? ?out"
    r"|too many requests|temporar(?:y|ily)",
    re.IGNORECASE,
)


class Verdict(NamedTuple):
    """Tells whether there is an attempt to go on with, the open one or a new one, and when that must end."""

    attempt: bool
    deadline: datetime | None = None


_NONE = Verdict(attempt=False)


def attempts(state: State, node: NodeStatus) -> list[NodeStatus]:
    """The Retry node's attempts, oldest first."""
    return [child for child in state.nodes.children(node) if retried(child)]


def policy(strategy: RetryStrategy) -> str:
    """Argo: RetryPolicyActual."""
    return str(strategy.get("retryPolicy") or ("Always" if strategy.get("expression") else "OnFailure"))


def assess(state: State, node: NodeStatus, strategy: RetryStrategy) -> Verdict:
    """Look at the newest attempt and mark the Retry node accordingly. Raises ReconcileError."""
    tried = attempts(state, node)
    if fulfilled(node) or not tried or not fulfilled(tried[-1]):
        return Verdict(not fulfilled(node))
    last = tried[-1]
    if not unsuccessful(last):
        _copy_outputs(node, last)
        state.mark(node, "Succeeded")
        return _NONE
    if state.shutdown:
        return _end(state, node, last, f"Stopped with strategy '{state.shutdown}'")
    if state.deadline is not None and state.now > state.deadline:
        return _end(state, node, last, f"retry exceeded workflow deadline {format_time(state.deadline)}")
    deadline = None
    if strategy.get("backoff") is not None:
        waiting = _back_off(state, node, strategy, tried)
        if isinstance(waiting, Verdict):
            return waiting
        deadline = waiting
        state.mark(node, node["phase"], "")
    message = _refusal(strategy, tried)
    if message is not None:
        return _end(state, node, last, message)
    return Verdict(True, deadline)


def _copy_outputs(node: NodeStatus, last: NodeStatus) -> None:
    if last.get("outputs"):
        node["outputs"] = copy.deepcopy(last["outputs"])


def _end(state: State, node: NodeStatus, last: NodeStatus, message: str) -> Verdict:
    _copy_outputs(node, last)
    state.mark(node, last["phase"], message)
    return _NONE


def _back_off(
    state: State, node: NodeStatus, strategy: RetryStrategy, tried: list[NodeStatus]
) -> Verdict | datetime | None:
    """A verdict to wait or end, or the deadline that maxDuration sets for the next attempt."""
    backoff, last = strategy["backoff"], tried[-1]
    maximum = duration(backoff["maxDuration"]) if backoff.get("maxDuration") else None
    wait = _wait(backoff, len(tried))
    ends = None if maximum is None else started_at(tried[0]) + maximum
    if ends is not None and state.now > ends:
        return _end(state, node, last, "Max duration limit exceeded")
    resumes = finished_at(last) + wait
    if ends is not None and resumes > ends:
        return _end(state, node, last, "Backoff would exceed max duration limit")
    limit = _limit(strategy)
    if state.now < resumes and limit is not None and len(tried) <= limit:
        state.wake(node["id"], resumes)
        state.mark(node, node["phase"], f"Backoff for {_humanize(wait)}")
        return _NONE
    return ends


def _wait(backoff: Backoff, count: int) -> timedelta:
    if not backoff.get("duration"):
        raise ReconcileError("no base duration specified for retryStrategy")
    wait = duration(backoff["duration"])
    factor = number(backoff["factor"], "retryStrategy.backoff.factor") if backoff.get("factor") is not None else 0
    if factor > 0:
        wait = timedelta(seconds=min(wait.total_seconds() * float(factor) ** (count - 1), 1e9))
    if backoff.get("cap"):
        wait = min(wait, duration(backoff["cap"]))
    return wait


def _limit(strategy: RetryStrategy) -> int | None:
    limit = strategy.get("limit")
    return None if limit is None else number(limit, "retryStrategy.limit")


def _refusal(strategy: RetryStrategy, tried: list[NodeStatus]) -> str | None:
    """The message with which the Retry node ends; None to go on."""
    last = tried[-1]
    if not _policy_allows(policy(strategy), last):
        return str(last.get("message", ""))
    limit = _limit(strategy)
    if limit is not None and len(tried) > limit:
        return "No more retries left"
    if strategy.get("expression"):
        values = {**variables(tried, default_exit_code="-1"), "retries": str(len(tried) - 1)}
        if not evaluate_bool(text(strategy["expression"]), values):
            return "retryStrategy.expression evaluated to false"
    return None


def _policy_allows(chosen: str, last: NodeStatus) -> bool:
    allowed = {
        "Always": True,
        "OnError": last["phase"] == "Error",
        "OnFailure": last["phase"] == "Failed",
        "OnTransientError": _TRANSIENT.search(last.get("message", "")) is not None,
    }
    if chosen not in allowed:
        raise ReconcileError(f"{chosen} is not a valid RetryPolicy")
    return allowed[chosen]


def variables(tried: list[NodeStatus], default_exit_code: str = "0") -> dict[str, str]:
    """`lastRetry.*` after these attempts; the first attempt sees defaults."""
    last = tried[-1] if tried else NodeStatus(phase="", outputs={"exitCode": "0"})
    exit_code = (last.get("outputs") or {}).get("exitCode")
    return {
        "lastRetry.exitCode": default_exit_code if exit_code is None else text(exit_code),
        "lastRetry.status": last["phase"],
        "lastRetry.duration": text(_seconds(last)),
        "lastRetry.message": last.get("message", ""),
    }


def _seconds(node: NodeStatus) -> float:
    if not node.get("finishedAt"):
        return 0.0
    return (finished_at(node) - started_at(node)).total_seconds()


def _humanize(duration: timedelta) -> str:
    """`1 minutes 30 seconds`, as Argo's humanize.Duration words a back-off."""
    seconds = int(duration.total_seconds())
    days, seconds = divmod(seconds, 86400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = [(days, "days"), (hours, "hours"), (minutes, "minutes"), (seconds, "seconds")]
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(shown[:2]) if shown else "0 seconds"
