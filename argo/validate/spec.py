"""Settings of whole workflows, and of CronWorkflows.

Facts: Argo workflow/validate/validate.go (Workflow, CronWorkflow).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from argo.validate.leaf import check_pod_resources
from argo.validate.place import Place
from compiler.diagnostics import Diagnostic
from compiler.load import cron

_NAME = 63
_CRON_NAME = 52  # a run's name has the time behind the CronWorkflow's
_STRATEGIES = ("OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_CONCURRENCY = ("Allow", "Forbid", "Replace")


def check_settings(spec: Place) -> Iterator[Diagnostic]:
    """The object's name, and fields of the spec that stand for themselves."""
    name = Place(spec.document, spec.document.object, ()).child("metadata").child("name")
    longest = _CRON_NAME if spec.document.kind == "CronWorkflow" else _NAME
    if len(str(name.value or "")) > longest:
        message = f"name {name.value} must not be more than {longest} characters long (currently {len(name.value)})"
        yield name.problem("A725", message)
    for claim in spec.items("volumeClaimTemplates"):
        if not claim.child("metadata").get("name"):
            yield claim.problem("A725", "metadata.name of a volumeClaimTemplate is required", key=True)
    collection = spec.child("podGC")
    strategy = collection.child("strategy")
    yield from strategy.among(_STRATEGIES, f"unknown strategy '{strategy.value}'")
    for expression in collection.items("labelSelector", "matchExpressions"):
        if expression.get("operator") not in _OPERATORS:
            place = expression.child("operator")
            yield place.problem("A726", f"{place.value} is not a valid label selector operator")
    yield from check_pod_resources(spec.child("podResources"))


def check_cron(spec: Place) -> Iterator[Diagnostic]:
    """The spec of a CronWorkflow."""
    schedules = list(spec.items("schedules"))
    if not schedules:
        yield spec.problem("A726", "cron workflow must have at least one schedule", key=True)
    for schedule in schedules:
        if problem := _schedule(str(schedule.value)):
            yield schedule.problem("A726", f"cron schedule {schedule.value} is malformed: {problem}")
    policy = spec.child("concurrencyPolicy")
    yield from policy.among(_CONCURRENCY, f"'{policy.value}' is not a valid concurrencyPolicy")
    if spec.get("startingDeadlineSeconds", 0) < 0:
        yield spec.child("startingDeadlineSeconds").problem("A726", "startingDeadlineSeconds must be positive")
    zone = spec.child("timezone")
    if zone.value and not _is_zone(str(zone.value)):
        yield zone.problem("A726", f'invalid timezone "{zone.value}"')


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    if name in ("UTC", "Local"):
        return True
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return True


def _schedule(text: str) -> str | None:
    """Say what is wrong with a schedule, or None; it may begin with its time zone."""
    zone = re.match(r"(?:CRON_)?TZ=(\S+)\s+", text)
    if zone and not _is_zone(zone[1]):
        return f"unknown time zone {zone[1]}"
    return cron.problem(text[zone.end() :] if zone else text)
