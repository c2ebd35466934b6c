"""The resolved program, names bound and data flow explicit: what `resolve` makes and `check` and `lower` read.

Named tuples, and annotations that are evaluated: see `compiler.plan`.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from compiler.refs import Ref, Text
from compiler.source import Path, SourceFile

if TYPE_CHECKING:
    from compiler.models import ComputeAsset, Dag, Profile, Project, Task
    from compiler.models.settings import Pause

M = TypeVar("M")


class Origin(NamedTuple):
    """Where a definition (or a part of it) stands: the file, and the path of the data in it."""

    source: SourceFile
    path: Path = ()

    def at(self, *more: str | int) -> "Origin":
        return Origin(self.source, (*self.path, *more))


class Definition(NamedTuple, Generic[M]):
    """A loaded definition: the validated model and where it stands."""

    model: M
    origin: Origin


class FlawedDefinition(NamedTuple):
    """A definition with mistakes that keep it from being used: what is left without them, to find others.

    `whole`: everything in it that is referred to by name (parameters, tasks, outputs …) is still there.
    """

    definition: Definition[Any]
    whole: bool


class Workspace(NamedTuple):
    """Everything that was loaded: what `resolve` binds names to.

    `assets` maps a name to its versions, highest first; the project's own shadow the shipped ones.
    `files` holds the content of local files that definitions name (dotenv, job-config, input defaults), read by `load`
    so that later stages stay pure: the key is the absolute path; None where the file is missing.
    """

    project: "Definition[Project] | None"
    assets: Mapping[str, tuple[Definition["ComputeAsset"], ...]]
    dags: Mapping[str, Definition["Dag"]]
    files: Mapping[str, bytes | None]
    requested: tuple[str, ...] = ()  # the DAGs asked for; none named: all
    sources: Mapping[str, SourceFile] = MappingProxyType({})  # every file that was read, by its name
    manifests: tuple[Definition[dict[str, Any]], ...] = ()  # Hera workflows, as Argo manifests
    flawed: tuple[FlawedDefinition, ...] = ()


class Literal_(NamedTuple):  # noqa: N801  (typing has a Literal)
    """A constant bound to a parameter (already typed and checked), or the text of an input (a `str`)."""

    value: Any


EMBEDDED: Final = 100 << 10  # bytes of a local file that a manifest may hold


class LocalFile(NamedTuple):
    """A local file bound to an input: embedded as `raw` up to 100 KiB, else uploaded at submission.

    `path` is as the definition writes it, relative to the definition's folder.
    """

    path: str
    content: bytes


class ObjectKey(NamedTuple):
    """An object in the store bound to an input."""

    key: str
    bucket: str | None


class GatheredFiles(NamedTuple):
    """All items' files of a foreach task's output, bound to a directory input."""

    ref: Ref


# What is bound to a parameter or input: a constant, one reference, text with references in it, a file, an object.
Binding: TypeAlias = Literal_ | Ref | Text | LocalFile | ObjectKey | GatheredFiles


class Foreach(NamedTuple):
    """The items of a loop: a constant list (`items`; for a matrix, maps), or one reference to a list."""

    items: tuple[Any, ...] | None
    ref: Ref | None
    fields: tuple[str, ...] = ()  # names of the item's fields, where known


class Needs(NamedTuple):
    """Order without data: a task and the condition on its end (Argo's depends), combined by and/or/not."""

    op: Literal["task", "and", "or", "not"]
    task: str = ""
    condition: str = ""  # "", "Succeeded", "Failed", "Errored", "Skipped", "Omitted", "AnySucceeded", "AllFailed"
    operands: tuple["Needs", ...] = ()


def leaves(needs: Needs | None) -> Iterator[Needs]:
    """The tasks of a tree with their conditions, in the order written."""
    if needs is not None and needs.op == "task":
        yield needs
    for operand in needs.operands if needs else ():
        yield from leaves(operand)


class ResolvedTask(NamedTuple):
    """One task with everything it names bound.

    `target` is the asset, the inline task itself (a Task with image), a nested DAG, or a gate.
    `bindings` covers every parameter and input of the target that is given, by its name, and the defaults of inputs
    that are not given (a parameter's default stays in its model).
    `data` are the tasks whose outputs it reads (implied order), in order of first use.
    """

    name: str
    task: "Task"
    origin: Origin
    target: "Definition[ComputeAsset] | Task | ResolvedDag | Pause"
    bindings: Mapping[str, Binding]
    foreach: Foreach | None
    needs: Needs | None
    when: "Condition | None"
    data: tuple[str, ...]

    @property
    def model(self) -> Any:
        """The model of the asset or the nested DAG; the task itself where it is a container or a gate."""
        return self.target.model if isinstance(self.target, Definition | ResolvedDag) else self.task

    @property
    def refs(self) -> Iterator[Ref]:
        """The references in what it is given and in its condition."""
        for binding in self.bindings.values():
            yield from refs_of(binding)
        yield from refs_of(self.when)


class Interactive(NamedTuple):
    """An interactive task of a run: its path from the entry DAG (`inner.desk`), whether a loop is around it."""

    path: str
    task: ResolvedTask
    definition: "Definition[ComputeAsset]"
    looped: bool


def is_session(model: Any) -> bool:
    """True where an asset is interactive."""
    return getattr(model, "mode", "job") == "interactive"


def interactive(dag: "ResolvedDag", below: str = "", looped: bool = False) -> Iterator[Interactive]:
    """The interactive tasks of a DAG and of those that it nests."""
    for task in dag.all_tasks:
        yield from interactive_in(task, below, looped)


def interactive_in(task: ResolvedTask, below: str = "", looped: bool = False) -> Iterator[Interactive]:
    """The task itself, where it is interactive, or those in the DAG that it nests."""
    path, inside = f"{below}{task.name}", looped or task.foreach is not None
    if isinstance(task.target, ResolvedDag):
        yield from interactive(task.target, f"{path}.", inside)
    elif isinstance(task.target, Definition) and is_session(task.target.model):
        yield Interactive(path, task, task.target, inside)


class Condition(NamedTuple):
    """A parsed `when`: a tree of comparisons over references and constants.

    `not` and `truth` have one operand; the second one of `in` is a Literal_ of a tuple.
    """

    op: Literal["and", "or", "not", "==", "!=", "<", "<=", ">", ">=", "in", "truth"]
    operands: "tuple[Condition | Ref | Literal_, ...]"


def refs_of(value: "Binding | Condition | str | None") -> Iterator[Ref]:
    """The references in what is bound to a parameter or an input, or in a condition."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, GatheredFiles):
        yield value.ref
    elif isinstance(value, Text | Condition):
        for part in value[-1]:
            yield from refs_of(part)


class ResolvedDag(NamedTuple):
    """A DAG with its tasks in the order of the file. A task that names nothing known is left out (and reported)."""

    name: str
    model: "Dag"
    origin: Origin
    tasks: tuple[ResolvedTask, ...]
    finally_: tuple[ResolvedTask, ...]
    inputs: Mapping[str, LocalFile | ObjectKey | Literal_]  # defaults of the DAG's inputs that have one
    results: Mapping[str, Ref]
    env: Mapping[str, str]  # the DAG's environment, dotenv and values merged
    files: Mapping[str, bytes]  # content of `files`
    digest: str = ""  # sha256 of the definitions that this DAG is made of and of the contents they name

    @property
    def all_tasks(self) -> tuple[ResolvedTask, ...]:
        return (*self.tasks, *self.finally_)


class Program(NamedTuple):
    """The input of one compile: the DAGs asked for, the profile, and a digest of all definitions used."""

    dags: tuple[ResolvedDag, ...]
    profile_name: str
    profile: "Profile"
    project: "Project"
    digest: str  # sha256 over those of the DAGs, independent of folders and of the order of files
    assets: tuple[Definition["ComputeAsset"], ...] = ()  # all that were loaded, by name and version
    locked: Mapping[str, str] = MappingProxyType({})  # argosy.lock: `name@prefix` -> the version chosen
