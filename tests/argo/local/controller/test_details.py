"""Small print of Argo's controller, each case held against what it makes of the same manifest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from argo.backend import Json
from argo.expressions.gojson import marshal
from argo.local.controller.scope import Scope, add_aggregate
from compiler.manifest_types import Outputs
from tests.argo.local.controller.harness import Objects, Play, by_name, fail, workflow
from tests.argo.local.controller.test_features import POD, args, dag, phases, play, spec, steps


def loop(item: Any) -> dict[str, Json]:
    value = "{{item.k}}" if isinstance(item, dict) else "{{item}}"
    step = {"name": "a", "template": "echo", "withParam": json.dumps([item]), "arguments": args(x=value)}
    made = play(spec(steps([step])))
    return made.nodes


@pytest.mark.parametrize(
    ("item", "shown", "value"),
    [
        ({"k": 'a "b"', "l": 1}, r"k:a \"b\",l:1", r"a \"b\""),
        ({"k": "<&>"}, "k:<&>", "<&>"),
        ({"k": {"z": 1, "a": [2]}}, 'k:{"z":1,"a":[2]}', '{"z":1,"a":[2]}'),
        (["x y", "(z)"], "[x y z]", '["x y","(z)"]'),
        ("a\nb", r"a\nb", "a\nb"),
        (True, "true", "true"),
    ],
)
def test_an_item_stands_as_json_in_names(item: Any, shown: str, value: str) -> None:
    node = loop(item)[f"wf[0].a(0:{shown})"]
    assert node["inputs"]["parameters"][0]["value"] == value


@pytest.mark.parametrize("number", ["1e-7", "1.234567e+06", "1.0", "100.50", "12345678901234567890"])
def test_a_number_of_a_list_stays_as_it_is_written(number: str) -> None:
    """Argo keeps items as raw JSON: of a list that a task gave, and of the results of a loop."""
    step = {
        "name": "a",
        "template": "echo",
        "withParam": f'[{number}, {{"k": {number}}}]',
        "arguments": args(x="{{item}}"),
    }
    made = play(spec(steps([step])))
    assert made.nodes[f"wf[0].a(0:{number})"]["inputs"]["parameters"][0]["value"] == number
    assert made.nodes[f"wf[0].a(1:k:{number})"]["inputs"]["parameters"][0]["value"] == f'{{"k":{number}}}'
    outputs: Outputs = {"result": number, "parameters": [{"name": "p", "value": f"[{number}]"}]}
    add_aggregate(scope := Scope(), "steps", "a", [{"name": "a(0:x)", "phase": "Succeeded", "outputs": outputs}])
    assert scope.values["steps.a.outputs.result"] == f"[{number}]"
    assert scope.values["steps.a.outputs.parameters.p"] == f"[[{marshal(float(number))}]]"


@pytest.mark.parametrize(
    ("given", "written"), [(1e-7, "0.0000001"), (1234567.0, "1234567"), (2.0, "2"), (1e21, "1" + "0" * 21)]
)
def test_a_parameter_given_as_a_number(given: float, written: str) -> None:
    step = {"name": "a", "template": "echo", "arguments": args(x=given)}
    made = play(spec(steps([step])))
    assert made.nodes["wf[0].a"]["inputs"]["parameters"][0]["value"] == written


@pytest.mark.parametrize(
    ("expression", "written"),
    [("1e-7", "1e-7"), ("1e6 + 234567", "1234567"), ("string(1234567.0)", "1.234567e+06"), ("4 / 2", "2"),
     ("toJson([1.0, 1e-7])", "[1,1e-7]"), ("jsonpath('[1.0, 1e-7]', '$[1]')", "1e-7")],
)  # fmt: skip
def test_what_an_expression_comes_to(expression: str, written: str) -> None:
    step = {"name": "a", "template": "echo", "arguments": args(x="{{=" + expression + "}}")}
    made = play(spec(steps([step])))
    assert made.nodes["wf[0].a"]["inputs"]["parameters"][0]["value"] == written


def test_maps_of_a_manifest_are_sorted() -> None:
    step = {"name": "a", "template": "echo", "withItems": [{"k": {"z": 1, "a": 2}}], "arguments": args(x="{{item}}")}
    made = play(spec(steps([step])))
    assert 'wf[0].a(0:k:{"a":2,"z":1})' in made.nodes


def test_an_empty_retry_strategy_retries() -> None:
    made = play(spec({**POD, "name": "main", "retryStrategy": {}}), player=by_name({"wf(0)": fail()}))
    assert phases(made) == {"wf": "Succeeded", "wf(0)": "Failed", "wf(1)": "Succeeded"}


def test_an_empty_backoff_is_a_mistake() -> None:
    made = play(
        spec({**POD, "name": "main", "retryStrategy": {"limit": 2, "backoff": {}}}), player=by_name({"wf(0)": fail()})
    )
    assert made.nodes["wf"]["phase"] == "Error"
    assert "no base duration" in made.nodes["wf"]["message"]


def test_a_name_to_show() -> None:
    shown = {"workflows.argoproj.io/display-name": "echo-{{inputs.parameters.x}}"}
    template = {"name": "shown", "inputs": args(x=None), "annotations": shown, "container": {"image": "a"}}
    template["inputs"] = {"parameters": [{"name": "x"}]}
    step = {"name": "a", "template": "shown", "arguments": args(x="1")}
    assert play(spec(steps([step]), template)).nodes["wf[0].a"]["displayName"] == "echo-1"
    made = play(spec(steps([{**step, "arguments": args(x="!")}]), template))
    assert made.nodes["wf[0].a"]["phase"] == "Error"
    assert made.nodes["wf[0].a"]["message"].startswith("displayName must match")


def test_scopes_name_the_workflow() -> None:
    made = play(spec(dag({"name": "a"})))
    assert {node["templateScope"] for node in made.nodes.values()} == {"local/wf"}


def test_scopes_below_a_reference_name_none() -> None:
    objects = Objects(templates={"t": {"metadata": {"name": "t"}, "spec": spec(dag({"name": "a"}))}})
    made = Play(workflow({"workflowTemplateRef": {"name": "t"}}), objects=objects)
    made.run()
    assert {node["templateScope"] for node in made.nodes.values()} == {"local/"}


def test_the_host_is_known() -> None:
    step = {"name": "b", "template": "echo", "arguments": args(x="{{steps.a.hostNodeName}}")}
    made = play(spec(steps([{"name": "a"}], [step])))
    assert made.nodes["wf[1].b"]["inputs"]["parameters"][0]["value"] == made.nodes["wf[0].a"]["hostNodeName"] != ""


MEMO = {"key": "{{inputs.parameters.k}}", "cache": {"configMap": {"name": "c"}}}


def remember(*keys: str, **fields: Any) -> Play:
    template = {**POD, "name": "memo", "inputs": {"parameters": [{"name": "k"}]}, "memoize": MEMO, **fields}
    groups = [[{"name": f"s{at}", "template": "memo", "arguments": args(k=key)}] for at, key in enumerate(keys)]
    return play(spec(steps(*groups), template))


def test_a_key_of_the_cache_has_the_form_of_a_name() -> None:
    node = remember("no key").nodes["wf[0].s0"]
    assert (node["type"], node["phase"]) == ("Skipped", "Error")
    assert node["message"] == "invalid cache key: no key"


def test_a_hit_has_the_type_that_the_node_would_have() -> None:
    made = remember("k", "k", retryStrategy={"limit": 1})
    assert made.nodes["wf[1].s1"]["type"] == "Retry"
    assert made.nodes["wf[1].s1"]["memoizationStatus"]["hit"] is True
    assert made.nodes["wf[0].s0(0)"]["memoizationStatus"]["hit"] is False


@pytest.mark.parametrize(
    "patch",
    ["{'containers'}", '{"containers"}', "containers: 3", "containers: [3]",
     "containers: [{name: main, resources: {limits: {memory: lots}}}]", "containers: [{name: main, resources: 1}]"],
)  # fmt: skip
def test_a_patch_that_is_no_pod(patch: str) -> None:
    made = play(spec({**POD, "name": "main", "podSpecPatch": patch}))
    assert made.phase == "Error"
    assert "Error applying PodSpecPatch" in made.workflow["status"]["message"]


def test_a_patch_of_amounts() -> None:
    patch = "containers: [{name: main, resources: {limits: {memory: 1.5Gi, cpu: 0.5}, requests: {cpu: 100m}}}]"
    assert play(spec({**POD, "name": "main", "podSpecPatch": patch})).phase == "Succeeded"


@pytest.mark.parametrize("metadata", [{"labels": {"a": "$x"}}, {"labelsFrom": {"a": {"expression": "'x/y'"}}}])
def test_labels_that_kubernetes_does_not_take(metadata: Json) -> None:
    made = play(spec({**POD, "name": "main"}, workflowMetadata=metadata))
    assert made.phase == "Error"
    assert made.workflow["status"]["message"].startswith("invalid label value")


def test_a_creation_time_of_null() -> None:
    made = Play(workflow(spec({**POD, "name": "main"}), creationTimestamp=None))
    made.run()
    assert made.workflow["metadata"]["creationTimestamp"]
    assert made.phase == "Succeeded"


def test_hooks_held_back_hold_the_dag_back() -> None:
    """Found by a reload after every reconcile, which forgets what runs."""
    hooked = {"hooks": {"h": {"template": "pod", "expression": "true"}}, "onExit": "pod"}
    inner = {**dag({"name": "a", **hooked}), "name": "inner", "retryStrategy": {"limit": 1}}
    tasks: list[Json] = [
        {"name": "a", **hooked},
        {"name": "b", "template": "inner", **hooked},
        {"name": "c", "template": "inner"},
    ]
    made = play(spec(dag(*tasks, parallelism=1), inner), reload=True, batch=1)
    assert made.phase == "Succeeded"
    assert {"wf.b.hooks.h", "wf.b.onExit"} <= made.nodes.keys()


def test_a_resource_with_a_made_up_name() -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: c-}\ndata: {k: v}\n"
    objects = Objects()
    made = Play(
        workflow(spec({"name": "main", "resource": {"action": "create", "manifest": manifest}})), objects=objects
    )
    made.run()
    assert made.phase == "Succeeded"
    [name] = objects.config_maps
    assert name.startswith("c-")
    assert len(name) == 7


def test_a_stopped_container_set_has_its_containers() -> None:
    group = {"name": "main", "containerSet": {"containers": [{"name": "x", "image": "a", "command": ["true"]}]}}
    made = Play(workflow({**spec(group), "shutdown": "Terminate"}))
    made.run()
    assert "wf.x" in made.nodes


def test_claims_of_a_workflow_are_volumes_of_its_pods() -> None:
    claim = {"metadata": {"name": "work"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    made = play(spec({**POD, "name": "main"}, volumeClaimTemplates=[claim]))
    [request] = made.launched
    assert request.volumes == ({"name": "work", "persistentVolumeClaim": {"claimName": "wf-work"}},)
    assert request.own_claims == ("wf-work",)
