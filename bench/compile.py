"""Compares compiling with Argosy to writing and dumping the same DAG with Hera: CPU time and memory of whole processes.

    python bench/compile.py [--rounds N] [--growth]

Every figure is the median of paired rounds: in each round both sides run one after the other. CPU time is user and
system time of the process from its start to its end; memory is its peak.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

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

ARGOSY = """
import sys

sys.path.insert(0, sys.argv[1])
from compiler import pipeline

result = pipeline.compile([sys.argv[2]], cache_dir=sys.argv[3] or None)
assert result.documents, result.diagnostics
sys.stdout.buffer.write(result.stream())
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
class Cost:
    """One process: CPU seconds and peak memory in MiB."""

    cpu: float
    memory: float


def definition(count: int) -> str:
    """The DAG as a definition."""
    lines = [HEADER]
    for n in range(count):
        before = f', before: "${{{{ tasks.task-{n - 10}.outputs.made }}}}"' if n >= 10 else ""
        lines.append(f"  task-{n}:\n    asset: step\n    with: {{n: {n}{before}}}\n")
    return "".join(lines)


def run(*command: str) -> Cost:
    """Runs a process to its end; a failure ends the measurement."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as output, subprocess.Popen(command, stdout=output, env=environment) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.cpu for cost in costs), statistics.median(cost.memory for cost in costs))


def compare(folder: Path, title: str, count: int, rounds: int, *, again: bool = False) -> None:
    """Prints both sides' medians for a DAG of `count` tasks; `again`: compiled before, nothing has changed."""
    file = folder / f"dag-{count}.yaml"
    file.write_text(definition(count))
    cache = str(folder / "cache") if again else ""
    hera, argosy = [], []
    run(
        sys.executable, "-c", ARGOSY, str(ROOT), str(file), cache
    )  # so that the byte code is there, as an install has it
    for _ in range(rounds):
        hera.append(run(sys.executable, "-c", HERA, str(count)))
        argosy.append(run(sys.executable, "-c", ARGOSY, str(ROOT), str(file), cache))
    theirs, ours = median(hera), median(argosy)
    left = f"{title:30} Hera {theirs.cpu:6.2f} s {theirs.memory:5.0f} MiB"
    right = f"Argosy {ours.cpu:6.2f} s {ours.memory:5.0f} MiB"
    ratios = f"ratio {ours.cpu / theirs.cpu:.3f} (memory {ours.memory / theirs.memory:.2f})"
    print(left, right, ratios, sep="   ", flush=True)


def growth(folder: Path, rounds: int) -> None:
    """Prints Argosy's time for DAGs of growing size."""
    for count in (1_000, 2_000, 5_000, 10_000):
        file = folder / f"dag-{count}.yaml"
        file.write_text(definition(count))
        cost = median([run(sys.executable, "-c", ARGOSY, str(ROOT), str(file), "") for _ in range(rounds)])
        print(
            f"{count:6} tasks {cost.cpu:6.2f} s  {cost.cpu / count * 1e6:6.0f} µs a task  {cost.memory:5.0f} MiB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--growth", action="store_true", help="how time grows with the number of tasks, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compare(folder, "5 tasks, cold", 5, given.rounds)
        compare(folder, "5 tasks, nothing changed", 5, given.rounds, again=True)
        compare(folder, "10,000 tasks, cold", 10_000, max(1, given.rounds // 2))
        compare(folder, "10,000 tasks, nothing changed", 10_000, max(1, given.rounds // 2), again=True)
        if given.growth:
            growth(folder, max(1, given.rounds // 2))


if __name__ == "__main__":
    main()
