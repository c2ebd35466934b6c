"""Archives and folders as inputs and outputs, from the file that is given to the file that is fetched."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.argo.cli.conftest import Command

DAG = """\
kind: Dag
name: opened
inputs:
  given: {kind: archive}
tasks:
  first:
    image: busybox
    command: [sh, -ec]
    args:
      - |
        test -d ${{ inputs.given.path }}
        cp -R ${{ inputs.given.path }}/. ${{ outputs.folder.path }}
        cp -R ${{ inputs.given.path }}/. ${{ outputs.packed.path }}
    inputs: {given: {kind: archive, path: /in/given}}
    outputs:
      folder: {kind: directory, path: /out/folder}
      packed: {kind: archive, path: /out/packed}
    with: {given: "${{ inputs.given }}"}
  second:
    image: busybox
    command: [sh, -ec]
    args:
      - |
        test -d ${{ inputs.packed.path }} && test -d ${{ inputs.folder.path }}
        diff -r ${{ inputs.packed.path }} ${{ inputs.folder.path }}
        cp -R ${{ inputs.packed.path }}/. ${{ outputs.again.path }}
    inputs:
      packed: {kind: archive, path: /in/packed}
      folder: {kind: directory, path: /in/folder}
    outputs: {again: {kind: directory, path: /out/again}}
    with:
      packed: "${{ tasks.first.outputs.packed }}"
      folder: "${{ tasks.first.outputs.folder }}"
results:
  folder: "${{ tasks.first.outputs.folder }}"
  packed: "${{ tasks.first.outputs.packed }}"
  again: "${{ tasks.second.outputs.again }}"
"""
CONTENTS: dict[str, dict[str, bytes | None]] = {
    "one": {"only.bin": bytes(range(256))},
    "nested": {"top": None, "top/a.txt": b"a"},
    "several": {"a.txt": b"a", "deep": None, "deep/b.bin": b"\r\n\0" * 4000, "deep/none": b"", "hollow": None},
    "empty": {},
}


def give(form: str, content: dict[str, bytes | None], path: Path) -> None:
    """Make a folder, zip, tar or tgz with the files and (None) folders of `content`."""
    if form == "folder":
        path.mkdir()
        for name, data in content.items():
            path.joinpath(name).mkdir() if data is None else path.joinpath(name).write_bytes(data)
    elif form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in content.items():
                packed.writestr(name + "/" * (data is None), data or b"")
    else:
        with tarfile.open(path, "w:gz" if form == "tgz" else "w:") as tar:
            for name, data in content.items():
                info = tarfile.TarInfo(name)
                info.type, info.mode = (tarfile.DIRTYPE, 0o755) if data is None else (tarfile.REGTYPE, 0o644)
                info.size = len(data or b"")
                tar.addfile(info, io.BytesIO(data or b""))


def tree(folder: Path) -> dict[str, bytes | None]:
    assert folder.is_dir()
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {name: None if path.is_dir() else path.read_bytes() for name, path in found.items()}


@pytest.mark.parametrize("form", ["folder", "zip", "tar", "tgz"])
@pytest.mark.parametrize("content", CONTENTS)
def test_the_content_comes_and_goes_byte_for_byte(form: str, content: str, argosy: Command) -> None:
    argosy.write(opened=DAG)
    give(form, CONTENTS[content], argosy.cwd / "given")
    argosy("run", "opened.yaml", "--name", "r", "-i", "given=given")
    argosy("fetch", "r", "-d", "got")
    got = argosy.cwd / "got"
    assert tree(got / "folder") == tree(got / "again") == CONTENTS[content]
    (packed,) = [path for path in got.iterdir() if path.name.startswith("packed")]
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(argosy.cwd / "opened")
    (top,) = (argosy.cwd / "opened").iterdir()
    assert tree(top) == CONTENTS[content]
