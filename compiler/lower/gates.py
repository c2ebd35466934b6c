"""Which tasks run only on a gate's approval.

A rejected gate has succeeded as far as Argo knows, and what it holds back is skipped, which Argo counts as good enough
to go on (workflow/common/ancestry.go: expandDependency). So every task after a gate, at any distance, asks for its
decision; but for those that read the decision themselves.
"""

from __future__ import annotations

from collections.abc import Collection

from compiler.lower.conditions import named
from compiler.lower.loops import refs_of
from compiler.lower.names import DECISION
from compiler.lower.text import expression
from compiler.program import Definition, Needs, ResolvedDag, ResolvedTask

_GOOD = ("", "Succeeded", "AnySucceeded")


def is_gate(task: ResolvedTask) -> bool:
    return task.task.pause is not None and not isinstance(task.target, ResolvedDag | Definition)


def conditions(tasks: tuple[ResolvedTask, ...]) -> dict[str, str]:
    """For each task behind gates, the expression that they were approved."""
    gates = {task.name: task for task in tasks if is_gate(task)}
    if not gates:
        return {}
    by_name = {task.name: task for task in tasks}
    behind: dict[str, tuple[str, ...]] = {}
    for root in tasks:
        stack = [root]
        while stack:
            task = stack[-1]
            waiting = [name for name in _before(task) if name not in behind]
            if task.name not in behind and waiting:
                stack += [by_name[name] for name in waiting]
                continue
            stack.pop()
            behind.setdefault(task.name, _gates(task, gates.keys(), behind))
    return {name: " && ".join(_approved(gates[gate]) for gate in held) for name, held in behind.items() if held}


def _before(task: ResolvedTask) -> list[str]:
    return [*task.data, *sorted(named(task.needs))]


def _gates(task: ResolvedTask, gates: Collection[str], behind: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    read = {ref.name for ref in refs_of(task) if ref.kind == "tasks" and ref.output == DECISION}
    found: dict[str, None] = {}
    for name in (*task.data, *_passed(task.needs)):
        # A gate that was not reached has not approved: what is behind it need not ask for those before it.
        found.update(dict.fromkeys((name,) if name in gates else behind[name]))
    return tuple(name for name in found if name not in read)


def _passed(needs: Needs | None) -> list[str]:
    """The tasks that have to end well (or may) for the task to run."""
    if needs is None or needs.op == "not":
        return []
    if needs.op == "task":
        return [needs.task] if needs.condition in _GOOD else []
    return [name for operand in needs.operands for name in _passed(operand)]


def _approved(gate: ResolvedTask) -> str:
    decision = expression(("tasks", gate.name, "outputs", "parameters", DECISION))
    return f"all(fromJSON({decision}), # == 'approve')" if gate.foreach else f"{decision} == 'approve'"
