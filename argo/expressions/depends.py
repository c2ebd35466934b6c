"""`depends` conditions of DAG tasks, and the `dependencies` lists that stand for some of them.

Facts: Argo workflow/common/ancestry.go and workflow/controller/dag.go (evaluateDependsLogic).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from argo.expressions.errors import DependsError, ExpressionError

RESULTS = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed")
_REFERENCE = re.compile(
    r"(?P<task>[a-zA-Z0-9][-a-zA-Z0-9]*?)\.(?P<result>[A-Z][a-zA-Z]+)|(?P<bare>[a-zA-Z0-9][-a-zA-Z0-9]*)"
)


@dataclass(frozen=True, slots=True)
class TaskReference:
    """A task named in the text, `offset` characters from its start; `result` is None where only the name stands."""

    task: str
    result: str | None
    offset: int


@dataclass(frozen=True, slots=True)
class Depends:
    """A condition: `text` as written, `logic` with each bare name expanded to the results that let it go on."""

    text: str
    logic: str
    references: tuple[TaskReference, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, each once, in order of appearance."""
        return tuple(dict.fromkeys(reference.task for reference in self.references))

    def evaluate(self, outcomes: Mapping[str, Mapping[str, bool]]) -> bool:
        """The condition over `task_results` of every task in `tasks`, all fulfilled. Raises DependsError."""
        if not self.logic:
            return True
        from argo.expressions.evaluator import evaluate

        logic = self.logic.replace("-", "_")
        scope = {name.replace("-", "_"): dict(results) for name, results in outcomes.items()}
        try:
            result = evaluate(logic, scope)
        except ExpressionError as error:
            raise DependsError(f"unable to evaluate expression '{logic}': {error.message}", error.offset) from None
        if not isinstance(result, bool):
            raise DependsError(f"unable to evaluate expression '{logic}': unable to cast expression result to bool")
        return result


def parse_depends(text: str, continue_on: Mapping[str, Mapping[str, Any] | None] | None = None) -> Depends:
    """Read a `depends` text; `continue_on` gives the continueOn of the tasks that have one.

    Raises DependsError for a result that does not exist, or text that is no condition.
    """
    references: list[TaskReference] = []
    logic: list[str] = []
    position = 0
    for match in _REFERENCE.finditer(text):
        task = match["task"] or match["bare"]
        result = match["result"]
        if result is not None and result not in RESULTS:
            raise DependsError(f"task result '{result}' for task '{task}' is invalid", match.start("result"))
        references.append(TaskReference(task, result, match.start()))
        if result is None:
            logic += [text[position : match.start()], _expanded(task, continue_on or {})]
            position = match.end()
    logic.append(text[position:])
    depends = Depends(text, "".join(logic), tuple(references))
    _check(depends)
    return depends


def task_depends(task: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> Depends:
    """Read what a DAG task waits for from its `depends` or its `dependencies`; `tasks` are all tasks of the DAG."""
    continue_on = {other["name"]: other["continueOn"] for other in tasks if other.get("continueOn")}
    if task.get("depends"):
        return parse_depends(task["depends"], continue_on)
    names = task.get("dependencies") or []
    logic = " && ".join(_expanded(name, continue_on) for name in names)
    return Depends("", logic, tuple(TaskReference(name, None, 0) for name in names))


def task_results(phase: str, *, daemoned: bool = False, item_phases: Iterable[str] | None = None) -> dict[str, bool]:
    """Results of a fulfilled task by its node's phase; `item_phases` are those of a TaskGroup's children."""
    phases = list(item_phases or ())
    return {
        "Succeeded": phase == "Succeeded",
        "Failed": phase == "Failed",
        "Errored": phase == "Error",
        "Skipped": phase == "Skipped",
        "Omitted": phase == "Omitted",
        "Daemoned": daemoned and phase != "Pending",
        "AnySucceeded": "Succeeded" in phases,
        "AllFailed": bool(phases) and all(item == "Failed" for item in phases),
    }


def _expanded(task: str, continue_on: Mapping[str, Mapping[str, Any] | None]) -> str:
    results = ["Succeeded", "Skipped", "Daemoned"]
    tolerated = continue_on.get(task) or {}
    if tolerated.get("error"):
        results.append("Errored")
    if tolerated.get("failed"):
        results.append("Failed")
    return "(" + " || ".join(f"{task}.{result}" for result in results) + ")"


def _check(depends: Depends) -> None:
    if depends.text.strip():
        depends.evaluate({task: dict.fromkeys(RESULTS, False) for task in depends.tasks})
