"""What a pod of the process executor does, in a view of its own and where the system gives none."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from argo.local.executors.environment import base_environment
from tests.argo.local.executors.conftest import Machine, request, room, shell, until_done, until_running


def test_exit_code_and_result(machine: Machine) -> None:
    outcome = machine.run(shell("echo one; echo two >&2; echo three"))
    assert (outcome.phase, outcome.message, outcome.exit_code) == ("Succeeded", "", 0)
    assert outcome.outputs == {"result": "one\nthree", "exitCode": "0"}
    assert sorted(machine.log().splitlines()) == ["one", "three", "two"]
    assert outcome.started_at is not None
    assert outcome.finished_at is not None
    assert outcome.started_at <= outcome.finished_at


def test_failure_is_the_programs(machine: Machine) -> None:
    outcome = machine.run(shell("echo bad; exit 3"))
    assert (outcome.phase, outcome.message, outcome.exit_code) == ("Failed", "main: Error (exit code 3)", 3)
    assert outcome.outputs["exitCode"] == "3"
    assert outcome.outputs["result"] == "bad"


def test_killed_by_a_signal(machine: Machine) -> None:
    assert machine.run(shell("kill -9 $$$$")).message == "main: Error (exit code 137)"


def test_command_that_is_not_there(machine: Machine) -> None:
    outcome = machine.run({"name": "t", "container": {"command": ["no-such-program"]}})
    assert (outcome.phase, outcome.exit_code) == ("Failed", 64)
    assert outcome.message == (
        'main: Error (exit code 64): failed to find name in PATH: exec: "no-such-program": '
        "executable file not found in $PATH"
    )
    assert "no-such-program" in machine.log()


def test_template_without_command(machine: Machine) -> None:
    outcome = machine.run({"name": "greet", "container": {"image": "docker/whalesay"}})
    assert outcome.phase == "Error"
    assert "greet has no command" in outcome.message


@pytest.mark.parametrize("command", ["python", "python3"])
def test_either_name_of_python(machine: Machine, command: str) -> None:
    assert (
        machine.run({"name": "t", "script": {"command": [command], "source": "print(6 * 7)"}}).outputs["result"] == "42"
    )


def test_script_and_its_arguments(machine: Machine) -> None:
    template = {
        "name": "t",
        "script": {"command": ["sh", "-e"], "source": "echo $0; cat /argo/staging/script | wc -l\n"},
    }
    outcome = machine.run(template)
    assert outcome.outputs["result"].splitlines()[0].endswith("/argo/staging/script")


def test_inputs_and_outputs_round(machine: Machine) -> None:
    template = shell(
        "cat /in/text.txt /var/lib/none/such.txt > /tmp/joined; printf '7\\n\\n' > /tmp/number;"
        "mkdir /out; cp /tmp/joined /out/x",
        inputs={
            "artifacts": [
                {"name": "text", "path": "/in/text.txt", "raw": {"data": "hello "}},
                {"name": "deep", "path": "/var/lib/none/such.txt", "raw": {"data": "world"}},
            ]
        },
        outputs={
            "parameters": [
                {"name": "number", "valueFrom": {"path": "/tmp/number"}},
                {"name": "absent", "valueFrom": {"path": "/tmp/absent", "default": "none"}},
                {"name": "given", "value": "as it is"},
            ],
            "artifacts": [
                {"name": "joined", "path": "/tmp/joined", "archive": {"none": {}}, "s3": {"key": "run/joined"}},
                {"name": "x", "path": "/out/x", "s3": {"bucket": "other", "key": "run/x.tgz"}},
                {"name": "maybe", "path": "/out/maybe", "optional": True, "s3": {"key": "run/maybe"}},
            ],
        },
    )
    outcome = machine.run(template)
    assert outcome.phase == "Succeeded", outcome.message
    values = {item["name"]: item["value"] for item in outcome.outputs["parameters"]}
    assert values == {"number": "7\n", "absent": "none", "given": "as it is"}
    assert [item["name"] for item in outcome.outputs["artifacts"]] == ["joined", "x"]
    assert machine.stored("run/joined") == b"hello world"
    back = shell(
        "cat /work/x",
        inputs={"artifacts": [{"name": "x", "path": "/work/x", "s3": {"bucket": "other", "key": "run/x.tgz"}}]},
    )
    assert machine.run(back, "n2").outputs["result"] == "hello world"


def test_outputs_are_kept_when_main_failed(machine: Machine) -> None:
    outputs = {
        "parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}],
        "artifacts": [{"name": "a", "path": "/tmp/p", "archive": {"none": {}}, "s3": {"key": "a"}}],
    }
    outcome = machine.run(shell("echo v > /tmp/p; exit 1", outputs=outputs))
    assert outcome.message == "main: Error (exit code 1)"
    assert outcome.outputs["parameters"][0]["value"] == "v"
    assert machine.store.stat("a") is not None


@pytest.mark.parametrize(
    ("outputs", "word"),
    [
        (
            {"artifacts": [{"name": "a", "path": "/tmp/none", "s3": {"key": "a"}}]},
            "/tmp/none no such file or directory",
        ),
        ({"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/none"}}]}, "/tmp/none: no such file or directory"),
        ({"artifacts": [{"name": "a", "path": "/tmp", "archive": {"none": {}}}]}, "no S3 key"),
    ],
)
def test_missing_output_is_an_error(machine: Machine, outputs: dict[str, Any], word: str) -> None:
    outcome = machine.run(shell("true", outputs=outputs))
    assert outcome.phase == "Error"
    assert outcome.message.startswith("wait: Error (exit code 64): ")
    assert word in outcome.message


def test_directory_without_archive(machine: Machine) -> None:
    outputs = {"artifacts": [{"name": "d", "path": "/out/d", "archive": {"none": {}}, "s3": {"key": "k/d"}}]}
    machine.run(
        shell("mkdir -p /out/d/in; echo 1 > /out/d/a; echo 2 > /out/d/in/b; ln -s a /out/d/link", outputs=outputs)
    )
    assert [info.key for info in machine.store.list("")] == ["k/d/a", "k/d/in/b"]
    inputs = {"artifacts": [{"name": "d", "path": "/in/all", "s3": {"key": "k/d"}}]}
    assert machine.run(shell("cd /in/all; cat a in/b", inputs=inputs), "n2").outputs["result"] == "1\n2"


def test_required_input_is_missing(machine: Machine) -> None:
    artifacts = [{"name": "x", "path": "/in/x", "s3": {"key": "none"}}]
    outcome = machine.run(shell("true", inputs={"artifacts": artifacts}))
    assert outcome.phase == "Error"
    assert outcome.message.startswith("init: Error (exit code 64): artifact x failed to load: ")
    optional = [{**artifacts[0], "optional": True}, {"name": "y", "path": "/in/y", "optional": True}]
    assert (
        machine.run(shell("ls /in/* 2>/dev/null || echo none", inputs={"artifacts": optional}), "n2").phase
        == "Succeeded"
    )
    outcome = machine.run(shell("true", inputs={"artifacts": [{"name": "z", "path": "/z"}]}), "n3")
    assert outcome.message == "init: Error (exit code 64): required artifact 'z' not supplied"


def test_environment(machine: Machine) -> None:
    machine.environment = {
        **machine.environment,
        "ARGO_TOKEN": "engine",
        "AWS_SECRET_ACCESS_KEY": "engine",
        "LC_ALL": "C",
    }
    machine.objects.config_maps["settings"] = {"data": {"A": "1", "B": "two words"}}
    machine.objects.secrets["token"] = {"key": b"hidden-value", "other": b"o"}
    container = {
        "env": [
            {"name": "PLAIN", "value": "p"},
            {"name": "COMPOSED", "value": "$(PLAIN)-$(A)-$(NONE)-$$(A)"},
            {"name": "NOT_YET", "value": "$(PATH) $(ARGO_POD_NAME)"},
            {"name": "FROM", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "B"}}},
            {"name": "ABSENT", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "B", "optional": True}}},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "key"}}},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "envFrom": [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "token"}, "prefix": "S_"}],
        "command": ["python3", "-c", "import json, os, sys; print(json.dumps([dict(os.environ), sys.argv[1:]]))"],
        "args": ["$(PLAIN)", "$(NONE)", "$(PATH)"],
    }
    outcome = machine.run({"name": "t", "container": container})
    env, arguments = json.loads(outcome.outputs["result"])
    assert arguments == ["p", "$(NONE)", "$(PATH)"], "what the image brings is not expanded"
    assert env["NOT_YET"] == "$(PATH) $(ARGO_POD_NAME)", "Argo's own variables stand behind the container's"
    assert {key: env[key] for key in ("PLAIN", "COMPOSED", "FROM", "TOKEN", "POD", "A", "B", "S_other", "LC_ALL")} == {
        "PLAIN": "p",
        "COMPOSED": "p-1-$(NONE)-$(A)",
        "FROM": "two words",
        "TOKEN": "hidden-value",
        "POD": "wf-n1",
        "A": "1",
        "B": "two words",
        "S_other": "o",
        "LC_ALL": "C",
    }
    assert not {"ABSENT", "ARGO_TOKEN", "AWS_SECRET_ACCESS_KEY", "VIRTUAL_ENV"} & env.keys()
    assert (env["ARGO_NODE_ID"], env["ARGO_CONTAINER_NAME"]) == ("n1", "main")
    machine.close()
    files = [path for path in (machine.path / "pods").rglob("*") if path.is_file() and path.suffix == ".json"]
    assert any(path.name == "request.json" for path in files)
    kept = [path for path in files if path.name not in ("exit.json", "outcome.json")]
    assert not any(b"hidden-value" in path.read_bytes() for path in kept)


def test_reference_that_leads_nowhere(machine: Machine) -> None:
    outcome = machine.run(shell("true", container={"envFrom": [{"configMapRef": {"name": "none"}}]}))
    assert outcome.phase == "Error"
    assert outcome.message == (
        'Pod failed before main container starts due to CreateContainerConfigError: configmap "none" not found'
    )


def test_deadline(machine: Machine) -> None:
    import time

    outcome = machine.run(shell("sleep 600"), deadline=time.time() + 0.3, deadline_message="too late")
    assert (outcome.phase, outcome.message) == ("Failed", "too late")


def test_kill_gives_time_to_end(machine: Machine) -> None:
    pods = machine.pods()
    source = (
        "import signal, sys, time; signal.signal(15, lambda *_: (print('bye'), sys.exit(5)));"
        "print('up', flush=True); time.sleep(600)"
    )
    pods.create(request({"name": "t", "container": {"command": ["python3", "-c", source]}}))
    until_running(pods)
    while "up" not in machine.log():
        pods.poll(0.05)
    pods.kill("n1", 30)
    outcome = until_done(pods)["n1"]
    assert (outcome.phase, outcome.message) == ("Failed", "main: Error (exit code 5)")
    assert machine.log().splitlines() == ["up", "bye"]


def test_kill_of_one_that_will_not(machine: Machine) -> None:
    pods = machine.pods()
    pods.create(request(shell("trap '' TERM; echo up; while :; do sleep 0.1; done")))
    until_running(pods)
    while "up" not in machine.log():
        pods.poll(0.05)
    pods.kill("n1", 0.2)
    assert until_done(pods)["n1"].message == "main: Error (exit code 137)"


def test_kill_of_one_that_waits(machine: Machine) -> None:
    pods = machine.pods(machine=room(cpu=1))
    busy = {"resources": {"requests": {"cpu": "1"}}}
    pods.create(request(shell("sleep 0.5", container=busy)))
    pods.create(request(shell("true"), "n2"))
    pods.kill("n2", 0)
    done = until_done(pods, 2)
    assert done["n1"].phase == "Succeeded"
    assert (done["n2"].phase, done["n2"].message) == ("Failed", "pod was stopped before its containers started")


def test_nothing_of_a_pod_lives_on(machine: Machine, tmp_path: Path) -> None:
    beat = tmp_path / "host"
    beat.mkdir()
    source = (
        "(setsid sh -c 'while :; do date +%N > /host/beat; sleep 0.02; done' >/dev/null 2>&1 &) ;"
        "sleep 0.3; cat /host/beat"
    )
    outcome = machine.run(
        shell(source, container={"volumeMounts": [{"name": "h", "mountPath": "/host"}]}),
        volumes=({"name": "h", "hostPath": {"path": str(beat)}},),
    )
    assert outcome.phase == "Succeeded", machine.log()
    (beat / "beat").unlink(missing_ok=True)
    import time

    time.sleep(0.2)
    assert not (beat / "beat").exists()


def test_progress(machine: Machine) -> None:
    pods = machine.pods()
    pods.create(
        request(
            shell(
                "echo 1/4 > $ARGO_PROGRESS_FILE; while [ ! -e /tmp/go ]; do sleep 0.05; done;"
                "echo 4/4 > $ARGO_PROGRESS_FILE",
                outputs={"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/go", "default": ""}}]},
            )
        )
    )
    seen = None
    while seen is None:
        seen = next((outcome.progress for outcome in pods.poll(2).values()), None)
    assert seen == "1/4"
    (machine.path / "pods" / "n1" / "root" / "tmp" / "go").touch()
    assert until_done(pods)["n1"].progress == "4/4"


def test_working_directory(machine: Machine) -> None:
    outcome = machine.run(shell("pwd; echo x > here; cat /work/dir/here", container={"workingDir": "/work/dir"}))
    if machine.isolation == "namespaces":
        assert outcome.outputs["result"] == "/work/dir\nx"
    else:
        assert outcome.outputs["result"].splitlines()[0].endswith("/root/work/dir")
        assert outcome.outputs["result"].splitlines()[1] == "x"


def test_long_result_is_cut_and_log_is_not(machine: Machine) -> None:
    source = "import sys; sys.stdout.write('x' * 300_000 + 'ä' + '\\n' * 2)"
    outcome = machine.run({"name": "t", "script": {"command": ["python3"], "source": source}})
    assert len(outcome.outputs["result"].encode()) == 256 * 1024
    assert outcome.outputs["result"].endswith("xä\n")
    assert len(machine.log()) == 300_003


def test_outcome_is_told_once_and_found_again(machine: Machine) -> None:
    first = machine.run(shell("echo x"))
    pods = machine.pods()
    pods.create(request(shell("echo x")))
    pods.create(request(shell("echo x")))
    assert until_done(pods)["n1"] == first
    assert not pods.poll(0.1)


def test_work_is_removed_after_success_only(machine: Machine) -> None:
    machine.run(shell("mkdir -m 0 locked"))
    machine.run(shell("exit 1"), "n2")
    machine.close()
    assert sorted(path.name for path in (machine.path / "pods" / "n1").iterdir()) == sorted(
        ["exit.json", "lock", "main.log", "outcome.json", "pid", "request.json"]
    )
    assert (machine.path / "pods" / "n2" / "root").is_dir()


def test_logs_as_an_artifact(machine: Machine) -> None:
    template = shell("echo hello", archiveLocation={"archiveLogs": True, "s3": {"key": "wf/pod"}})
    outcome = machine.run(template)
    assert [item["name"] for item in outcome.outputs["artifacts"]] == ["main-logs"]
    assert machine.stored("wf/pod/main.log") == b"hello\n"


def test_output_of_every_byte(machine: Machine) -> None:
    source = "b = bytes(range(256)) * 4096\nwith open('/out/big', 'wb') as f:\n    for _ in range(16): f.write(b)"
    template = {
        "name": "t",
        "script": {"command": ["python3"], "source": source, "volumeMounts": [{"name": "out", "mountPath": "/out"}]},
        "outputs": {"artifacts": [{"name": "big", "path": "/out/big", "archive": {"none": {}}, "s3": {"key": "big"}}]},
    }
    assert machine.run(template, volumes=({"name": "out", "emptyDir": {}},)).phase == "Succeeded"
    assert machine.stored("big") == bytes(range(256)) * 4096 * 16
    machine.close()
    assert (machine.path / "store" / "argosy" / "big").stat().st_nlink == 1


def test_tasks_do_not_run_argosys_own_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "base"))
    active = {"PATH": f"{tmp_path}/venv/bin:/usr/bin:/bin", "VIRTUAL_ENV": f"{tmp_path}/venv", "PYTHONHOME": "x"}
    assert base_environment(active) == {"PATH": f"/usr/bin:/bin:{tmp_path}/base/bin", "HOME": "/", "LANG": "C.UTF-8"}
    other = {"PATH": f"{tmp_path}/mine/bin:/usr/bin", "VIRTUAL_ENV": f"{tmp_path}/mine"}
    assert base_environment(other)["PATH"] == other["PATH"], "an environment of the user's own stays"
