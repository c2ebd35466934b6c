"""Settings of whole workflows, and of CronWorkflows.

Facts: Argo workflow/validate/validate.go (Workflow, CronWorkflow).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from argo.validate.leaf import check_pod_resources
from argo.validate.place import Place
from compiler.diagnostics import Diagnostic

_NAME = 63
_CRON_NAME = 52  # a run's name has the time behind the CronWorkflow's
_STRATEGIES = ("OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_CONCURRENCY = ("Allow", "Forbid", "Replace")
_MONTHS = tuple("jan feb mar apr may jun jul aug sep oct nov dec".split())
_DAYS = tuple("sun mon tue wed thu fri sat".split())
_FIELDS: Sequence[tuple[int, int, tuple[str, ...]]] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


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
    if collection.get("strategy") and collection.get("strategy") not in _STRATEGIES:
        place = collection.child("strategy")
        yield place.problem("A726", f"unknown strategy '{place.value}'", hint=f"one of {', '.join(_STRATEGIES)}")
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
    if policy.value and policy.value not in _CONCURRENCY:
        hint = f"one of {', '.join(_CONCURRENCY)}"
        yield policy.problem("A726", f"'{policy.value}' is not a valid concurrencyPolicy", hint=hint)
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


def _schedule(text: str) -> str:
    """Say what is wrong with a schedule; empty when nothing is."""
    zone = re.match(r"(?:CRON_)?TZ=(\S+)\s+", text)
    if zone and not _is_zone(zone[1]):
        return f"unknown time zone {zone[1]}"
    rest = text[zone.end() :] if zone else text
    if rest in _DESCRIPTORS or re.fullmatch(r"@every ([\d.]+(ns|us|µs|ms|s|m|h))+", rest):
        return ""
    fields = rest.split()
    if rest.startswith("@") or len(fields) != len(_FIELDS):
        return f"expected exactly {len(_FIELDS)} fields, found {len(fields)}: [{rest}]"
    problems = (
        _range(part, lowest, highest, names)
        for field, (lowest, highest, names) in zip(fields, _FIELDS, strict=True)
        for part in field.split(",")
    )
    return next(filter(None, problems), "")


def _range(part: str, lowest: int, highest: int, names: tuple[str, ...]) -> str:
    """Say what is wrong with `5`, `1-5`, `*`, or one of them with `/step`; empty when nothing is."""
    body, _, step = part.partition("/")
    if "/" in part and not (step.isdigit() and int(step)):
        return f"step of range should be a positive number: {part}"
    if body in ("*", "?"):
        return ""
    values = []
    for bound in body.split("-"):
        if bound.lower() in names:
            values.append(names.index(bound.lower()) + lowest)
        elif bound.isdigit():
            values.append(int(bound))
        else:
            return f"failed to parse int from {bound}"
    if len(values) > 2 or not lowest <= values[0] <= values[-1] <= highest:
        return f"range ({lowest}-{highest}) does not hold {part}"
    return ""
