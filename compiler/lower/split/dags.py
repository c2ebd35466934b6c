"""Splits a DAG that is too large for one Workflow into child Workflows, which its own Workflow starts and follows.

Each child is a WorkflowTemplate of its own; the parent has a task a child, that creates a Workflow of it. What tasks
write lies below the parent's run, wherever they run: files pass between children by their keys, values by the outputs
of the child (`status.outputs`), which the parent reads.
"""

from __future__ import annotations

from json import loads
from typing import Final, NamedTuple

from compiler import plan
from compiler.labels import DEFINITION, DIGEST, PART, RESULTS, RUN
from compiler.lower import names
from compiler.lower.library import Callee, TemplateSet
from compiler.lower.outputs import Outputs
from compiler.lower.split.partition import divide
from compiler.lower.split.parts import Part, Shared, exported
from compiler.lower.split.pieces import pieces_of
from compiler.lower.text import expression, printed
from compiler.lower.workflows import workflow_of
from compiler.program import Program, ResolvedDag
from compiler.refs import Ref

_BASE: Final = 2000  # bytes of a Workflow without templates and tasks
# What a child tells of its definition; the results are the parent's.
_KEPT: Final = frozenset({DEFINITION, DIGEST})


class Split(NamedTuple):
    """A DAG's own workflow and its children, in an order in which they may run; `nodes` of all."""

    parent: plan.WorkflowPlan
    children: tuple[plan.WorkflowPlan, ...]

    @property
    def plans(self) -> tuple[plan.WorkflowPlan, ...]:
        """All workflows."""
        return (self.parent, *self.children)


def split_workflow(
    program: Program, dag: ResolvedDag, whole: plan.WorkflowPlan, capacity: int, node: int
) -> Split | None:
    """`whole`, the plan of the DAG, as Workflows of about `capacity` bytes each; a node's status counts `node` bytes.

    None where there is nothing to split. What cannot be parted may still be larger. What is found to be impossible has
    been said of `whole`.
    """
    outputs = Outputs(dag.tasks)
    templates, pieces = pieces_of(dag, whole, outputs, node)
    shared = len(repr(whole.parameters)) + sum(len(repr(artifact)) for artifact in whole.artifacts)
    parts = divide(pieces, templates, max(capacity - _BASE - shared, 0))
    if len(parts) < 2 and not any(piece.kept for piece in pieces):
        return None
    return _Splitting(program, dag, whole, outputs, parts).split()


