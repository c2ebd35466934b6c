"""Field by field: what each part of a workflow's specification does to nodes, pods and messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from argo.backend import Json
from argo.errors import ConflictError
from argo.local.pods import PodOutcome, PodRequest
from argo.workflow import nodes as control
from argo.workflow.commands import apply
from argo.workflow.tree import waiting
from tests.argo.local.controller.harness import START, Objects, Play, by_name, fail, succeed, workflow

POD: Json = {"name": "pod", "container": {"image": "a", "command": ["true"]}}
ECHO: Json = {
    "name": "echo",
    "inputs": {"parameters": [{"name": "x"}]},
    "container": {"image": "a", "command": ["echo", "{{inputs.parameters.x}}"]},
}
OUT: Json = {
    "name": "out",
    "outputs": {"parameters": [{"name": "o", "valueFrom": {"path": "/o"}}]},
    "container": {"image": "a"},
}


def dag(*tasks: Json, **fields: Any) -> Json:
    return {"name": "main", "dag": {"tasks": [{"template": "pod", **task} for task in tasks]}, **fields}


def steps(*groups: list[Json], **fields: Any) -> Json:
    return {"name": "main", "steps": [[{"template": "pod", **step} for step in group] for group in groups], **fields}


def spec(*templates: Json, **fields: Any) -> Json:
    return {"entrypoint": "main", "templates": [*templates, POD, ECHO, OUT], **fields}


def args(**values: Any) -> Json:
    return {"parameters": [{"name": name, "value": value} for name, value in values.items()]}


def play(specification: Json, *, reload: bool = False, **fields: Any) -> Play:
    made = Play(workflow(specification), reload=reload, **fields)
    made.run()
    return made


def phases(made: Play) -> dict[str, str]:
    return {name: node["phase"] for name, node in made.nodes.items()}


def command(made: Play, name: str) -> Any:
    return next(request.template["container"] for request in made.launched if request.node_name == name)["command"]


class TestDag:
    def test_what_fails_omits_its_dependents(self) -> None:
        made = play(
            spec(dag({"name": "a"}, {"name": "b", "depends": "a"}, {"name": "c", "depends": "a.Failed"})),
            player=by_name({"wf.a": fail()}),
        )
        assert phases(made) == {"wf": "Succeeded", "wf.a": "Failed", "wf.b": "Omitted", "wf.c": "Succeeded"} | {
            "wf": "Failed"
        }
        assert made.nodes["wf.b"]["message"] == "omitted: depends condition not met"
        assert made.nodes["wf.b"]["type"] == "Skipped"

    @pytest.mark.parametrize(
        ("depends", "phase"),
        [
            ("a.Succeeded", "Omitted"),
            ("a.Failed", "Succeeded"),
            ("a.Failed || a.Succeeded", "Succeeded"),
            ("!a.Succeeded && b", "Succeeded"),
            ("a && b", "Omitted"),
            ("a.Errored", "Omitted"),
            ("(a.Failed && b.Succeeded)", "Succeeded"),
        ],
    )
    def test_depends(self, depends: str, phase: str) -> None:
        made = play(
            spec(dag({"name": "a"}, {"name": "b"}, {"name": "c", "depends": depends})),
            player=by_name({"wf.a": fail()}),
        )
        assert phases(made)["wf.c"] == phase

    def test_continue_on_lets_dependents_and_the_dag_go_on(self) -> None:
        tolerant = {"name": "a", "continueOn": {"failed": True}}
        made = play(spec(dag(tolerant, {"name": "b", "dependencies": ["a"]})), player=by_name({"wf.a": fail()}))
        assert phases(made) == {"wf": "Succeeded", "wf.a": "Failed", "wf.b": "Succeeded"}
        made = play(spec(dag(tolerant)), player=by_name({"wf.a": fail()}))
        assert phases(made)["wf"] == "Succeeded"

    def test_targets_alone_run(self) -> None:
        template = dag({"name": "a"}, {"name": "b", "dependencies": ["a"]}, {"name": "c"})
        template["dag"]["target"] = "b"
        assert set(phases(play(spec(template)))) == {"wf", "wf.a", "wf.b"}

    @pytest.mark.parametrize(
        "tasks",
        [
            ({"name": "a", "depends": "b"}, {"name": "b", "depends": "a"}),
            ({"name": "a", "depends": "a"}, {"name": "c"}),
            ({"name": "a", "depends": "b"}, {"name": "b", "depends": "a"}, {"name": "c", "depends": "a"}),
        ],
    )
    def test_a_cycle_is_an_error(self, tasks: tuple[Json, ...]) -> None:
        made = play(spec(dag(*tasks)))
        assert made.phase == "Error"
        assert "dependency cycle at task" in made.workflow["status"]["message"]

    def test_group_results(self) -> None:
        made = play(
            spec(
                dag(
                    {"name": "a", "withItems": [1, 2]},
                    {"name": "any", "depends": "a.AnySucceeded"},
                    {"name": "all", "depends": "a.AllFailed"},
                )
            ),
            player=by_name({"wf.a(0:1)": fail()}),
        )
        assert phases(made)["wf.a"] == "Failed"
        assert (phases(made)["wf.any"], phases(made)["wf.all"]) == ("Succeeded", "Omitted")

    def test_unknown_reference_is_an_error_and_not_a_wait(self) -> None:
        made = play(
            spec(
                dag(
                    {"name": "a"},
                    {
                        "name": "b",
                        "template": "echo",
                        "depends": "a",
                        "arguments": args(x="{{tasks.a.outputs.parameters.no}}"),
                    },
                )
            )
        )
        assert made.nodes["wf.b"]["message"] == "failed to resolve {{tasks.a.outputs.parameters.no}}"
        assert made.phase == "Error"

    def test_outputs_and_inline(self) -> None:
        inline = {
            "container": {"image": "a", "command": ["{{inputs.parameters.x}}"]},
            "inputs": {"parameters": [{"name": "x", "default": "d"}]},
        }
        made = play(
            spec(
                dag(
                    {"name": "a", "template": "out"},
                    {
                        "name": "b",
                        "template": None,
                        "inline": inline,
                        "dependencies": ["a"],
                        "arguments": args(x="{{tasks.a.outputs.parameters.o}}"),
                    },
                    outputs={
                        "parameters": [
                            {"name": "p", "valueFrom": {"parameter": "{{tasks.a.outputs.parameters.o}}"}},
                            {"name": "e", "valueFrom": {"expression": "tasks.a.outputs.parameters.o + '!'"}},
                            {
                                "name": "d",
                                "valueFrom": {"parameter": "{{tasks.b.outputs.parameters.z}}", "default": "z"},
                            },
                        ]
                    },
                )
            )
        )
        assert command(made, "wf.b") == ["o"]
        values = {entry["name"]: entry["value"] for entry in made.nodes["wf"]["outputs"]["parameters"]}
        assert values == {"p": "o", "e": "o!", "d": "z"}


class TestLoops:
    def test_names_of_items(self) -> None:
        items = ["a(b)", 1, 1.5, True, {"v": 2, "i": "x"}, ["p", 1]]
        made = play(spec(dag({"name": "a", "template": "echo", "withItems": items, "arguments": args(x="{{item}}")})))
        shown = [node["displayName"] for node in made.nodes.values() if node["type"] == "Pod"]
        assert shown == ["a(0:ab)", "a(1:1)", "a(2:1.5)", "a(3:true)", "a(4:i:x,v:2)", "a(5:[p 1])"]
        assert command(made, "wf.a(4:i:x,v:2)") == ["echo", '{"i":"x","v":2}']

    def test_aggregates_keep_the_order_of_items(self) -> None:
        def reversed_outcome(request: PodRequest) -> PodOutcome:
            return PodOutcome(
                "Succeeded",
                exit_code=0,
                outputs={"parameters": [{"name": "o", "value": request.node_name.rsplit(":", 1)[-1].rstrip(")")}]},
            )

        made = play(
            spec(
                dag(
                    {"name": "a", "template": "out", "withSequence": {"count": "12"}},
                    {
                        "name": "b",
                        "template": "echo",
                        "dependencies": ["a"],
                        "arguments": args(x="{{tasks.a.outputs.parameters.o}}"),
                    },
                )
            ),
            player=reversed_outcome,
            batch=5,
        )
        assert command(made, "wf.b") == ["echo", "[" + ",".join(f'"{i}"' for i in range(12)) + "]"]

    @pytest.mark.parametrize("main", [dag, lambda task: steps([task])])
    def test_nothing_to_do(self, main: Any) -> None:
        made = play(spec(main({"name": "a", "withParam": "[]"})))
        [skipped] = [node for node in made.nodes.values() if node["type"] == "Skipped"]
        assert skipped["message"] == "Skipped, empty params"
        assert made.phase == "Succeeded"

    def test_not_a_list(self) -> None:
        made = play(spec(dag({"name": "a", "withParam": "{}"})))
        assert "withParam value could not be parsed as a JSON list" in made.nodes["wf.a"]["message"]

    def test_when_per_item(self) -> None:
        made = play(spec(steps([{"name": "a", "withItems": [1, 2], "when": "{{item}} > 1"}])))
        assert phases(made)["wf[0].a(0:1)"] == "Skipped"
        assert made.nodes["wf[0].a(0:1)"]["message"] == "when '1 > 1' evaluated false"
        assert phases(made)["wf[0].a(1:2)"] == "Succeeded"


class TestRetry:
    def retrying(self, **strategy: Any) -> Json:
        return spec({**POD, "name": "main", "retryStrategy": strategy})

    def test_until_the_limit(self) -> None:
        made = play(self.retrying(limit=2), player=by_name({}, lambda _: fail(3)))
        assert made.nodes["wf"]["message"] == made.workflow["status"]["message"] == "No more retries left"
        assert made.nodes["wf"]["type"] == "Retry"
        assert [made.nodes[f"wf({i})"]["nodeFlag"] for i in range(3)] == [{"retried": True}] * 3
        assert made.nodes["wf"]["outputs"] == {"exitCode": "3"}

    def test_success_takes_the_outputs(self) -> None:
        template = {**OUT, "name": "main", "retryStrategy": {"limit": "5"}}
        made = play(spec(template), player=by_name({"wf(0)": fail()}))
        assert phases(made) == {"wf": "Succeeded", "wf(0)": "Failed", "wf(1)": "Succeeded"}
        assert made.nodes["wf"]["outputs"] == made.nodes["wf(1)"]["outputs"]

    @pytest.mark.parametrize(
        ("policy", "phase", "attempts"),
        [
            ("OnFailure", "Failed", 2),
            ("OnFailure", "Error", 1),
            ("OnError", "Error", 2),
            ("OnError", "Failed", 1),
            ("Always", "Failed", 2),
            ("Always", "Error", 2),
        ],
    )
    def test_policy(self, policy: str, phase: Any, attempts: int) -> None:
        made = play(self.retrying(limit=1, retryPolicy=policy), player=lambda _: PodOutcome(phase, "no"))
        assert len(made.nodes) == 1 + attempts
        assert made.phase == phase

    def test_expression(self) -> None:
        made = play(
            self.retrying(limit=5, expression="asInt(lastRetry.exitCode) < 3"),
            player=lambda request: fail(1 + int(request.node_name[-2])),
        )
        assert len(made.nodes) == 4
        assert made.workflow["status"]["message"] == "retryStrategy.expression evaluated to false"

    @pytest.mark.parametrize("reload", [False, True])
    def test_back_off_grows_and_wakes(self, reload: bool) -> None:
        strategy = self.retrying(limit=2, backoff={"duration": "10", "factor": 2})
        made = play(strategy, player=lambda _: fail(), reload=reload)
        started = [made.nodes[f"wf({i})"]["startedAt"][-9:] for i in range(3)]
        assert started == ["03:04:05Z", "03:04:16Z", "03:04:37Z"]

    def test_back_off_has_an_end(self) -> None:
        backoff = {"duration": "1m", "factor": "2", "maxDuration": "2m"}
        made = play(self.retrying(limit=9, backoff=backoff), player=lambda _: fail())
        assert made.workflow["status"]["message"] == "Backoff would exceed max duration limit"
        assert made.launched[-1].deadline == (START + timedelta(minutes=2)).timestamp()

    def test_variables(self) -> None:
        template = {
            "name": "main",
            "retryStrategy": {"limit": 1},
            "container": {"image": "a", "command": ["{{retries}}", "{{lastRetry.exitCode}}"]},
        }
        made = play(spec(template), player=by_name({"wf(0)": fail(7)}))
        assert [request.template["container"]["command"] for request in made.launched] == [["0", "0"], ["1", "7"]]

    def test_of_steps(self) -> None:
        made = play(spec(steps([{"name": "a"}], retryStrategy={"limit": 1})), player=by_name({"wf(0)[0].a": fail()}))
        assert phases(made)["wf"] == "Succeeded"
        assert made.nodes["wf(1)"]["type"] == "Steps"

    def test_of_the_whole_workflow(self) -> None:
        made = play(spec({**POD, "name": "main"}, retryStrategy={"limit": 1}), player=by_name({"wf(0)": fail()}))
        assert phases(made) == {"wf": "Succeeded", "wf(0)": "Failed", "wf(1)": "Succeeded"}


class TestDeadlines:
    def test_of_the_workflow(self) -> None:
        made = Play(workflow(spec(dag({"name": "a"}, {"name": "b", "depends": "a"}), activeDeadlineSeconds=60)))
        decisions = made.operate({})
        assert decisions.wake_at == START + timedelta(seconds=60)
        assert made.launched[0].deadline == (START + timedelta(seconds=60)).timestamp()
        made.now += timedelta(seconds=61)
        made.operate({})
        assert made.killed == [made.nodes["wf.a"]["id"]]
        assert made.nodes["wf.a"]["message"] == "Step exceeded its deadline"
        assert made.phase == "Failed"

    def test_of_a_template(self) -> None:
        made = play(spec({**POD, "name": "main", "activeDeadlineSeconds": "5", "timeout": "1h"}))
        assert made.launched[0].active_seconds == 5, "from when the pod starts"
        assert made.launched[0].deadline == (START + timedelta(hours=1)).timestamp()
        assert made.launched[0].deadline_message.startswith("Pod was active")

    def test_timeout_while_pending(self) -> None:
        made = Play(
            workflow(spec(steps([{"name": "a", "template": "slow"}]), {**POD, "name": "slow", "timeout": "9s"}))
        )
        assert made.operate({}).wake_at is None or made.launched
        made.now += timedelta(seconds=10)
        made.operate({made.nodes["wf[0].a"]["id"]: PodOutcome("Pending", "no room")})
        assert made.nodes["wf[0].a"]["message"] == "timeout"
        assert made.killed == [made.nodes["wf[0].a"]["id"]]
        assert made.phase == "Failed"


class TestStopping:
    def started(self, **fields: Any) -> Play:
        exit_handler = {**POD, "name": "bye"}
        made = Play(workflow(spec(dag({"name": "a"}, {"name": "b", "depends": "a"}), exit_handler, **fields)))
        made.operate({})
        return made

    def test_stop_runs_the_exit_handler(self) -> None:
        made = self.started(onExit="bye")
        made.workflow["spec"]["shutdown"] = "Stop"
        made.run()
        assert made.killed == [made.nodes["wf.a"]["id"]]
        assert made.nodes["wf.a"]["message"] == "workflow shutdown with strategy:  Stop"
        assert made.nodes["wf.onExit"]["phase"] == "Succeeded"
        assert (made.phase, made.workflow["status"]["message"]) == ("Failed", "Stopped with strategy 'Stop'")

    def test_terminate_does_not(self) -> None:
        made = self.started(onExit="bye")
        made.workflow["spec"]["shutdown"] = "Terminate"
        made.run()
        assert "wf.onExit" not in made.nodes
        assert made.workflow["status"]["message"] == "Stopped with strategy 'Terminate'"

    def test_no_retry_after_stop(self) -> None:
        made = Play(workflow(spec({**POD, "name": "main", "retryStrategy": {"limit": 3}})))
        made.operate({})
        made.workflow["spec"]["shutdown"] = "Stop"
        made.run()
        assert set(made.nodes) == {"wf", "wf(0)"}
        assert made.phase == "Failed"

    def test_a_pod_that_outlives_its_node_is_killed_again(self) -> None:
        made = self.started()
        made.workflow["spec"]["shutdown"] = "Stop"
        made.operate({})
        node = made.nodes["wf.a"]["id"]
        made.workflow["status"]["phase"] = "Running"
        assert made.operate({node: PodOutcome("Running")}).kill == [node]


class TestSuspend:
    GATE: ClassVar[Json] = {
        "name": "gate",
        "suspend": {},
        "outputs": {
            "parameters": [{"name": "d", "enum": ["yes", "no"], "valueFrom": {"supplied": {}}, "globalName": "decided"}]
        },
    }

    def gated(self, gate: Json, reload: bool = False) -> Play:
        main = steps(
            [{"name": "g", "template": "gate"}],
            [{"name": "e", "template": "echo", "arguments": args(x="{{steps.g.outputs.parameters.d}}")}],
        )
        made = Play(workflow(spec(main, gate)), reload=reload)
        made.run()
        return made

    @pytest.mark.parametrize("reload", [False, True])
    def test_supplied(self, reload: bool) -> None:
        made = self.gated(self.GATE, reload)
        [node] = waiting(made.workflow)
        with pytest.raises(ConflictError, match="does not have a default"):
            control.resume_node(made.workflow, node, made.now)
        with pytest.raises(ConflictError, match="must be one of yes, no"):
            control.set_node(made.workflow, node, made.now, parameters={"d": "maybe"})
        with pytest.raises(ConflictError, match="not expecting"):
            control.set_node(made.workflow, node, made.now, parameters={"z": "yes"})
        control.set_node(made.workflow, node, made.now, parameters={"d": "yes"}, phase="Succeeded", message="me")
        made.run()
        assert command(made, "wf[1].e") == ["echo", "yes"]
        assert made.workflow["status"]["outputs"]["parameters"] == [{"name": "decided", "value": "yes"}]
        assert made.phase == "Succeeded"

    def test_a_duration_takes_the_default(self) -> None:
        gate = {**self.GATE, "suspend": {"duration": "1h"}}
        gate["outputs"] = {"parameters": [{"name": "d", "valueFrom": {"supplied": {}, "default": "no"}}]}
        made = self.gated(gate)
        assert command(made, "wf[1].e") == ["echo", "no"]
        assert made.now >= START + timedelta(hours=1)

    def test_rejected(self) -> None:
        made = self.gated(self.GATE)
        [node] = waiting(made.workflow)
        control.set_node(made.workflow, node, made.now, phase="Failed", message="no")
        made.run()
        assert made.phase == "Failed"

    def test_one_that_is_reached_after_the_stop_holds_nothing_up(self) -> None:
        made = Play(workflow(spec({"name": "main", "suspend": {}}, shutdown="Stop")))
        made.run()
        assert (made.phase, made.nodes["wf"]["message"]) == ("Failed", "Stopped with strategy 'Stop'")

    def test_of_the_workflow(self) -> None:
        made = Play(workflow(spec({**POD, "name": "main"}, suspend=True)))
        made.run()
        assert (made.phase, made.nodes) == ("Running", {})
        apply(made.workflow, "resume-nodes", {}, made.now)
        made.run()
        assert made.phase == "Succeeded"


class TestHooks:
    def test_exit_handler_sees_status_and_failures(self) -> None:
        bye = {"name": "bye", "container": {"image": "a", "command": ["{{workflow.status}}", "{{workflow.failures}}"]}}
        made = play(spec(dag({"name": "a"}), bye, onExit="bye"), player=by_name({"wf.a": fail()}))
        status, failures = command(made, "wf.onExit")
        assert status == "Failed"
        assert '\\"displayName\\":\\"a\\"' in failures
        assert made.nodes["wf.onExit"]["nodeFlag"] == {"hooked": True}
        assert made.phase == "Failed"

    def test_a_failed_exit_handler_fails_the_workflow(self) -> None:
        made = play(spec({**POD, "name": "main"}, onExit="pod"), player=by_name({"wf.onExit": fail()}))
        assert (made.phase, made.workflow["status"]["message"]) == ("Failed", "main: Error (exit code 1)")

    @pytest.mark.parametrize("reload", [False, True])
    def test_of_a_task(self, reload: bool) -> None:
        hooks = {
            "running": {"template": "pod", "expression": 'tasks.a.status == "Running"'},
            "never": {"template": "pod", "expression": 'tasks.a.status == "Failed"'},
            "exit": {"template": "echo", "arguments": args(x="{{tasks.a.outputs.parameters.o}}")},
        }
        made = play(
            spec(dag({"name": "a", "template": "out", "hooks": hooks}, {"name": "b", "depends": "a"})),
            reload=reload,
            running_first=True,
        )
        assert set(made.nodes) == {"wf", "wf.a", "wf.b", "wf.a.hooks.running", "wf.a.onExit"}
        assert command(made, "wf.a.onExit") == ["echo", "o"]
        assert made.phase == "Succeeded"

    def test_of_the_workflow(self) -> None:
        hooks = {"started": {"template": "pod", "expression": 'workflow.status == "Running"'}}
        made = play(spec(dag({"name": "a"}), hooks=hooks))
        assert phases(made) == {"wf": "Succeeded", "wf.a": "Succeeded", "wf.hooks.started": "Succeeded"}


class TestParallelism:
    @pytest.mark.parametrize("main", [dag, lambda task, **fields: steps([task], **fields)])
    @pytest.mark.parametrize("reload", [False, True])
    def test_of_a_template(self, main: Any, reload: bool) -> None:
        made = play(spec(main({"name": "a", "withSequence": {"count": 7}}, parallelism=2)), reload=reload, batch=1)
        assert (made.phase, made.most_active, len(made.launched)) == ("Succeeded", 2, 7)

    def test_of_the_workflow_over_nested_templates(self) -> None:
        main = dag({"name": "a", "template": "inner", "withSequence": {"count": 5}})
        inner = {**steps([{"name": "x"}, {"name": "y"}], [{"name": "z"}]), "name": "inner"}
        made = play(spec(main, inner, parallelism=3), batch=1)
        assert (made.phase, made.most_active, len(made.launched)) == ("Succeeded", 3, 15)

    def test_of_the_machine(self) -> None:
        made = play(spec(dag(*({"name": f"t{i}"} for i in range(6)))), parallelism=2, batch=2)
        assert (made.phase, made.most_active) == ("Succeeded", 2)

    def test_fail_fast_of_a_template(self) -> None:
        main = steps([{"name": "a", "withSequence": {"count": 4}}], parallelism=1, failFast=True)
        made = play(spec(main), player=by_name({"wf[0].a(0:0)": fail()}))
        assert len(made.launched) == 1
        assert made.workflow["status"]["message"] == "template has failed or errored children and failFast enabled"


class TestPods:
    def test_places_of_artifacts(self) -> None:
        template = {
            "name": "main",
            "outputs": {
                "artifacts": [
                    {"name": "t", "path": "/t"},
                    {"name": "n", "path": "/n", "archive": {"none": {}}},
                    {"name": "k", "path": "/k", "s3": {"key": "here/{{workflow.uid}}"}},
                ]
            },
            "container": {"image": "a"},
        }
        made = play(spec(template))
        keys = [entry["s3"]["key"] for entry in made.launched[0].template["outputs"]["artifacts"]]
        assert keys == ["wf/wf/t.tgz", "wf/wf/n", "here/0-1"]

    def test_sub_path_and_expression(self) -> None:
        make = {
            "name": "make",
            "container": {"image": "a"},
            "outputs": {"artifacts": [{"name": "d", "path": "/d", "s3": {"key": "k"}}]},
        }
        take = {
            "name": "take",
            "container": {"image": "a"},
            "inputs": {"artifacts": [{"name": "f", "path": "/f"}, {"name": "z", "path": "/z", "optional": True}]},
        }
        given = {
            "artifacts": [
                {"name": "f", "from": "{{tasks.m.outputs.artifacts.d}}", "subPath": "x/{{workflow.name}}"},
                {"name": "z", "from": "{{tasks.m.outputs.artifacts.z}}", "optional": True},
            ]
        }
        tasks = (
            {"name": "m", "template": "make"},
            {"name": "t", "template": "take", "depends": "m", "arguments": given},
        )
        made = play(spec(dag(*tasks), make, take))
        first, second = made.launched[-1].template["inputs"]["artifacts"]
        assert (first["s3"]["key"], first["path"]) == ("k/x/wf", "/f")
        assert second == {"name": "z", "path": "/z", "optional": True}

    def test_patches_and_defaults(self) -> None:
        template = {
            "name": "main",
            "inputs": {"parameters": [{"name": "cpu", "value": "2"}]},
            "podSpecPatch": "containers: [{name: main, resources: {limits: {cpu: '{{inputs.parameters.cpu}}'}}}]",
            "container": {"image": "a", "env": [{"name": "A", "value": "1"}]},
        }
        patch = "containers: [{name: main, env: [{name: B, value: '2'}]}]\nterminationGracePeriodSeconds: 3"
        defaults = {"nodeSelector": {"n": "x"}, "container": {"imagePullPolicy": "Never"}, "script": {"image": "no"}}
        made = play(spec(template, podSpecPatch=patch, templateDefaults=defaults))
        main = made.launched[0].template["container"]
        assert main["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
        assert main["resources"] == {"limits": {"cpu": "2"}}
        assert main["imagePullPolicy"] == "Never"
        assert made.launched[0].pod_spec["nodeSelector"] == {"n": "x"}
        assert made.launched[0].pod_spec["terminationGracePeriodSeconds"] == 3

    def test_volumes_of_workflow_and_template(self) -> None:
        template = {**POD, "name": "main", "volumes": [{"name": "t", "emptyDir": {}}]}
        volumes = [{"name": "w", "configMap": {"name": "{{workflow.name}}-c"}}]
        made = play(spec(template, volumes=volumes))
        assert made.launched[0].volumes == ({"name": "w", "configMap": {"name": "wf-c"}}, {"name": "t", "emptyDir": {}})

    def test_a_result_is_kept_where_somebody_reads_it(self) -> None:
        made = play(
            spec(
                steps(
                    [{"name": "a"}, {"name": "b"}],
                    [{"name": "c", "template": "echo", "arguments": args(x="{{steps.a.outputs.result}}")}],
                )
            )
        )
        assert made.nodes["wf[0].a"]["outputs"] == {"result": "done", "exitCode": "0"}
        assert made.nodes["wf[0].b"]["outputs"] == {"exitCode": "0"}

    def test_progress(self) -> None:
        made = Play(workflow(spec(dag({"name": "a"}, {"name": "b"}))))
        made.operate({})
        made.operate({made.nodes["wf.a"]["id"]: PodOutcome("Running", progress="3/10")})
        assert made.workflow["status"]["progress"] == "3/11"
        made.run()
        assert made.workflow["status"]["progress"] == "11/11"


class TestLibrary:
    def test_workflow_template_ref(self) -> None:
        base: Json = {
            "kind": "WorkflowTemplate",
            "metadata": {"name": "base"},
            "spec": spec({**ECHO, "name": "main"}, arguments=args(x="base", y="kept")),
        }
        objects = Objects()
        objects.add(base)
        made = Play(workflow({"workflowTemplateRef": {"name": "base"}, "arguments": args(x="own")}), objects=objects)
        made.run()
        assert command(made, "wf") == ["echo", "own"]
        stored = made.workflow["status"]["storedWorkflowTemplateSpec"]
        assert {entry["name"]: entry["value"] for entry in stored["arguments"]["parameters"]} == {
            "x": "own",
            "y": "kept",
        }
        assert base["spec"]["arguments"] == args(x="base", y="kept")

    def test_what_is_missing_fails_the_workflow(self) -> None:
        made = play({"workflowTemplateRef": {"name": "none"}})
        assert (made.phase, made.workflow["status"]["message"]) == ("Failed", "workflow template none not found")

    @pytest.mark.parametrize(("key", "value"), [("k", "v"), ("none", "d")])
    def test_config_map_key(self, key: str, value: str) -> None:
        objects = Objects()
        objects.add({"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}})
        source = {"configMapKeyRef": {"name": "c", "key": key}, "default": "d"}
        main = {**ECHO, "name": "main", "inputs": {"parameters": [{"name": "x", "valueFrom": source}]}}
        made = play(spec(main), objects=objects)
        assert command(made, "wf") == ["echo", value]

    def test_a_resource_makes_a_config_map(self) -> None:
        manifest = "kind: ConfigMap\nmetadata: {name: '{{workflow.name}}-env'}\ndata: {A: '1'}"
        template = {"name": "main", "resource": {"action": "create", "setOwnerReference": True, "manifest": manifest}}
        made = play(spec(template))
        made_map = made.objects.config_maps["wf-env"]
        assert made_map["data"] == {"A": "1"}
        assert made_map["metadata"]["ownerReferences"][0]["uid"] == "0-1"
        assert (made.phase, made.launched) == ("Succeeded", [])

    @pytest.mark.parametrize("reload", [False, True])
    def test_memoised_outputs(self, reload: bool) -> None:
        memoize = {"key": "{{inputs.parameters.k}}", "maxAge": "1h", "cache": {"configMap": {"name": "cache"}}}
        main = {**OUT, "name": "main", "memoize": memoize, "inputs": {"parameters": [{"name": "k", "value": "one"}]}}
        objects = Objects()
        first = play(spec(main), objects=objects, reload=reload)
        assert first.nodes["wf"]["memoizationStatus"] == {"hit": False, "key": "one", "cacheName": "cache"}
        second = play(spec(main), objects=objects, reload=reload)
        assert (second.phase, second.launched) == ("Succeeded", [])
        assert second.nodes["wf"]["memoizationStatus"]["hit"]
        assert second.nodes["wf"]["outputs"] == first.nodes["wf"]["outputs"]
        third = play(spec(main), objects=objects, now=START + timedelta(hours=3))
        assert len(third.launched) == 1


def test_nesting_has_an_end() -> None:
    made = play(spec(steps([{"name": "again", "template": "main"}])))
    assert made.phase == "Failed"
    assert any("Maximum recursion depth exceeded" in node.get("message", "") for node in made.nodes.values())


def test_global_outputs_reach_later_templates() -> None:
    make = {
        **OUT,
        "name": "make",
        "outputs": {"parameters": [{"name": "o", "valueFrom": {"path": "/o"}, "globalName": "shared"}]},
    }
    read = {"name": "read", "container": {"image": "a", "command": ["{{workflow.outputs.parameters.shared}}"]}}
    made = play(spec(steps([{"name": "m", "template": "make"}], [{"name": "r", "template": "read"}]), make, read))
    assert command(made, "wf[1].r") == ["o"]


def test_a_finished_workflow_stays_as_it_is() -> None:
    made = play(spec({**POD, "name": "main"}))
    before = str(made.workflow)
    decisions = made.operate({made.nodes["wf"]["id"]: succeed(made.launched[0])})
    assert (decisions.changed, decisions.launch, str(made.workflow)) == (set(), [], before)
