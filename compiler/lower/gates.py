"""Which tasks run only on a gate's approval.

A rejected gate has succeeded as far as Argo knows, and what it holds back is skipped, which Argo counts as good enough
to go on (workflow/common/ancestry.go: expandDependency). So every task after a gate, at any distance, asks for its
decision; but for those that read the decision themselves. A nested DAG with gates is a gate: it tells by an output
whether all of them were approved.
"""

from __future__ import annotations

from collections.abc import Mapping

from compiler.lower.conditions import named
from compiler.lower.names import APPROVED, DECISION
from compiler.lower.text import expression, gathered
from compiler.order import arrange
from compiler.program import Definition, Needs, ResolvedDag, ResolvedTask

_GOOD = ("", "Succeeded", "AnySucceeded")


def is_gate(task: ResolvedTask) -> bool:
    return task.task.pause is not None and not isinstance(task.target, ResolvedDag | Definition)


def holds_back(task: ResolvedTask) -> bool:
    """True where a task is a gate, or a DAG with one."""
    if isinstance(task.target, ResolvedDag):
        return any(map(holds_back, task.target.tasks))
    return is_gate(task)


def approved(tasks: tuple[ResolvedTask, ...]) -> str:
    """The expression that every gate of a DAG was approved; "" where it has none."""
    return " && ".join(_approved(task) for task in tasks if holds_back(task))


def conditions(tasks: tuple[ResolvedTask, ...]) -> dict[str, str]:
    """For each task behind gates, the expression that they were approved."""
    gates = {task.name: task for task in tasks if holds_back(task)}
    if not gates:
        return {}
    by_name = {task.name: task for task in tasks}
    behind: dict[str, tuple[str, ...]] = {}
    for name in arrange({task.name: [*task.data, *named(task.needs)] for task in tasks}):
        behind[name] = _gates(by_name[name], gates, behind)
    return {name: " && ".join(_approved(gates[gate]) for gate in held) for name, held in behind.items() if held}


def _gates(
    task: ResolvedTask, gates: Mapping[str, ResolvedTask], behind: dict[str, tuple[str, ...]]
) -> tuple[str, ...]:
    read = {ref.name for ref in task.refs if ref.kind == "tasks" and _is_decision(gates.get(ref.name), ref.output)}
    found: dict[str, None] = {}
    for name in (*task.data, *_passed(task.needs)):
        # A gate that was not reached has not approved: what is behind it need not ask for those before it. But a loop
        # of gates that were not reached is like one without items.
        if name not in gates or gates[name].foreach is not None:
            found.update(dict.fromkeys(behind[name]))
        if name in gates:
            found[name] = None
    return tuple(name for name in found if name not in read)


def _is_decision(task: ResolvedTask | None, output: str) -> bool:
    """True where an output is a gate's decision, be it in a nested DAG."""
    if task is None:
        return False
    if not isinstance(task.target, ResolvedDag):
        return output == DECISION
    ref = task.target.results[output]
    inner = next((other for other in task.target.tasks if other.name == ref.name and holds_back(other)), None)
    return _is_decision(inner, ref.output)


def _passed(needs: Needs | None) -> list[str]:
    """The tasks that have to end well (or may) for the task to run."""
    if needs is None or needs.op == "not":
        return []
    if needs.op == "task":
        return [needs.task] if needs.condition in _GOOD else []
    return [name for operand in needs.operands for name in _passed(operand)]


def _approved(gate: ResolvedTask) -> str:
    output, wanted = (DECISION, "approve") if is_gate(gate) else (APPROVED, "true")
    steps = ("tasks", gate.name, "outputs", "parameters", output)
    if gate.foreach is None:
        return f"{expression(steps)} == '{wanted}'"
    values = gathered(gate.name, output, "[]" if gate.when is None else '["skipped"]')
    return f"all(fromJSON({values.text}), # == '{wanted}')"
