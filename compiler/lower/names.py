"""The names that lowering makes. Those with an underscore cannot meet a user's (RFC 1123 has none)."""

from __future__ import annotations

from typing import Final

TASK_PATH: Final = "task_path"  # the task's place in the run: its name, below those of the tasks that nest it
ITEM_INDEX: Final = "item_index"  # the index of the item in each loop around the task, outermost first: `0/3`
RUN_NAME: Final = "run_name"
RUN_NAMESPACE: Final = "run_namespace"
RUN_UID: Final = "run_uid"
RUN_STATUS: Final = "run_status"
ENV_CONFIG: Final = "env_config"
FILES_CONFIG: Final = "files_config"
DECISION: Final = "decision"
APPROVED: Final = "all_approved"  # whether all gates of a nested DAG were
RUN_PREFIX: Final = "runs/{{workflow.namespace}}/{{workflow.name}}/{{workflow.uid}}"
# That of a child Workflow: what it writes belongs to its parent's run.
CHILD_PREFIX: Final = RUN_PREFIX.replace("workflow.", "workflow.parameters.run_")
STORED: Final = f"{RUN_PREFIX}/{{{{inputs.parameters.{TASK_PATH}}}}}"

_SUFFIX: Final = {"directory": ".tgz", "archive": ".zip"}


def env_input(name: str) -> str:
    """The parameter with the ConfigMap's name of an input of kind env."""
    return f"input_{name}"


def config(dag: str, entry: str, kind: str) -> str:
    """The parameter with the name of a DAG's own ConfigMap; that of a nested DAG carries its name."""
    return kind if dag == entry else f"{dag}_{kind}"


def extension(path: str, kind: str) -> str:
    """Return the suffix of the keys of a loop's outputs, so that a gathered directory tells what is in it."""
    if kind != "file":
        return _SUFFIX[kind]
    _, dot, suffix = path.rsplit("/", 1)[-1].lstrip(".").rpartition(".")
    return dot and dot + suffix


class Names:
    """Names given out once each: `train`, `train-2`, `train-3`."""

    def __init__(self, used: set[str] | None = None) -> None:
        self._used = used if used is not None else set()

    def new(self, wanted: str) -> str:
        name, number = wanted, 1
        while name in self._used:
            number += 1
            name = f"{wanted}-{number}"
        self._used.add(name)
        return name
