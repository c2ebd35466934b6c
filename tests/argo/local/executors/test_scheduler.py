"""Which pods run at once: what fits, in order, nobody starved, devices each its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from argo.local.executors.scheduler import Scheduler
from argo.local.resources import is_device, wanted
from tests.argo.local.executors.conftest import Machine, request, room, shell, until_done, until_running

GPU = "nvidia.com/gpu"
ROOM = room({GPU: ("0", "1")}, cpu=4, memory=100, pods=6)


def wants(cpu: float = 1, **more: int) -> dict[str, Decimal]:
    named = {"gpu": GPU}
    return {"cpu": Decimal(str(cpu)), "pods": Decimal(1)} | {named.get(k, k): Decimal(v) for k, v in more.items() if v}


def test_what_fits_runs_and_the_rest_waits_in_order() -> None:
    scheduler = Scheduler(ROOM)
    for key, cpu in (("a", 2), ("b", 3), ("c", 1)):
        scheduler.wait(key, wants(cpu))
    assert scheduler.admit() == ["a"], "c does not overtake b"
    assert scheduler.reason("b") == "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu."
    scheduler.drop("a")
    assert scheduler.admit() == ["b", "c"]


def test_who_waits_for_a_device_holds_up_only_those_that_want_one() -> None:
    scheduler = Scheduler(ROOM)
    for key, count in (("a", 1), ("b", 2), ("c", 1), ("d", 0)):
        scheduler.wait(key, wants(0.25, gpu=count))
    assert scheduler.admit() == ["a", "d"]
    assert scheduler.devices("a") == {GPU: ["0"]}
    scheduler.drop("a")
    assert scheduler.admit() == ["b"]
    assert scheduler.devices("b") == {GPU: ["0", "1"]}


def test_more_than_the_machine_runs_alone() -> None:
    scheduler = Scheduler(ROOM)
    for key, cpu in (("a", 1), ("b", 64), ("c", 1)):
        scheduler.wait(key, wants(cpu))
    assert scheduler.admit() == ["a"]
    scheduler.drop("a")
    assert scheduler.admit() == ["b"]
    scheduler.drop("b")
    assert scheduler.admit() == ["c"]


def test_what_runs_already_counts() -> None:
    scheduler = Scheduler(ROOM)
    scheduler.adopt("old", wants(4, gpu=1), {GPU: ["0"]})
    scheduler.wait("new", wants(1, gpu=1))
    assert scheduler.admit() == []
    scheduler.drop("old")
    scheduler.adopt("old", wants(1, gpu=1), {GPU: ["0"]})
    assert scheduler.admit() == ["new"]
    assert scheduler.devices("new") == {GPU: ["1"]}


PODS = st.builds(
    wants, st.sampled_from([0.25, 1, 3, 9]), gpu=st.integers(0, 2), memory=st.sampled_from([0, 30, 100, 500])
)


@given(st.lists(PODS, max_size=12), st.randoms())
def test_all_get_their_turn_and_nothing_is_given_twice(pods: list[dict[str, Decimal]], chance: object) -> None:
    scheduler = Scheduler(ROOM)
    for index, pod in enumerate(pods):
        scheduler.wait(str(index), pod)
    running: list[str] = []
    ended = 0
    while ended < len(pods):
        running += scheduler.admit()
        assert running, "something always runs"
        for name in ("cpu", "memory", "pods", GPU):
            asked = [min(pods[int(key)].get(name, Decimal(0)), ROOM.has(name)) for key in running]
            assert sum(asked) <= ROOM.has(name)
        ids = [identity for key in running for identity in scheduler.devices(key).get(GPU, ())]
        assert len(ids) == len(set(ids))
        running.remove(key := chance.choice(running))  # type: ignore[attr-defined]  # a Random
        scheduler.drop(key)
        ended += 1
    assert scheduler.admit() == []


def test_a_pod_counts_for_all_of_its_containers() -> None:
    def asks(**amounts: str) -> dict[str, object]:
        return {"resources": {"requests": amounts}}

    template: Any = {
        "container": asks(cpu="500m", memory="1Gi"),
        "sidecars": [{"resources": {"limits": {"cpu": "1", GPU: "1"}}}],
        "initContainers": [asks(cpu="1", memory="3Gi")],
    }
    found = wanted(template, {})
    assert found == {"cpu": Decimal("1.5"), "memory": 3 << 30, GPU: 1, "pods": 1}
    assert wanted(template, asks(cpu="3"))["cpu"] == 3, "what is said of the whole pod counts"
    assert wanted({"script": {}}, {}) == {"cpu": Decimal("0.25"), "pods": 1}
    assert is_device(GPU)


def test_a_pod_waits_for_room(isolated: Machine) -> None:
    pods = isolated.pods(machine=room(cpu=1))
    whole = {"resources": {"limits": {"cpu": "1"}}}
    pods.create(request(shell("sleep 0.5", container=whole)))
    pods.create(request(shell("true", container=whole), "n2", active_seconds=0.4))
    first = pods.poll(0)["n2"]
    assert (first.phase, first.message) == ("Pending", "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.")
    done = until_done(pods, 2)
    assert {outcome.phase for outcome in done.values()} == {"Succeeded"}, "its deadline counts from its start"
    assert done["n2"].started_at >= done["n1"].finished_at  # type: ignore[operator]  # both have run


def test_each_pod_sees_its_own_devices_and_keeps_them(isolated: Machine) -> None:
    has = room({GPU: ("3", "5")})
    gpu = {"resources": {"limits": {GPU: "1"}}}
    pods = isolated.pods(machine=has)
    pods.create(
        request(shell("echo $CUDA_VISIBLE_DEVICES; while test ! -e /go/on; do sleep 0.02; done", container=gpu))
    )
    until_running(pods)
    pods.close()
    pods = isolated.pods(machine=has)
    pods.create(request(shell("true", container=gpu)))  # adopted
    pods.create(request(shell("echo $CUDA_VISIBLE_DEVICES", container=gpu), "n2"))
    pods.create(request(shell("echo ${CUDA_VISIBLE_DEVICES-none}"), "n3"))
    done = until_done(pods, 2)
    assert done["n2"].outputs["result"] == "5"
    assert done["n3"].outputs["result"] == "none"
    go = isolated.path / "pods" / "n1" / "root" / "go"
    go.mkdir()
    (go / "on").touch()
    assert until_done(pods)["n1"].outputs["result"] == "3"


def test_devices_that_are_not_here(isolated: Machine) -> None:
    pods = isolated.pods(machine=room())
    pods.create(request(shell("true", container={"resources": {"limits": {GPU: "1"}}})))
    pods.create(request(shell("true", container={"resources": {"limits": {"cpu": "much"}}}), "n2"))
    done = until_done(pods, 2)
    assert done["n1"].phase == done["n2"].phase == "Error"
    assert done["n1"].message == "Unschedulable: this machine has 0 nvidia.com/gpu, 1 asked for"
    assert done["n2"].message == "not a quantity: 'much'"


def test_a_known_image_gives_the_command(machine: Machine) -> None:
    pods = machine.pods(images={"tool": {"entrypoint": ["sh", "-c", 'echo "$0" "$@"'], "cmd": ["own"]}})
    for node_id, container in {
        "cmd": {"image": "tool:1.0"},
        "args": {"image": "tool@sha256:0", "args": ["a", "b"]},
        "none": {"image": "tool", "args": []},
        "command": {"image": "tool", "command": ["echo", "mine"]},
    }.items():
        pods.create(request({"name": "t", "container": container}, node_id))
    pods.create(request({"name": "t", "script": {"image": "tool", "args": ["a"], "source": "x"}}, "script"))
    found = {node_id: outcome.outputs["result"] for node_id, outcome in until_done(pods, 5).items()}
    assert found["script"].startswith("a /")
    assert found | {"script": ""} == {"cmd": "own", "args": "a b", "none": "sh", "command": "mine", "script": ""}
