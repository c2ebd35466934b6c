"""Rules of Argo's validator: what is refused, where, and what is not."""

from __future__ import annotations

import pytest

from argo.validate import check
from argo.workflow.manifests import parse
from compiler.source import SourceFile

HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: a-}\nspec:\n  entrypoint: a\n"
POD = "container: {image: b, command: [echo]}"
MAKER = f"  - {{name: b, {POD}, outputs: {{parameters: [{{name: o, valueFrom: {{path: /o}}}}]}}}}\n"
TAKER = f"  - {{name: c, {POD}, inputs: {{parameters: [{{name: i}}]}}}}\n"
TAKEN = "arguments: {parameters: [{name: i, value: '{{tasks.x.outputs.parameters.o}}'}]}"
BEHIND = "{name: w, template: b, depends: x}, {name: x, template: b}"
GLOBAL = (
    f"  - {{name: e, {POD}, outputs: {{parameters: [{{name: o, globalName: g, valueFrom: {{path: /o}}}}]}}}}\n"
    "  - {name: d, container: {image: b, args: ['{{workflow.outputs.parameters.g}}']}}\n"
)


def found(text: str) -> list[tuple[str, str]]:
    documents, problems = parse(SourceFile("wf.yaml", text))
    assert problems == []
    result = check(documents)
    assert all(item.span and item.span.line > 1 for item in result)
    return [(item.code, item.message) for item in result]


def one(text: str, code: str, part: str) -> None:
    """Exactly one mistake, which names this."""
    [(actual, message)] = found(HEAD + text)
    assert actual == code
    assert part in message


@pytest.mark.parametrize(
    ("template", "code", "part"),
    [
        (f"{{name: a, {POD}, inputs: {{parameters: [{{name: 'x+y', value: 1}}]}}}}", "A725", "x+y"),
        (f"{{name: a, {POD}, inputs: {{parameters: [{{name: x, value: 1}}, {{name: x, value: 1}}]}}}}", "A721", "x"),
        (f"{{name: a, {POD}, parallelism: 1}}", "A726", "parallelism"),
        (f"{{name: a, {POD}, timeout: '10'}}", "A726", "timeout"),
        (f"{{name: a, {POD}, activeDeadlineSeconds: -1}}", "A726", "activeDeadlineSeconds"),
        (f"{{name: a, {POD}, retryStrategy: {{retryPolicy: Never}}}}", "A726", "Never"),
        (f"{{name: a, {POD}, initContainers: [{{image: b}}]}}", "A710", "name"),
        (f"{{name: a, {POD}, sidecars: [{{name: wait, image: b}}]}}", "A725", "wait"),
        (f"{{name: a, {POD}, podResources: {{limits: {{gpu: 1}}}}}}", "A726", "gpu"),
        (f"{{name: a, {POD}, metrics: {{prometheus: [{{name: a-b, help: h}}]}}}}", "A725", "a-b"),
        (f"{{name: a, {POD}, outputs: {{parameters: [{{name: o}}]}}}}", "A724", "valueFrom"),
        (f"{{name: a, {POD}, outputs: {{parameters: [{{name: o, valueFrom: {{default: x}}}}]}}}}", "A724", "choose"),
        (f"{{name: a, {POD}, outputs: {{artifacts: [{{name: o}}]}}}}", "A726", "path"),
        (f"{{name: a, {POD}, outputs: {{artifacts: [{{name: o, path: /a/../b}}]}}}}", "A726", "path"),
        ("{name: a, container: {command: [echo]}}", "A726", "image"),
        ("{name: a, script: {image: '', source: x}}", "A726", "image"),
        ("{name: a, containerSet: {containers: [{name: x, image: b, dependencies: [y]}]}}", "A720", "y"),
        ("{name: a, containerSet: {containers: [{name: x, image: b, dependencies: [x]}]}}", "A721", "x->x"),
        ("{name: a, containerSet: {containers: [{name: x, image: b}]}, outputs: {artifacts: [{name: o, path: /o}]}}",
         "A720", "main"),
        ("{name: a, suspend: {}, timeout: 10s}", "A726", "suspend template doesn't support timeout"),
        ("{name: a, container: {image: b, args: ['{{workflow.nothing}}']}}", "A722", "workflow.nothing"),
        ("{name: a, container: {image: b, args: ['{{workflow.failures}}']}}", "A722", "workflow.failures"),
        ("{name: a, container: {image: b, args: ['{{item.x}}']}}", "A722", "item.x"),
        ("{name: a, dag: {tasks: []}}", "A724", "at least one task"),
        ("{name: a, activeDeadlineSeconds: 1, dag: {tasks: [{name: x, template: b}]}}", "A726", "leaf"),
    ],
)  # fmt: skip
def test_templates(template: str, code: str, part: str) -> None:
    one(f"  templates:\n  - {template}\n{MAKER}", code, part)


@pytest.mark.parametrize(
    ("fields", "code", "part"),
    [
        ("  podGC: {strategy: Foo}\n", "A726", "Foo"),
        ("  hooks: {running: {template: b}}\n", "A726", "Expression required"),
        ("  arguments: {parameters: [{name: p, value: 1, enum: [2]}]}\n", "A726", "enum"),
        ("  arguments: {parameters: [{name: p, value: 1, enum: []}]}\n", "A726", "at least one"),
        ("  arguments: {parameters: [{name: p, valueFrom: {path: /x}}]}\n", "A726", "valueFrom only allows"),
        ("  volumeClaimTemplates: [{metadata: {}}]\n", "A725", "metadata.name"),
        ("  arguments: {artifacts: [{name: p}]}\n", "A723", "location"),
    ],
)
def test_settings(fields: str, code: str, part: str) -> None:
    one(f"{fields}  templates:\n  - {{name: a, {POD}}}\n{MAKER}", code, part)


