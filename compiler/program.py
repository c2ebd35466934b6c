"""The resolved program, names bound and data flow explicit: what `resolve` makes and `check` and `lower` read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from compiler.models import ComputeAsset, Dag, Profile, Project, Task
    from compiler.models.settings import Pause
    from compiler.refs import Ref, Text
    from compiler.source import Path, SourceFile


M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a definition (or a part of it) stands: the file, and the path of the data in it."""

    source: SourceFile
    path: Path = ()

    def at(self, *more: str | int) -> Origin:
        return Origin(self.source, (*self.path, *more))


@dataclass(frozen=True, slots=True)
class Definition(Generic[M]):
    """A loaded definition: the validated model and where it stands."""

    model: M
    origin: Origin


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything that was loaded: what `resolve` binds names to.

    `assets` maps a name to its versions, highest first; the project's own shadow the shipped ones.
    `files` holds the content of local files that definitions name (dotenv, job-config, input defaults), read by `load`
    so that later stages stay pure: the key is the absolute path; None where the file is missing.
    """

    project: Definition[Project] | None
    assets: Mapping[str, tuple[Definition[ComputeAsset], ...]]
    dags: Mapping[str, Definition[Dag]]
    files: Mapping[str, bytes | None]
    requested: tuple[str, ...] = ()  # the DAGs asked for; none named: all
    sources: Mapping[str, SourceFile] = field(default_factory=dict)  # every file that was read, by its name
    manifests: tuple[Definition[dict[str, Any]], ...] = ()  # Hera workflows, as Argo manifests


@dataclass(frozen=True, slots=True)
class Literal_:  # noqa: N801  (typing has a Literal)
    """A constant bound to a parameter (already typed and checked), or the text of an input (a `str`)."""

    value: Any


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A local file bound to an input: embedded as `raw` up to 100 KiB, else uploaded at submission.

    `path` is as the definition writes it, relative to the definition's folder.
    """

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """An object in the store bound to an input."""

    key: str
    bucket: str | None


@dataclass(frozen=True, slots=True)
class Gathered:
    """All items' files of a foreach task's output, bound to a directory input."""

    ref: Ref


# What is bound to a parameter or input: a constant, one reference, text with references in it, a file, an object.
Binding: TypeAlias = "Literal_ | Ref | Text | LocalFile | ObjectKey | Gathered"


@dataclass(frozen=True, slots=True)
class Foreach:
    """The items of a loop: a constant list (`items`; for a matrix, maps), or one reference to a list."""

    items: tuple[Any, ...] | None
    ref: Ref | None
    fields: tuple[str, ...] = ()  # names of the item's fields, where known


@dataclass(frozen=True, slots=True)
class Needs:
    """Order without data: a task and the condition on its end (Argo's depends), combined by and/or/not."""

    op: Literal["task", "and", "or", "not"]
    task: str = ""
    condition: str = ""  # "", "Succeeded", "Failed", "Errored", "Skipped", "Omitted", "AnySucceeded", "AllFailed"
    operands: tuple[Needs, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolvedTask:
    """One task with everything it names bound.

    `target` is the asset, the inline task itself (a Task with image), a nested DAG, or a gate.
    `bindings` covers every parameter and input of the target that is given, by its name, and the defaults of inputs
    that are not given (a parameter's default stays in its model).
    `data` are the tasks whose outputs it reads (implied order), in order of first use.
    """

    name: str
    task: Task
    origin: Origin
    target: Definition[ComputeAsset] | Task | ResolvedDag | Pause
    bindings: Mapping[str, Binding]
    foreach: Foreach | None
    needs: Needs | None
    when: Condition | None
    data: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed `when`: a tree of comparisons over references and constants.

    `not` and `truth` have one operand; the second one of `in` is a Literal_ of a tuple.
    """

    op: Literal["and", "or", "not", "==", "!=", "<", "<=", ">", ">=", "in", "truth"]
    operands: tuple[Condition | Ref | Literal_, ...]


@dataclass(frozen=True, slots=True)
class ResolvedDag:
    """A DAG with its tasks in the order of the file. A task that names nothing known is left out (and reported)."""

    name: str
    model: Dag
    origin: Origin
    tasks: tuple[ResolvedTask, ...]
    finally_: tuple[ResolvedTask, ...]
    inputs: Mapping[str, LocalFile | ObjectKey | Literal_]  # defaults of the DAG's inputs that have one
    results: Mapping[str, Ref]
    env: Mapping[str, str]  # the DAG's environment, dotenv and values merged
    files: Mapping[str, bytes]  # content of `files`
    digest: str = ""  # sha256 of the definitions that this DAG is made of and of the contents they name


@dataclass(frozen=True, slots=True)
class Program:
    """What one compile turns into manifests: the DAGs asked for, the profile, and a digest of all definitions used."""

    dags: tuple[ResolvedDag, ...]
    profile_name: str
    profile: Profile
    project: Project
    digest: str  # sha256 over those of the DAGs, independent of folders and of the order of files
    assets: tuple[Definition[ComputeAsset], ...] = ()  # all that were loaded, by name and version
    locked: Mapping[str, str] = field(default_factory=dict)  # argosy.lock: `name@prefix` -> the version chosen
