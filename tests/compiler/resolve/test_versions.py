"""Which version a task gets, and what argosy.lock keeps."""

from __future__ import annotations

import pytest

from compiler.resolve import lock
from compiler.versions import matches, precedence
from tests.compiler.resolve.conftest import Build

# semver.org, item 11
ORDER = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
]
ORDER += ["1.0.0", "1.2.0", "1.10.0", "2.0.0"]


def test_precedence_is_that_of_semantic_versioning() -> None:
    assert sorted(set(ORDER), key=precedence) == ORDER


@pytest.mark.parametrize(
    ("version", "prefix", "expected"),
    [
        ("2.1.0", "", True),
        ("2.1.0", "2", True),
        ("2.1.0", "2.1", True),
        ("2.1.0", "2.1.0", True),
        ("2.1.0+build.5", "2.1.0", True),
        ("21.0.0", "2", False),
        ("2.10.0", "2.1", False),
        ("2.1.0-rc.1", "2.1", False),
        ("2.1.0-rc.1", "", False),
        ("2.1.0-rc.1", "2.1.0-rc.1", True),
        ("2.1.0-rc.1", "2.1.0", False),
    ],
)
def test_a_prefix_means_whole_numbers(version: str, prefix: str, expected: bool) -> None:
    assert matches(version, prefix) is expected


def _assets(step: str, *versions: str) -> dict[str, str | bytes]:
    return {f"assets/step@{version}.yaml": step.replace("1.0.0", version) for version in versions}


def _dag(*references: str) -> dict[str, str | bytes]:
    tasks = "".join(f"  t{index}: {{asset: {reference}}}\n" for index, reference in enumerate(references))
    return {"dag.yaml": f"kind: Dag\nname: main\ntasks:\n{tasks}", "argosy.yaml": "profiles: {}\n"}


def test_the_highest_that_fits_is_taken(build: Build, step: str) -> None:
    files = _assets(step, "1.0.0", "1.2.0", "1.10.0", "2.0.0", "3.0.0-rc.1")
    program, found = build({**files, **_dag("step", "step@1", "step@1.2", "step@1.0.0", "step@3.0.0-rc.1")})
    assert found == []
    chosen = [task.target.model.version for task in program.dags[0].tasks]  # type: ignore[union-attr]
    assert chosen == ["2.0.0", "1.10.0", "1.2.0", "1.0.0", "3.0.0-rc.1"]
    assert program.locked == {"step@1": "1.10.0", "step@1.2": "1.2.0"}


def test_only_prereleases_is_none_that_fits(build: Build, step: str) -> None:
    _, found = build({**_assets(step, "3.0.0-rc.1"), **_dag("step", "step@3")})
    assert [item.code for item in found] == ["A202", "A202"]
    assert found[0].hint == "there is 3.0.0-rc.1"


def test_the_lock_is_kept_to_while_it_fits(build: Build, step: str) -> None:
    locked: dict[str, str | bytes] = {"argosy.lock": "# comment\nstep@1: 1.2.0\nstep@2: 2.0.0\n"}
    program, _ = build({**_assets(step, "1.2.0", "1.10.0", "2.1.0"), **_dag("step@1", "step@2"), **locked})
    assert program.locked == {"step@1": "1.2.0", "step@2": "2.1.0"}
    assert lock.render(program.locked).splitlines()[1:] == ["step@1: 1.2.0", "step@2: 2.1.0"]


def test_the_lock_reads_what_it_writes(build: Build, step: str) -> None:
    written = lock.render({"step@1": "1.2.0"})
    program, found = build({**_assets(step, "1.2.0", "1.3.0"), **_dag("step@1"), "argosy.lock": written})
    assert (found, program.locked) == ([], {"step@1": "1.2.0"})
