"""Submissions to a real Kubernetes API: one Workflow, its own ConfigMaps, nothing half made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from argo.backend import Submission
from argo.errors import ArgosyError, AuthError, ConflictError, RemoteError, UsageError
from compiler.labels import KEY, OWNER, PREPARING
from tests.argo.backends.kubernetes.conftest import Place, breaks

SPEC: Any = {
    "entrypoint": "main",
    "arguments": {"parameters": [{"name": "env_config", "value": "run-env"}]},
    "templates": [{"name": "main", "container": {"image": "busybox:1", "command": ["true"]}}],
}
DATA = {"A": "1", "text": "{{x}} \\ \" ' \u20ac\n"}


def submission(name: str, key: str = "k1", *, config_map: bool = True, **spec: Any) -> Submission:
    workflow: Any = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": name}, "spec": {**SPEC, **spec},
    }  # fmt: skip
    objects: Any = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-env"}, "data": DATA}]
    return Submission(workflow, objects if config_map else [], "test", key)


def test_a_run_goes_on_once_its_config_maps_are_there(place: Place) -> None:
    made = place.backend().submit(submission("a"))
    assert made.new
    workflow = place.workflow("a")
    assert "suspend" not in workflow["spec"]
    assert PREPARING not in (workflow["metadata"].get("annotations") or {})
    assert workflow["metadata"]["labels"][KEY] == "k1"
    (config_map,) = place.config_maps().values()
    assert config_map["data"] == DATA
    assert config_map["metadata"]["labels"][OWNER] == "a"
    (owner,) = config_map["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Workflow", "a", made.ref.uid)


def test_a_run_that_is_to_be_suspended_stays_so(place: Place) -> None:
    place.backend().submit(submission("a", suspend=True))
    assert place.workflow("a")["spec"]["suspend"] is True


def test_the_same_key_is_the_same_run(place: Place) -> None:
    backend = place.backend()
    first = backend.submit(submission("a"))
    again = backend.submit(submission("a"))
    assert again.ref == first.ref
    assert not again.new
    with pytest.raises(ConflictError, match="a run named a already"):
        backend.submit(submission("a", "k2"))
    assert len(place.workflows()) == 1


def test_racing_submitters_of_one_key_mean_one_run(place: Place) -> None:
    backends = [place.backend() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda backend: backend.submit(submission("a")), backends))
    assert len({one.ref for one in made}) == 1
    assert sum(one.new for one in made) == 1
    assert "suspend" not in place.workflow("a")["spec"]
    assert list(place.config_maps()) == ["a-env"]


def test_what_another_submitter_left_half_made_is_finished(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("argo.backends.kubernetes.create._create_owned", breaks)
        with pytest.raises(RemoteError):
            place.backend().submit(submission("a"))
    assert place.workflow("a")["spec"]["suspend"] is True, "it waits"
    assert place.config_maps() == {}
    made = place.backend().submit(submission("a"))
    assert not made.new
    assert "suspend" not in place.workflow("a")["spec"]
    assert list(place.config_maps()) == ["a-env"]


def test_what_is_refused_half_way_leaves_nothing(place: Place) -> None:
    path = f"/api/v1/namespaces/{place.namespace}/configmaps"
    place.server.call("POST", path, {"metadata": {"name": "a-env"}, "data": {"of": "somebody else"}})
    with pytest.raises(ConflictError, match="ConfigMap a-env already") as refused:
        place.backend().submit(submission("a"))
    assert refused.value.known == "nothing was started, nothing was left"
    assert place.workflows() == []
    assert place.config_maps()["a-env"]["data"] == {"of": "somebody else"}


def test_a_config_map_that_is_no_config_map_leaves_nothing(place: Place) -> None:
    given = submission("a")
    given.objects[0]["data"] = {"not a key!": "x"}
    with pytest.raises(UsageError, match="Invalid value"):
        place.backend().submit(given)
    assert place.workflows() == []
    assert place.config_maps() == {}


def test_templates_must_be_there_as_given(place: Place) -> None:
    template: Any = {"kind": "WorkflowTemplate", "metadata": {"name": "part"}, "spec": {"templates": SPEC["templates"]}}
    given = submission("a", config_map=False)
    given = Submission(given.workflow, [template], "", "k1")
    with pytest.raises(UsageError, match="the cluster has no WorkflowTemplate part"):
        place.backend().submit(given)
    body = {"apiVersion": "argoproj.io/v1alpha1", **template}
    place.server.call("POST", place.server.argo(place.namespace, "workflowtemplates"), body)
    place.backend().submit(given)
    other: Any = {**template, "spec": {"templates": [{**SPEC["templates"][0], "name": "other"}]}}
    with pytest.raises(UsageError, match="the cluster has another WorkflowTemplate part"):
        place.backend().submit(Submission(submission("b").workflow, [other], "", "k2"))


def test_refused_without_rights(place: Place) -> None:
    stranger = place.server.kubeconfig(place.namespace, "nobodys-token-12345")
    with pytest.raises(AuthError) as refused:
        place.backend(stranger).submit(submission("a"))
    assert "nobodys-token-12345" not in "".join(refused.value.lines())


def test_a_server_that_is_away(place: Place, tmp_path: Any) -> None:
    config = place.kubeconfig.read_text().replace(place.server.url, "https://127.0.0.1:1")
    path = tmp_path / "config"
    path.write_text(config)
    with pytest.raises(ArgosyError, match="was not reached") as away:
        place.backend(path, patience=0.01).submit(submission("a"))
    assert "Connection refused" in away.value.message


@pytest.mark.parametrize("text", ["", "- 1", "kind: Config\n", "\0"])
def test_a_broken_kubeconfig(place: Place, tmp_path: Any, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(UsageError, match="the kubeconfig cannot be used"):
        place.backend(path)
