"""Submissions: what runs, with which arguments, and how local files become artifacts."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from argo.backend import SCHEDULED, RunRef
from argo.errors import NotFoundError, UsageError
from argo.submission.arguments import pairs, require_complete, set_inputs, set_parameters
from argo.submission.subject import Start, Subject, chosen, subject_of
from argo.submission.uploads import Upload, pack, upload
from compiler import pipeline

REF = RunRef("r", "ns", "u")


def workflow(**spec: Any) -> dict[str, Any]:
    return {"kind": "Workflow", "metadata": {"name": "w"}, "spec": {"entrypoint": "m", "templates": [], **spec}}


def template(name: str, kind: str = "WorkflowTemplate", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def cron(name: str = "c", **spec: Any) -> dict[str, Any]:
    return {"kind": "CronWorkflow", "metadata": {"name": name}, "spec": {"workflowSpec": {"entrypoint": "m"}, **spec}}


class Put:
    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    def __call__(self, key: str, path: Path) -> None:
        self.stored[key] = path.read_bytes()


def members(data: bytes) -> dict[str, bytes | None]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {info.name: tar.extractfile(info) for info in tar}
        return {name: file.read() if file else None for name, file in found.items()}


def test_a_template_is_run_by_reference_and_keeps_its_results() -> None:
    annotations = {"argosy.dev/results": "{}"}
    metadata = {"name": "t", "annotations": annotations}
    template = {"kind": "WorkflowTemplate", "metadata": metadata, "spec": {"entrypoint": "m"}}
    config = {"kind": "ConfigMap", "metadata": {"name": "c"}}
    subject = subject_of([config, template])
    assert subject.workflow["spec"] == {"workflowTemplateRef": {"name": "t"}}
    labels = {"workflows.argoproj.io/workflow-template": "t"}
    assert subject.workflow["metadata"] == {"generateName": "t-", "labels": labels, "annotations": annotations}
    assert subject.objects == [config, template]


def test_a_schedule_is_run_by_hand_as_argo_does() -> None:
    extra = {"labels": {"team": "red"}, "annotations": {"note": "hey"}}
    metadata = subject_of([cron(workflowMetadata=extra)]).workflow["metadata"]
    assert metadata["labels"] == {"workflows.argoproj.io/cron-workflow": "c", "team": "red"}
    assert metadata["annotations"]["note"] == "hey"
    assert datetime.fromisoformat(metadata["annotations"][SCHEDULED]) <= datetime.now(UTC)
    assert subject_of([cron()]).workflow["spec"] == {"entrypoint": "m"}


@pytest.mark.parametrize(
    ("objects", "found"),
    [
        ([template("a", entrypoint="m"), template("b", entrypoint="m"), workflow()], "Workflow/w"),
        ([template("a", entrypoint="m"), template("b", entrypoint="m"), cron()], "CronWorkflow/c"),
        ([template("library"), template("a", entrypoint="m")], "WorkflowTemplate/a"),
        ([template("library"), template("a", "ClusterWorkflowTemplate", entrypoint="m")], "ClusterWorkflowTemplate/a"),
    ],
)
def test_what_is_given_with_templates_is_what_runs(objects: list[dict[str, Any]], found: str) -> None:
    picked = chosen(objects, Start())
    assert f"{picked['kind']}/{picked['metadata']['name']}" == found


@pytest.mark.parametrize("named", ["c", "cronwf/c", "CronWorkflow/c", "cronworkflows/c"])
def test_one_of_several_is_chosen_by_its_kind_and_name(named: str) -> None:
    objects = [workflow(), cron(), template("a", entrypoint="m"), cron("d")]
    with pytest.raises(UsageError, match="3 objects to run: Workflow/w, CronWorkflow/c, CronWorkflow/d") as refused:
        subject_of(objects)
    assert refused.value.hint == "choose one of them: --from Workflow/w"
    assert chosen(objects, Start(named)) is objects[1]
    with pytest.raises(UsageError, match="there is no wftmpl/c to run") as missing:
        subject_of(objects, start=Start("wftmpl/c"))
    assert "CronWorkflow/c" in missing.value.hint


def test_an_entrypoint_is_chosen_and_what_it_takes_can_be_given() -> None:
    inputs = {"parameters": [{"name": "message"}, {"name": "times", "default": "2"}]}
    library = template("library", templates=[{"name": "say", "inputs": inputs, "container": {}}])
    with pytest.raises(UsageError, match="nothing to run") as nothing:
        subject_of([library])
    assert nothing.value.hint == "say where to begin: --from WorkflowTemplate/library --entrypoint TEMPLATE"
    with pytest.raises(UsageError, match="no template named sya") as unknown:
        subject_of([library], start=Start(entrypoint="sya"))
    assert unknown.value.hint == "did you mean say?"
    subject = subject_of([library], start=Start(entrypoint="say"))
    assert subject.workflow["spec"]["entrypoint"] == "say"
    with pytest.raises(UsageError, match=r"-p message=…$"):
        require_complete(subject)
    set_parameters(subject, {"message": "hello"})
    require_complete(subject)
    assert {e["name"]: e["value"] for e in subject.arguments()["parameters"]} == {"message": "hello", "times": "2"}
    assert "entrypoint" not in library["spec"]


def test_templates_of_other_namespaces_are_not_given_to_a_run() -> None:
    def of(namespace: str) -> dict[str, Any]:
        found = template("t", entrypoint="m")
        found["metadata"]["namespace"] = namespace
        return found

    run = workflow()
    run["metadata"]["namespace"] = "b"
    config = {"kind": "ConfigMap", "metadata": {"name": "c"}}
    assert subject_of([of("a"), of("b"), config, run]).objects == [of("b"), config]


def test_only_one_thing_is_run() -> None:
    with pytest.raises(UsageError, match="nothing to run"):
        subject_of([{"kind": "ConfigMap"}])
    with pytest.raises(UsageError, match="2 objects"):
        subject_of([workflow(), workflow()])


def test_a_dag_that_another_one_nests_is_not_what_is_run() -> None:
    def compiled(name: str, *nested: str) -> dict[str, Any]:
        templates = [{"name": inner, "dag": {"tasks": []}} for inner in (name, *nested)]
        labels = {"argosy.dev/dag": name}
        return {
            "kind": "Workflow",
            "metadata": {"labels": labels},
            "spec": {"entrypoint": name, "templates": templates},
        }

    inner, other, outer = compiled("inner"), compiled("other", "inner"), compiled("outer", "other", "inner")
    assert subject_of([inner, outer, other]).workflow == outer
    outer["spec"]["templates"].append({"name": "apart", "container": {}})
    with pytest.raises(UsageError, match="2 objects"):
        subject_of([outer, compiled("apart")])


def test_parameters_of_a_referenced_template_can_be_given() -> None:
    spec = {"arguments": {"parameters": [{"name": "a", "value": "1"}, {"name": "b"}]}}
    subject = subject_of([{"kind": "WorkflowTemplate", "metadata": {"name": "t"}, "spec": {"entrypoint": "m", **spec}}])
    with pytest.raises(UsageError, match=r"-p b="):
        require_complete(subject)
    set_parameters(subject, {"b": "2"})
    require_complete(subject)
    assert subject.workflow["spec"]["arguments"]["parameters"] == [{"name": "b", "value": "2"}]
    with pytest.raises(UsageError, match="no parameter named c"):
        set_parameters(subject, {"c": "3"})


def inputs(text: str, **more: Any) -> Subject:
    value = workflow(**more)
    value["metadata"]["annotations"] = {"argosy.dev/inputs": text}
    return subject_of([value])


def test_inputs_without_a_default_must_be_given() -> None:
    subject = inputs('{"text": {"kind": "file"}, "more": {"kind": "file", "optional": true}}')
    with pytest.raises(UsageError) as error:
        require_complete(subject)
    assert str(error.value) == "the run needs -i text=…"


def test_an_env_input_becomes_the_runs_own_config_map(tmp_path: Path) -> None:
    (tmp_path / "my.env").write_text('A=1\nB="two words"\n')
    text = '{"settings": {"kind": "env", "parameter": "settings_config"}}'
    subject = inputs(text, arguments={"parameters": [{"name": "settings_config"}]})
    with pytest.raises(UsageError, match=r"-i settings="):
        require_complete(subject)
    set_inputs(subject, {"settings": str(tmp_path / "my.env")}, REF, Put())
    require_complete(subject)
    assert subject.arguments()["parameters"] == [{"name": "settings_config", "value": "r-settings"}]
    assert subject.objects[-1]["data"] == {"A": "1", "B": "two words"}
    (tmp_path / "bad.env").write_bytes(b"\xff=\n")
    with pytest.raises(UsageError, match="not a dotenv file"):
        set_inputs(subject, {"settings": str(tmp_path / "bad.env")}, REF, Put())


def test_large_defaults_are_uploaded_unless_given(tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(b"big")
    value = workflow()
    value["metadata"]["annotations"] = {
        "argosy.dev/inputs": '{"data": {"kind": "file"}}',
        "argosy.dev/uploads": '{"data": "big.bin"}',
    }
    put = Put()
    subject = subject_of([value], tmp_path)
    set_inputs(subject, {}, REF, put)
    assert put.stored == {"runs/ns/r/u/inputs/data/big.bin": b"big"}
    assert subject.arguments()["artifacts"] == [
        {"name": "data", "s3": {"key": "runs/ns/r/u/inputs/data/big.bin"}, "archive": {"none": {}}}
    ]
    with pytest.raises(NotFoundError, match="does not exist"):
        set_inputs(subject, {"data": str(tmp_path / "none")}, REF, put)


def zipped(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("only.txt", "1")
    return path


def tarred(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("only.txt")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"1"))
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    (path / "only.txt").write_text("1")
    return path


@pytest.mark.parametrize("make", [zipped, tarred, folder])
def test_an_archive_gets_a_fixed_top_folder(make: Callable[[Path], Path], tmp_path: Path) -> None:
    """An archive of one file, too, which Argo would otherwise take for the file itself."""
    put = Put()
    location = upload(Upload("code", "archive", make(tmp_path / "given")), "p", put)
    assert location == {"s3": {"key": "p/code.tgz"}, "archive": {"tar": {}}}
    assert members(put.stored["p/code.tgz"]) == {"code": None, "code/only.txt": b"1"}


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no archive at all")
    with pytest.raises(UsageError, match="no tar or zip"):
        upload(Upload("code", "archive", tmp_path / "x"), "p", Put())
    with pytest.raises(UsageError, match="is a file"):
        upload(Upload("code", "file", tmp_path), "p", Put())


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder(tmp_path / name)
        pack(tmp_path / name, "top", tmp_path / f"{name}.tgz")
    assert (tmp_path / "a.tgz").read_bytes() == (tmp_path / "b.tgz").read_bytes()


def test_pairs() -> None:
    assert pairs(["a=b=c", "d="], "-p") == {"a": "b=c", "d": ""}
    for wrong in (["a"], ["=b"], ["a=1", "a=2"]):
        with pytest.raises(UsageError):
            pairs(wrong, "-p")


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ({"type": "int", "minimum": 1, "maximum": 9}, ["1", "9", "+2"], ["0", "10", "1.0", "x", "", "1_0", "٣", " 3"]),
        ({"type": "int"}, ["7"], ["7\n", "9" * 5000, "True", "1e2"]),
        ({"type": "number", "minimum": 0}, ["0", "1e3", ".5"], ["-1", "nan", "inf", "1_0", "x", "1e400", "٣.5", "1\n"]),
        ({"type": "bool"}, ["true", "false"], ["True", "yes", "1", ""]),
        ({"type": "enum", "enum": ["a", 2]}, ["a", "2"], ["b", ""]),
        ({"type": "json"}, ["{}", "1", '"x"', '"{{c}}"'], ["{", "x", "NaN", "[" * 100000, '"\\u007b\\u007b=1}}"']),
        ({"type": "string", "pattern": "^[a-z]+$"}, ["abc"], ["A", "", "abc\n"]),
        ({"type": "string", "pattern": "[a-z]+"}, ["abc"], ["abc; rm 7", "abc\n", "", "${{ x }}"]),
        ({"type": "string", "pattern": "(a+)+|\\d"}, ["aaa", "3"], ["a" * 5000 + "!", "٣"]),
        ({}, ["", "a {{c}} }}", "$(KEY)"], ["{{workflow.name}}", "{{=1}}", "{{ item }}", "open {{", "{{a{{item}}"]),
    ],
)
def test_values_are_held_against_what_the_manifest_says_of_the_definition(
    parameter: dict[str, Any], good: list[str], bad: list[str], tmp_path: Path
) -> None:
    task = {"image": "a:1", "command": ["true"], "parameters": {"p": {}}, "with": {"p": "${{ params.p }}"}}
    dag = {"kind": "Dag", "name": "held", "parameters": {"p": parameter}, "tasks": {"t": task}}
    (tmp_path / "held.yaml").write_text(json.dumps(dag))
    result = pipeline.compile([tmp_path / "held.yaml"])
    assert [item for item in result.diagnostics if item.severity == "error"] == []

    def refused(value: str) -> bool:
        try:
            set_parameters(subject_of([*result.objects()]), {"p": value})
        except UsageError as error:
            return "the parameter p is refused" in str(error)
        return False

    assert [value for value in good if refused(value)] == []
    assert [value for value in bad if not refused(value)] == []


def test_hard_links_and_a_linked_folder_keep_their_content(tmp_path: Path) -> None:
    """Argo passes over hard links in a tar, and a link at the top is no folder."""
    inner = folder(tmp_path / "given")
    (inner / "twice.txt").hardlink_to(inner / "only.txt")
    (inner / "link").symlink_to("only.txt")
    (tmp_path / "linked").symlink_to("given")
    put = Put()
    upload(Upload("code", "directory", tmp_path / "linked"), "p", put)
    with tarfile.open(fileobj=io.BytesIO(put.stored["p/code.tgz"])) as tar:
        found = {info.name: (info.type, info.linkname) for info in tar}
    assert found == {
        "code": (tarfile.DIRTYPE, ""),
        "code/link": (tarfile.SYMTYPE, "only.txt"),
        "code/only.txt": (tarfile.REGTYPE, ""),
        "code/twice.txt": (tarfile.REGTYPE, ""),
    }
    assert members(put.stored["p/code.tgz"])["code/twice.txt"] == b"1"


@pytest.mark.parametrize("target", ["/etc/hostname", "../other", "deep/../.."])
def test_a_link_out_of_the_folder_is_refused(target: str, tmp_path: Path) -> None:
    (folder(tmp_path / "given") / "link").symlink_to(target)
    with pytest.raises(UsageError, match="leads out of the folder"):
        upload(Upload("code", "directory", tmp_path / "given"), "p", Put())


def test_a_tar_with_a_zip_in_it_is_a_tar(tmp_path: Path) -> None:
    zipped(tmp_path / "inner.zip")
    with tarfile.open(tmp_path / "given", "w") as tar:
        tar.add(tmp_path / "inner.zip", "inner.zip")
    put = Put()
    upload(Upload("code", "archive", tmp_path / "given"), "p", put)
    assert members(put.stored["p/code.tgz"]) == {
        "code": None,
        "code/inner.zip": (tmp_path / "inner.zip").read_bytes(),
    }
