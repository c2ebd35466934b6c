"""The graph of a DAG or a run: pure functions of Argo objects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from argo.workflow.gates import gate_of, question_of
from argo.workflow.status import members, nodes_of, relative
from compiler.manifest_types import DAGTask, NodeStatus, Object, Template, Workflow, WorkflowStep

_OPERAND = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_-]*)(?:\.([A-Za-z]+))?")
_PLAIN = frozenset({"", "Succeeded", "Skipped", "Daemoned"})


@dataclass(frozen=True, slots=True)
class Node:
    """A box. `kind`: task, loop, gate, dag; `phase` is empty in a picture of a definition, and of a gate says what was
    decided."""

    id: str
    label: str
    note: str = ""
    kind: str = "task"
    phase: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow; `label` says on which condition it is taken."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """Boxes and arrows, in the order of the definition."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def of_manifest(value: Object) -> Graph:
    """The tasks of the entry template of a Workflow, WorkflowTemplate or CronWorkflow; nested DAGs stay boxes."""
    spec = value["spec"].get("workflowSpec") or value["spec"]
    templates: dict[str, Template] = {t["name"]: t for t in spec.get("templates") or ()}
    metadata = value.get("metadata") or {}
    title = str(metadata.get("name") or (metadata.get("generateName") or "").rstrip("-"))
    entry = templates.get(spec.get("entrypoint") or "")
    if entry is None:
        return Graph(title, (), ())
    nodes, edges = _of_template(entry, templates)
    if spec.get("onExit"):
        ends = {n.id for n in nodes} - {e.source for e in edges}
        nodes.append(Node("onExit", "onExit", "at the end"))
        edges += [Edge(end, "onExit") for end in sorted(ends)]
    return Graph(title, tuple(nodes), tuple(edges))


def _of_template(template: Template, templates: dict[str, Template]) -> tuple[list[Node], list[Edge]]:
    if "dag" in template:
        return _dag(template["dag"].get("tasks") or [], templates)
    if "steps" in template:
        return _steps(template["steps"], templates)
    return [_box({"name": template["name"], "template": template["name"]}, templates)], []


def of_run(workflow: Workflow) -> Graph:
    """The nodes of a run with their phases; step groups and attempts are dissolved."""
    run = workflow["metadata"]["name"]
    nodes = nodes_of(workflow)
    attempts = {attempt for _, attempt in members(nodes, "Retry")}
    shown = {key: node for key, node in nodes.items() if key not in attempts and not _dissolved(node, nodes)}
    names = {str(node.get("displayName")) for node in shown.values()}
    boxes = tuple(_node(workflow, key, node, names) for key, node in shown.items())
    edges = [Edge(source, target) for source in shown for target in _next(source, nodes, shown)]
    return Graph(run, boxes, (*edges, *_at_the_end(run, nodes, shown, edges)))


def _node(workflow: Workflow, key: str, node: NodeStatus, names: set[str]) -> Node:
    label, phase = node.get("displayName") or relative(node["name"], workflow["metadata"]["name"]), node.get("phase")
    note, kind, gate = _note(node, names), _kind(node), gate_of(workflow, node)
    if gate is not None:
        note, phase = " ".join(filter(None, (gate.decision, gate.note))) or note, gate.word or phase
    return Node(key, label, note, kind, phase or "")


def _dissolved(node: NodeStatus, nodes: dict[str, NodeStatus]) -> bool:
    """True where a node only groups others. An empty group is shown, for nothing else stands for it."""
    grouping = node["type"] in ("StepGroup", "DAG", "Steps", "TaskGroup")
    return node["type"] == "StepGroup" or (grouping and any(child in nodes for child in node.get("children") or ()))


def _next(source: str, nodes: dict[str, NodeStatus], shown: dict[str, NodeStatus]) -> Iterable[str]:
    """The shown nodes that follow, through those that are not shown."""
    seen: set[str] = set()
    stack = list(reversed(nodes[source].get("children") or ()))
    while stack:
        key = stack.pop()
        if key in seen or key not in nodes:
            continue
        seen.add(key)
        if key in shown:
            yield key
        else:
            stack += reversed(nodes[key].get("children") or ())


