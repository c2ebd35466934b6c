"""The commands of `argosy` as a table, so that `--help` needs none of their modules."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a command lives and how the overview describes it.

    `collects`: whether it runs long enough for garbage to matter.
    """

    module: str
    attribute: str
    help: str
    collects: bool = True


SECTIONS: dict[str, dict[str, Entry]] = {
    "Definitions": {
        "compile": Entry("compile", "compile_", "Turn definitions into Argo manifests.", collects=False),
        "check": Entry("compile", "check", "Report every mistake in definitions or manifests.", collects=False),
        "assets": Entry("assets", "assets", "List, show and start compute assets and DAGs."),
        "graph": Entry("graph", "graph", "Draw a DAG or a run: Mermaid, DOT, SVG."),
        "schema": Entry("schema", "schema", "Print the JSON Schemas of the definitions, for editors."),
    },
    "Runs": {
        "run": Entry("run", "run", "Run a DAG or any Argo manifest here, in the foreground."),
        "submit": Entry("submit", "submit", "Have a DAG or manifest run on a cluster, or in the background here."),
        "resume": Entry("run", "resume", "Go on with a run that was killed, left or suspended."),
        "list": Entry("observe", "list_", "List the runs."),
        "status": Entry("observe", "status", "Show a run's phase, tasks and results."),
        "watch": Entry("observe", "watch", "Follow a run until it ends."),
        "logs": Entry("observe", "logs", "Print what a run's tasks wrote."),
        "connect": Entry("connect", "connect", "Open the way to an interactive task, and print its URL."),
        "open": Entry("control", "open_", "Show a run in the Argo UI."),
        "get": Entry("observe", "get", "Print a run as Argo's Workflow object."),
        "fetch": Entry("fetch", "fetch", "Copy a run's results to a local folder, byte for byte."),
        "results": Entry("fetch", "results", "List what a run's results are and where they lie."),
        "share": Entry("fetch", "share", "Make a URL that gives a result to whoever has it, for a time."),
    },
    "Set-up": {
        "setup": Entry("setup", "setup", "Write the manifests of what a namespace needs for runs."),
        "doctor": Entry("setup", "doctor", "Check the way from here to a fetched result, step by step."),
    },
    "Services": {
        "serve": Entry("serve", "serve", "Serve compute assets to consumers: the Workflow API and EDC."),
        "consumers": Entry("serve", "consumers", "Manage who may use the service, and their tokens."),
        "edc": Entry("edc", "edc", "Offer compute assets in a data space (EDC)."),
        "atom": Entry("atom", "atom", "Run DAGs of Atom Workflows when a request asks for it."),
        "task-runner": Entry("taskrunner", "task_runner", "Serve a Task Runner that runs nothing and fails on demand."),
        "local": Entry("local", "local", "Serve the runs of this machine to Argo's clients."),
    },
    "Control": {
        "approve": Entry("control", "approve", "Let a run pass a gate."),
        "reject": Entry("control", "reject", "Close a gate: what depends on it does not run."),
        "suspend": Entry("control", "suspend", "Start no further tasks of a run until it is resumed."),
        "stop": Entry("control", "stop", "End a run's tasks; exit handlers still run."),
        "terminate": Entry("control", "terminate", "End a run at once, without exit handlers."),
        "retry": Entry("again", "retry", "Try an ended run again from where it failed."),
        "resubmit": Entry("again", "resubmit", "Run what a run was submitted as once more, as a new run."),
        "delete": Entry("control", "delete", "Remove ended runs with their logs and files."),
        "prune": Entry("control", "prune", "Remove ended runs by age and state."),
    },
}

COMMANDS: dict[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