@pytest.mark.parametrize(
    ("tasks", "code", "part"),
    [
        (f"{{name: x, template: b}}, {{name: w, template: c, {TAKEN}}}", "A720", "missing dependency 'x'"),
        ("{name: x, template: b}, {name: w, template: b, when: '{{tasks.x.status}} == Failed'}", "A722", "status"),
        ("{name: x, template: b}, {name: w, template: b, depends: x, when: '{{tasks.x.ip}} == 1'}", "A722", "ip"),
        ("{name: x, template: b}, {name: w, template: b, depends: x.AnySucceeded}", "A726", "items-based"),
        ("{name: 1x, template: b, dependencies: [w]}, {name: w, template: b}", "A725", "digit"),
        ("{name: x, template: b, continueOn: {failed: true}}, {name: w, template: b, depends: x}", "A724", "depends"),
        ("{name: x_, template: b}", "A725", "x_"),
        ("{name: 'x-{{workflow.name}}', template: b}", "A725", "workflow.name"),
        ("{name: x, template: c, arguments: {parameters: [{name: i}]}}", "A723", "i.value"),
        ("{name: x, template: c, arguments: {artifacts: [{name: i}], parameters: [{name: i, value: 1}]}}",
         "A723", "location"),
        ("{name: x, template: b, withSequence: {count: 1, end: 2}}", "A724", "count or end"),
        ("{name: x, template: c, withItems: [{k: 1}], arguments: {parameters: [{name: i, value: '{{item.j}}'}]}}",
         "A722", "item.j"),
    ],
)  # fmt: skip
def test_tasks(tasks: str, code: str, part: str) -> None:
    one(f"  templates:\n  - name: a\n    dag: {{tasks: [{tasks}]}}\n{MAKER}{TAKER}", code, part)


@pytest.mark.parametrize(
    ("steps", "code", "part"),
    [
        ("[{name: x.y, template: b}]", "A725", "x.y"),
        ("[{name: x, template: b}], [{name: x, template: b}]", "A721", "x"),
        ("[{name: x, template: b, when: '{{steps.w.status}} == 1'}], [{name: w, template: b}]", "A722", "steps.w"),
        ("[{name: x, template: b, arguments: {parameters: [{name: i, valueFrom: {expression: '1'}}]}}]",
         "A726", "valueFrom only allows"),
    ],
)  # fmt: skip
def test_steps(steps: str, code: str, part: str) -> None:
    one(f"  templates:\n  - name: a\n    steps: [{steps}]\n{MAKER}", code, part)


@pytest.mark.parametrize(
    "templates",
    [
        f"  - {{name: a, steps: [[{{name: 'x-{{{{workflow.name}}}}', template: b}}]]}}\n{MAKER}",
        f"  - name: a\n    dag: {{tasks: [{{name: z, template: c, {TAKEN}, depends: w}}, {BEHIND}]}}\n{MAKER}{TAKER}",
        # a variable of the user's own, and one whose prefix Argo does not look at
        "  - {name: a, container: {image: b, args: ['{{mine}}', '{{inputs}}', '{{item}}']}}\n",
        # a template of the same DAG sets a global output that a task behind it reads
        "  - {name: a, dag: {tasks: [{name: w, template: d, depends: x}, {name: x, template: e}]}}\n" + GLOBAL,
        f"  - {{name: a, {POD}, memoize: {{key: k, cache: {{configMap: {{name: c}}}}}}}}\n",
    ],
)
def test_valid(templates: str) -> None:
    assert found(f"{HEAD}  templates:\n{templates}") == []


CRON = "apiVersion: argoproj.io/v1alpha1\nkind: CronWorkflow\nmetadata: {name: a}\nspec:\n"
INNER = f"  workflowSpec: {{entrypoint: a, templates: [{{name: a, {POD}}}]}}\n"


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ("  schedules: []\n", "at least one schedule"),
        ("  schedules: ['* * * *']\n", "malformed"),
        ("  schedules: ['60 * * * *']\n", "malformed"),
        ("  schedules: ['@often']\n", "malformed"),
        ("  schedules: ['* * * * *']\n  timezone: Mars/Olympus\n", "Mars"),
        ("  schedules: ['* * * * *']\n  concurrencyPolicy: Sometimes\n", "Sometimes"),
        ("  schedules: ['* * * * *']\n  startingDeadlineSeconds: -1\n", "positive"),
    ],
)
def test_schedules(fields: str, part: str) -> None:
    [(code, message)] = found(CRON + fields + INNER)
    assert code == "A726"
    assert part in message


def test_schedules_of_every_form() -> None:
    forms = ["*/5 1-4 1,15 jan-mar MON", "@daily", "@every 1h30m", "TZ=UTC 0 0 * * ?"]
    assert found(f"{CRON}  schedules: {forms}\n{INNER}") == []


def test_a_chain_of_templates_in_other_objects() -> None:
    library = f"""apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {{name: l}}
spec:
  templates:
  - {{name: in, steps: [[{{name: x, templateRef: {{name: m, template: '{{{{inputs.parameters.p}}}}'}}}}]],
     inputs: {{parameters: [{{name: p}}]}}}}
  - {{name: b, {POD}}}
"""
    messages = [message for _, message in found(library)]
    assert messages == ["WorkflowTemplate m not found"]
