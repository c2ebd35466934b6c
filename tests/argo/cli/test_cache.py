"""Cached tasks: what one run made serves the next one."""

from __future__ import annotations

import time

from argo.local.state.lock import RunLock
from tests.argo.cli.conftest import Command

DAG = """\
kind: Dag
name: cached
parameters: {word: {type: string, default: "one"}}
tasks:
  slow:
    image: busybox
    command: [sh, -c]
    args:
      - |
        echo "$WORD" >> /ledger/ran
        head -c 5000 /dev/urandom > ${{ outputs.data.path }}
        mkdir -p ${{ outputs.folder.path }}/deep
        cp ${{ outputs.data.path }} ${{ outputs.folder.path }}/deep/copy
        printf %s "$WORD" > ${{ outputs.word.path }}
    env: {WORD: "${{ params.word }}"}
    parameters: {word: {type: string}}
    outputs:
      data: {kind: file, path: /out/data.bin}
      folder: {kind: directory, path: /out/folder}
      word: {kind: value, path: /out/word}
    volumes: {ledger: {claim: ledger, path: /ledger}}
    cache: {maxAge: 1d}
    with: {word: "${{ params.word }}"}
  after:
    image: busybox
    command: [sh, -c]
    args: ["cat ${{ inputs.data.path }} > ${{ outputs.data.path }}"]
    inputs: {data: {kind: file, path: /in/data.bin}}
    outputs: {data: {kind: file, path: /out/data.bin}}
    with: {data: "${{ tasks.slow.outputs.data }}"}
results:
  data: "${{ tasks.slow.outputs.data }}"
  folder: "${{ tasks.slow.outputs.folder }}"
  word: "${{ tasks.slow.outputs.word }}"
  after: "${{ tasks.after.outputs.data }}"
"""


def ran(argosy: Command) -> list[str]:
    return (argosy.home / "volumes" / "ledger" / "ran").read_text().split()


def fetched(argosy: Command, run: str) -> dict[str, bytes]:
    argosy("fetch", run, "-d", f"got-{run}")
    folder = argosy.cwd / f"got-{run}"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def start(argosy: Command, run: str, *more: str) -> dict[str, bytes]:
    argosy("run", "cached.yaml", "--name", run, *more)
    return fetched(argosy, run)


def test_a_second_run_takes_over_what_the_first_one_made(argosy: Command) -> None:
    argosy.write(cached=DAG)
    first = start(argosy, "first")
    assert len(first) == 4
    assert b"one" in first.values()
    assert start(argosy, "second") == first
    assert ran(argosy) == ["one"]
    other = start(argosy, "other", "-p", "word=two")
    assert sorted(other) == sorted(first)
    assert not set(other.values()) & set(first.values())
    assert start(argosy, "third") == first
    assert ran(argosy) == ["one", "two"]


def test_deleting_a_run_breaks_no_other_one(argosy: Command) -> None:
    argosy.write(cached=DAG)
    first = start(argosy, "first")
    start(argosy, "second")
    assert "second" in argosy("delete", "first", "--results", code=2).stderr
    assert fetched(argosy, "second") == first
    argosy("delete", "first")
    assert fetched(argosy, "second") == first
    assert start(argosy, "third") == first
    assert ran(argosy) == ["one"]


def test_results_that_were_removed_are_not_taken_over(argosy: Command) -> None:
    argosy.write(cached=DAG)
    first = start(argosy, "first")
    argosy("delete", "first", "--results")
    assert start(argosy, "second") != first
    assert ran(argosy) == ["one", "one"]


def test_a_refused_delete_forgets_nothing(argosy: Command) -> None:
    argosy.write(cached=DAG)
    first = start(argosy, "first")
    (folder,) = argosy.home.glob("runs/*/")
    lock = RunLock(folder)
    assert lock.acquire()
    argosy("delete", "first", "--results", code=2)
    lock.release()
    assert start(argosy, "second") == first
    assert ran(argosy) == ["one"]


def test_what_is_too_old_is_not_taken_over(argosy: Command) -> None:
    argosy.write(cached=DAG)
    start(argosy, "first")
    argosy.write(cached=DAG.replace("maxAge: 1d", "maxAge: 1s"))
    time.sleep(3)
    start(argosy, "late")
    assert ran(argosy) == ["one", "one"]


def test_a_result_that_is_gone_is_said_to_be(argosy: Command) -> None:
    argosy.write(cached=DAG)
    start(argosy, "first")
    key = argosy.json("status", "first")["results"]["data"]["key"]
    (stored,) = argosy.home.glob(f"store/*/{key}")
    stored.unlink()
    assert key in argosy("fetch", "first", "data", "-d", "again", code=2).stderr
