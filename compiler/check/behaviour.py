"""Timeouts, retries and caches that cannot do what they seem to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.check.survey import Survey, bindings_of
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.models import ComputeAsset, Task
from compiler.program import Definition, GatheredFiles, Origin, ResolvedDag, ResolvedTask
from compiler.refs import Ref


def check(survey: Survey) -> Iterable[Diagnostic]:
    for container in survey.containers:
        yield from _retry(container.model, container.origin)
        yield from _cache(container.model, container.origin)
    for dag, task in survey.tasks:
        if task.target is not task.task:
            yield from _retry(task.task, task.origin)
        yield from _timeout(dag, task)
        yield from _nested(task)
    for dag in survey.dags:
        for task, name, binding in bindings_of(dag):
            if isinstance(binding, GatheredFiles):
                yield from _gathered(dag.all_tasks, binding.ref, task.origin.at("with", name))
        for name, ref in dag.results.items():
            yield from _gathered(dag.tasks, ref, dag.origin.at("results", name))


def _timeout(dag: ResolvedDag, task: ResolvedTask) -> Iterator[Diagnostic]:
    limit = dag.model.limits.timeout if dag.model.limits else None
    if limit is None:
        return
    given, where = task.task.timeout, task.origin.at("timeout")
    if given is None and isinstance(task.target, Definition):
        given, where = task.target.model.timeout, task.origin.at("asset")
    if given is not None and given > limit:
        message = f"task '{task.name}' may take {duration(given)}, but DAG '{dag.name}' ends after {duration(limit)}"
        yield diagnostic("A407", where, message, hint="raise `limits.timeout` or lower the task's")


def _nested(task: ResolvedTask) -> Iterator[Diagnostic]:
    """Argo has no timeout of a template that is a DAG, and a mutex here is one of whole runs."""
    limits = task.target.model.limits if isinstance(task.target, ResolvedDag) else None
    for name in ("timeout", "mutex"):
        if getattr(limits, name, None) is not None:
            message = f"`limits.{name}` of DAG '{task.model.name}' holds for runs of its own, not where it is nested"
            hint = f"give it to the DAG that nests it: limits: {{{name}: …}}"
            yield diagnostic("A411", task.origin.at("dag"), message, hint=hint)


def _gathered(tasks: tuple[ResolvedTask, ...], ref: Ref, origin: Origin) -> Iterator[Diagnostic]:
    """A loop's files are found by their prefix in the run; those of a cached item lie where an earlier run put them."""
    task = next((task for task in tasks if task.name == ref.name), None)
    looped = False
    while task is not None and isinstance(task.target, ResolvedDag) and ref.output in task.target.results:
        looped = looped or task.foreach is not None
        inner, ref = task.target.tasks, task.target.results[ref.output]
        task = next((task for task in inner if task.name == ref.name), None)
    if task is None or isinstance(task.target, ResolvedDag):
        return
    looped = looped or task.foreach is not None
    output = task.model.outputs.get(ref.output)
    if looped and (task.task.cache or task.model.cache) and output is not None and output.kind != "value":
        message = (
            f"task '{task.name}' is cached: what an earlier run has made for an item is not among this run's files"
        )
        hint = "take `cache` from the task that loops, or give the task that reads its files the `cache`"
        yield diagnostic("A412", origin, message, hint=hint)


def _retry(model: ComputeAsset | Task, origin: Origin) -> Iterator[Diagnostic]:
    retry = model.retry
    if retry is None:
        return
    where = origin.at("retry")
    if not retry.on and retry.expression is None:
        yield diagnostic("A408", where.at("on"), "it is retried on nothing", hint="write on: [error, failure]")
    elif retry.limit == 0:
        yield diagnostic(
            "A408", where.at("limit"), "it is retried 0 times", hint="leave out `retry`, or raise the limit"
        )
    backoff = retry.backoff
    if backoff is not None and backoff.max is not None and backoff.max < backoff.first:
        message = (
            f"the first wait of {duration(backoff.first)} is longer than all retries may take ({duration(backoff.max)})"
        )
        yield diagnostic(
            "A408", where.at("backoff", "max"), message, hint="`max` is the time for all attempts together"
        )


def _cache(model: ComputeAsset | Task, origin: Origin) -> Iterator[Diagnostic]:
    if model.cache is not None and model.cache.key is None and not model.inputs and not model.parameters:
        hint = "give it parameters or inputs, or a `key` that changes when the result does"
        yield diagnostic(
            "A409", origin.at("cache"), "nothing tells one result from another: the first is kept", hint=hint
        )


def duration(seconds: int) -> str:
    """Seconds as definitions write them: `1d12h`."""
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
