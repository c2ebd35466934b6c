"""Compares `argosy compile` to writing and dumping the same DAG with Hera: CPU time and memory of whole processes.

    python bench/compile.py [--rounds N] [--growth] [--json]

Argosy's side is the command as a user types it, Hera's a script; both write to a pipe, and both have run once before
so that their byte code is there, as an installation has it. In each round both sides run one after the other; figures
are medians over the rounds, a ratio is the median of the rounds' ratios. CPU time is user and system time of the
process from its start to its end; memory is its peak.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from processes import Cost, environment, median, report, run

# What both sides describe: a chain of fans; every task has a parameter of its own and reads the output of the one
# before it, ten tasks back.
HERA = """
import sys
from hera.workflows import DAG, Artifact, Container, Parameter, S3Artifact, Task, Workflow

count = int(sys.argv[1])
with Workflow(generate_name="large-", entrypoint="large") as workflow:
    step = Container(
        name="step",
        image="example.com/step:1",
        command=["step"],
        args=["{{inputs.parameters.n}}", "{{inputs.artifacts.before.path}}", "{{outputs.artifacts.made.path}}"],
        inputs=[
            Parameter(name="n"), Parameter(name="task_path"), Artifact(name="before", path="/in/before", optional=True)
        ],
        outputs=[
            S3Artifact(
                name="made", path="/out/made", key="runs/{{workflow.uid}}/{{inputs.parameters.task_path}}/made"
            )
        ],
    )
    with DAG(name="large"):
        tasks = []
        for n in range(count):
            arguments = [Parameter(name="n", value=str(n)), Parameter(name="task_path", value=f"task-{n}")]
            if n >= 10:
                arguments.append(tasks[n - 10].get_artifact("made").with_name("before"))
            task = Task(name=f"task-{n}", template=step, arguments=arguments)
            if n >= 10:
                tasks[n - 10] >> task
            tasks.append(task)
sys.stdout.write(workflow.to_yaml())
"""

HEADER = """kind: ComputeAsset
name: step
version: 1.0.0
image: example.com/step:1
command: [step]
args: ["${{ params.n }}", "${{ inputs.before.path }}", "${{ outputs.made.path }}"]
parameters:
  n: {type: int}
inputs:
  before: {kind: file, path: /in/before, optional: true}
outputs:
  made: {kind: file, path: /out/made}
---
kind: Dag
name: large
tasks:
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians of both sides, and of the ratios (ours to theirs) of the rounds."""

    title: str
    tasks: int
    rounds: int
    hera: Cost
    argosy: Cost
    ratio: float
    memory_ratio: float

    def __str__(self) -> str:
        left = f"{self.title:30} Hera {self.hera.cpu:6.3f} s {self.hera.memory:5.0f} MiB"
        right = f"Argosy {self.argosy.cpu:6.3f} s {self.argosy.memory:5.0f} MiB"
        return f"{left}   {right}   ratio {self.ratio:.3f} (memory {self.memory_ratio:.2f})"


@dataclass(frozen=True, slots=True)
class Growth:
    """Argosy's cost for a DAG of so many tasks, without a cache."""

    tasks: int
    argosy: Cost

    def __str__(self) -> str:
        each = self.argosy.cpu / self.tasks * 1e6
        return f"{self.tasks:6} tasks {self.argosy.cpu:6.2f} s  {each:6.0f} µs a task  {self.argosy.memory:5.0f} MiB"


def definition(count: int) -> str:
    """The DAG as a definition."""
    lines = [HEADER]
    for n in range(count):
        before = f', before: "${{{{ tasks.task-{n - 10}.outputs.made }}}}"' if n >= 10 else ""
        lines.append(f"  task-{n}:\n    asset: step\n    with: {{n: {n}{before}}}\n")
    return "".join(lines)


def compile_(file: Path, home: Path | None = None) -> Cost:
    """The command; without a home, in an empty one: nothing is known of an earlier compile."""
    with tempfile.TemporaryDirectory() as empty:
        variables = environment(home or Path(empty, "home"))
        return run("-m", "argo.cli", "compile", str(file), env=variables, cwd=file.parent)


def compare(folder: Path, title: str, count: int, rounds: int, *, again: bool = False) -> Comparison:
    """Both sides for a DAG of `count` tasks; `again`: compiled before, nothing has changed."""
    file = folder / f"dag-{count}.yaml"
    file.write_text(definition(count))
    home = folder / "home" if again else None
    # The first round makes the byte code, and what is known of an earlier compile.
    script = ("-c", HERA, str(count))
    nothing = environment(folder / "nothing")
    pairs = [(run(*script, env=nothing, cwd=folder), compile_(file, home)) for _ in range(rounds + 1)][1:]
    hera, argosy = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Comparison(
        title, count, rounds, median(hera), median(argosy),
        statistics.median(ours.cpu / theirs.cpu for theirs, ours in pairs),
        statistics.median(ours.memory / theirs.memory for theirs, ours in pairs),
    )  # fmt: skip


def growth(folder: Path, count: int, rounds: int) -> Growth:
    file = folder / f"dag-{count}.yaml"
    file.write_text(definition(count))
    return Growth(count, median([compile_(file) for _ in range(rounds)]))


def measure(given: argparse.Namespace, folder: Path) -> Iterator[Comparison | Growth]:
    """Rounds are of the small DAG; of the large one a third of them."""
    rounds, few = max(1, given.rounds), max(1, given.rounds // 3)
    yield compare(folder, "5 tasks, cold", 5, rounds)
    yield compare(folder, "5 tasks, nothing changed", 5, rounds, again=True)
    yield compare(folder, "10,000 tasks, cold", 10_000, few)
    yield compare(folder, "10,000 tasks, nothing changed", 10_000, few, again=True)
    for count in (1_000, 2_000, 5_000, 10_000, 20_000, 40_000) if given.growth else ():
        yield growth(folder, count, few)


if __name__ == "__main__":
    report(__doc__, measure, rounds=9, growth=False)