def _at_the_end(
    run: str, nodes: dict[str, NodeStatus], shown: dict[str, NodeStatus], edges: list[Edge]
) -> Iterable[Edge]:
    """Make the arrows from the ends of a run to its exit handler, which stands alone in Argo's status."""
    handlers = {key for key in shown if nodes[key]["name"].startswith(f"{run}.onExit") or _in_handler(key, nodes, run)}
    sources, targets = {edge.source for edge in edges}, {edge.target for edge in edges}
    first = [key for key in shown if key in handlers and key not in targets]
    last = [key for key in shown if key not in handlers and key not in sources]
    return [Edge(end, start) for end in last for start in first]


def _in_handler(key: str, nodes: dict[str, NodeStatus], run: str) -> bool:
    """True where a node belongs to the exit handler's own DAG or steps."""
    while (key := nodes[key].get("boundaryID") or "") in nodes:
        if nodes[key]["name"] == f"{run}.onExit":
            return True
    return False


def _note(node: NodeStatus, names: set[str]) -> str:
    """The template, where it says more than the name. One named like a task is shared by tasks that are the same."""
    template = str(node.get("templateName") or (node.get("templateRef") or {}).get("template") or "")
    own = str(node.get("displayName") or "").partition("(")[0]
    shared = template in names or any(name.startswith(f"{template}(") for name in names)
    return "" if shared or template == own else template


def _kind(node: NodeStatus) -> str:
    return {"Suspend": "gate", "TaskGroup": "loop", "DAG": "dag", "Steps": "dag"}.get(node["type"], "task")


def _dag(tasks: list[DAGTask], templates: dict[str, Template]) -> tuple[list[Node], list[Edge]]:
    names = {task["name"] for task in tasks}
    boxes = [_box(task, templates) for task in tasks]
    nodes = [replace(box, note=_plain_note(box.note, names)) for box in boxes]
    return nodes, [Edge(source, task["name"], label) for task in tasks for source, label in _needs(task, names)]


def _needs(task: DAGTask, names: set[str]) -> list[tuple[str, str]]:
    if task.get("dependencies"):
        return [(name, "") for name in task["dependencies"] if name in names]
    found: dict[str, str] = {}
    for match in _OPERAND.finditer(task.get("depends") or ""):
        name, condition = match.group(1), match.group(2) or ""
        if name in names:
            found[name] = found.get(name) or ("" if condition in _PLAIN else condition)
    return list(found.items())


def _plain_note(note: str, names: set[str]) -> str:
    """The note without the name of a template that is called like a task: other tasks that are the same share it."""
    template, times, count = note.partition(" × ")
    return f"{times.strip()} {count}".strip() if template in names else note


def _steps(groups: list[list[WorkflowStep]], templates: dict[str, Template]) -> tuple[list[Node], list[Edge]]:
    nodes: list[Node] = []
    edges: list[Edge] = []
    before: list[str] = []
    for group in groups:
        now = [_box(step, templates) for step in group]
        nodes += now
        edges += [Edge(source, box.id) for box in now for source in before]
        before = [box.id for box in now] or before
    return nodes, edges


def _box(task: DAGTask | WorkflowStep, templates: dict[str, Template]) -> Node:
    name = task["name"]
    template = task.get("inline") or templates.get(task.get("template") or "") or Template()
    note = task.get("template") or (task.get("templateRef") or {}).get("template") or ""
    kind = "task"
    if "suspend" in template:
        kind = "gate"
        note = question_of(template.get("inputs") or {}) or note
    elif "dag" in template or "steps" in template:
        kind = "dag"
    elif any(key in task for key in ("withItems", "withParam", "withSequence")):
        kind = "loop"
        if isinstance(task.get("withItems"), list):
            note += f" × {len(task['withItems'])}"
    return Node(name, name, "" if note == name else note, kind)