class _Splitting:
    """Makes the workflows of one DAG."""

    def __init__(
        self,
        program: Program,
        dag: ResolvedDag,
        whole: plan.WorkflowPlan,
        outputs: Outputs,
        parts: tuple[tuple[str, ...], ...],
    ) -> None:
        self._program = program
        self._dag = dag
        self._whole = whole
        taken = names.Names({task.name for task in dag.tasks})
        self._parts = {taken.new(f"part-{number}"): part for number, part in enumerate(parts, 1)}
        homes = {name: part for part, tasks in self._parts.items() for name in tasks}
        self._shared = Shared(homes, outputs, {part: {} for part in self._parts})
        self._library = TemplateSet(dag.name, program.profile)

    def split(self) -> Split:
        tasks = self._shared.outputs.tasks
        own = tuple(task for task in self._dag.tasks if task.name not in self._shared.homes)
        parent = Part(self._library, self._dag, self._shared, "", own)
        children = {
            part: Part(
                TemplateSet(self._dag.name, self._program.profile, child=True),
                self._dag,
                self._shared,
                part,
                tuple(map(tasks.__getitem__, inside)),
            )
            for part, inside in self._parts.items()
        }
        for child in children.values():
            child.lower_tasks()
        parent.lower_tasks()
        interface = parent.outer()
        plans = tuple(self._child(child) for child in children.values())
        calls = [self._call(parent, child) for child in children.values()]
        for child in children.values():
            for name, config_map in child.library.config_maps.items():
                self._library.config_maps.setdefault(name, config_map)
        body = plan.DagTemplate(interface, (*calls, *parent.lowered))
        entry = self._library.add_dag(parent.name, body, parent.nodes + len(calls))
        return Split(self._parent(entry, any(child.arguments.artifacts for child in children.values())), plans)

    def _parent(self, entry: Callee, hands_on: bool) -> plan.WorkflowPlan:
        """Its tasks run one at a time where there is a limit: a child keeps to the limit itself."""
        made = workflow_of(self._program, self._dag, self._library, entry)
        limit = None if made.settings.parallelism is None else 1
        annotations = dict(made.annotations)
        results = loads(annotations[RESULTS])
        for result in results.values():
            if part := self._shared.home(result["task"]):
                result["part"] = part
        annotations[RESULTS] = plan.compact(results)
        return made._replace(
            settings=made.settings._replace(parallelism=limit),
            hands_on=hands_on,
            annotations=tuple(annotations.items()),
        )

    def _child(self, child: Part) -> plan.WorkflowPlan:
        whole = self._whole
        entry = child.entry()
        annotations = {name: text for name, text in whole.annotations if name in _KEPT}
        # It is deleted with its parent, and ends before its parent's time is up.
        settings = whole.settings._replace(deadline=None, ttl=(), mutex="")
        given = [f"run_{name}" for name in ("name", "namespace", "uid")]
        return plan.WorkflowPlan(
            child_name(self._dag.name, child.part),
            "",
            "",
            entry.name,
            "",
            tuple(plan.Parameter(name) for name in (*given, *child.taken())),
            (),
            child.library.templates(entry.name),
            (),
            None,
            settings,
            tuple(sorted((*whole.labels, (PART, child.part)))),
            tuple(sorted(annotations.items())),
            entry.nodes,
            child.library.open_loops,
            prefix=names.CHILD_PREFIX,
        )

    def _call(self, parent: Part, child: Part) -> plan.DagTask:
        """The parent's task that runs a child."""
        values = child.arguments.values
        interface = plan.Interface(
            tuple(plan.Parameter(exported(*value)) for value in values),
            output_parameters=tuple(
                plan.OutputParameter(name, json_path=f"{{.status.outputs.parameters[?(@.name=='{name}')].value}}")
                for name in (exported(*value) for value in self._shared.exports[child.part])
            ),
        )
        template = self._library.child_template(child.part, plan.ChildTemplate(interface, self._manifest(child)))
        given = tuple(
            plan.Argument(exported(task, output), printed(Ref("tasks", task, output), parent.arguments.resolve))
            for task, output in values
        )
        depends, dependencies = parent.after(child)
        gate = self._shared.outputs.gated.get(self._parts[child.part][0], "")
        when = "{{=" + gate + "}}" if gate else ""
        return plan.DagTask(child.part, template.name, depends, dependencies, when, None, given)

    def _manifest(self, child: Part) -> str:
        """The child's Workflow. Values are JSON texts, which YAML reads as they are."""
        parameters = [
            (f"run_{name}", f'"{{{{workflow.{name}}}}}"') for name in ("name", "namespace", "uid")
        ]  # fmt: skip
        parameters += [(name, _json("workflow", name)) for name in child.forwarded()]
        parameters += [(exported(*value), _json("inputs", exported(*value))) for value in child.arguments.values]
        lines = [
            "apiVersion: argoproj.io/v1alpha1",
            "kind: Workflow",
            "metadata:",
            f"  generateName: {{{{workflow.name}}}}-{child.part}-",
            "  labels:",
            f'    {RUN}: "{{{{workflow.name}}}}"',
            "spec:",
        ]
        if (deadline := self._whole.settings.deadline) is not None:
            left = f"max(1, {deadline} - int(float(workflow.duration)))"
            lines.append(f"  activeDeadlineSeconds: {{{{={left}}}}}")
        lines += ["  workflowTemplateRef:", f"    name: {child_name(self._dag.name, child.part)}", "  arguments:"]
        if child.arguments.artifacts:
            lines.append(f"    artifacts: {_unopened(f'workflow.parameters.{plan.INPUT_ARTIFACTS}')}")
        lines.append("    parameters:")
        for name, value in parameters:
            lines += [f"    - name: {name}", f"      value: {value}"]
        return "\n".join(lines) + "\n"


def child_name(dag: str, part: str) -> str:
    """The WorkflowTemplate of a part; no DAG has a dot in its name."""
    return f"{dag}.{part}"


def _json(scope: str, name: str) -> str:
    return _unopened(f"toJson({expression((scope, 'parameters', name))})")


def _unopened(json: str) -> str:
    """A tag for JSON text, in which no two braces open what Argo would take for another tag, and which has no dollars
    for Kubernetes to expand (see `text.carried`)."""
    return "{{=replace(replace(" + json + r", '{'+'{', '\\u007b\\u007b'), '$', '\\u0024')}}"
