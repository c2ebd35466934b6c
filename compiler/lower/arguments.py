"""Lowers what tasks are given: each parameter and artifact of the template they use."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.diagnostics import diagnostic
from compiler.lower import names
from compiler.lower.artifacts import given
from compiler.lower.library import TemplateSet
from compiler.lower.loops import index_of
from compiler.lower.outputs import Outputs
from compiler.lower.text import ITEM, ArgumentStyle, Variable, gathered, in_braces, printed, tag
from compiler.plan import Argument, ArtifactArgument, InputArtifact, Interface, Location
from compiler.program import (
    EMBEDDED,
    Binding,
    Definition,
    GatheredFiles,
    Literal_,
    LocalFile,
    ObjectKey,
    Origin,
    ResolvedDag,
    ResolvedTask,
)
from compiler.refs import Ref, Text


class Arguments:
    """The arguments of one DAG's tasks.

    `empty`: the DAG's inputs that may come out empty. `needed` grows: the parameters that the DAG's own template has to
    take for what its tasks ask for besides what the definition declares.
    """

    def __init__(
        self,
        library: TemplateSet,
        dag: ResolvedDag,
        outputs: Outputs,
        looped: bool,
        empty: frozenset[str],
        gated: Mapping[str, str],
    ) -> None:
        self._library = library
        self._dag = dag
        self._outputs = outputs
        self._looped = looped
        self._gated = gated
        self._entry = dag.name == library.entry
        self.empty = empty
        self.needed: dict[str, None] = {}

    def of(self, task: ResolvedTask, callee: Interface) -> tuple[tuple[Argument, ...], tuple[ArtifactArgument, ...]]:
        """Make the arguments that a task gives to its template; parameters that keep their default are left out."""
        parameters = []
        bindings = task.bindings
        guard = ITEM if task.foreach is not None else "inputs.parameters"
        for parameter in callee.parameters:
            name = parameter.name
            binding = bindings.get(name)
            if binding is not None and "_" not in name:
                self._check_braces(task, name, binding)
                parameters.append(Argument(name, self._value(binding, guard)))
            elif "_" in name:
                parameters.append(Argument(name, self._own(name, task)))
        artifacts = tuple(filter(None, (self._artifact(task, artifact) for artifact in callee.artifacts)))
        return tuple(parameters), artifacts

    def maybe(self, task: ResolvedTask) -> frozenset[str]:
        """The inputs of a task that may come out empty: what a loop without items, or one that is skipped, gathers."""
        given = task.bindings.items()
        return frozenset(
            [name for name, binding in given if type(binding) is not Literal_ and self._may_be_empty(binding)]
        )

    def _may_be_empty(self, binding: Binding) -> bool:
        if isinstance(binding, Ref):
            return binding.kind == "inputs" and binding.name in self.empty
        if not isinstance(binding, GatheredFiles):
            return False
        return not self._is_full(self._outputs.tasks[binding.ref.name])

    def _is_full(self, task: ResolvedTask) -> bool:
        """True where a loop is sure to have an item that runs, and that has ended well if the DAG goes on."""
        listed = task.foreach is not None and bool(task.foreach.items) and not task.when and task.needs is None
        return listed and task.name not in self._gated and task.task.continue_on is None

    def resolve(self, ref: Ref) -> Variable:
        """A reference in a DAG as Argo's variable; a file's path as text."""
        match ref.kind:
            case "params":
                return ("inputs", "parameters", ref.name)
            case "inputs":
                if self._dag.model.inputs[ref.name].kind == "env":
                    return ("inputs", "parameters", names.env_input(ref.name))
                return ("inputs", "artifacts", ref.name)
            case "item":
                return ("item", ref.name or "v")
            case "run":
                return self._library.run(ref.name)
            case "files":
                return self._dag.model.files[ref.name].path
            case "env":
                return ("inputs", "parameters", self._own_env())
        source = self._outputs.find(ref.name, ref.output)
        kind = "parameters" if source.kind == "value" else "artifacts"
        task = self._outputs.tasks[ref.name]
        if source.kind == "value" and task.foreach is not None and not self._is_full(task):
            return gathered(ref.name, ref.output, "[]")
        return ("tasks", ref.name, "outputs", kind, ref.output)

    def _value(self, binding: Binding, guard: str) -> str:
        assert isinstance(binding, Ref | Text | Literal_)
        return printed(binding, self.resolve, ArgumentStyle(guard))

    def _check_braces(self, task: ResolvedTask, name: str, binding: Binding) -> None:
        """Argo substitutes what a task is given again: a value between braces would become a part of a template."""
        for ref in in_braces(binding) if isinstance(binding, Text) else ():
            checked = self._entry and ref.kind == "params"  # at submission
            if checked and self._dag.model.parameters[ref.name].type not in ("string", "json"):
                continue
            message = "the value stands between '{{' and '}}', where Argo would read it as a part of a template"
            hint = "give the value alone, and write the braces in the text of the container that takes it"
            where = task.origin.at("with", name)
            self._library.diagnostics.append(diagnostic("A457", where, message, hint=hint))

    def _own(self, name: str, task: ResolvedTask) -> str:
        """The value of a parameter that lowering has added to a template (`compiler.lower.names`)."""
        match name:
            case names.TASK_PATH:
                return self._path(task)
            case names.ITEM_INDEX:
                return self._index(task)
            case names.RUN_NAME | names.RUN_NAMESPACE | names.RUN_UID | names.RUN_STATUS:
                return tag(self._library.run(name.removeprefix("run_")))
            case names.FILES_CONFIG:
                return self._need(self._own_files())
        if name.startswith("input_"):
            return self._environment(task, name.removeprefix("input_"))
        return self._need(name)

    def _path(self, task: ResolvedTask) -> str:
        return task.name if self._entry else f"{self._need(names.TASK_PATH)}/{task.name}"

    def _index(self, task: ResolvedTask) -> str:
        own = [f"{{{{item.{index_of(task)}}}}}"] if task.foreach is not None else []
        outer = [self._need(names.ITEM_INDEX)] if self._looped else []
        return "/".join(outer + own)

    def _need(self, name: str) -> str:
        self.needed[name] = None
        return f"{{{{inputs.parameters.{name}}}}}"

    def _own_env(self) -> str:
        name = names.config(self._dag.name, self._library.entry, names.ENV_CONFIG)
        self._library.config_map(name, f"{self._dag.name}-env", self._dag.env)
        self.needed[name] = None
        return name

    def _own_files(self) -> str:
        name = names.config(self._dag.name, self._library.entry, names.FILES_CONFIG)
        self._library.config_map(name, f"{self._dag.name}-files", self._dag.files)
        return name

    def _environment(self, task: ResolvedTask, name: str) -> str:
        """The name of the ConfigMap for an input of kind env."""
        binding = task.bindings.get(name)
        if isinstance(binding, Ref):
            return tag(self.resolve(binding))
        if isinstance(binding, Literal_ | LocalFile):
            from compiler.lower.environments import variables

            stem = getattr(task.model, "name", task.name)
            parameter = f"{stem}_{name}_{names.ENV_CONFIG}"
            self._library.config_map(parameter, f"{stem}-{name}", variables(binding))
            return self._need(parameter)
        return ""

    def _artifact(self, task: ResolvedTask, wanted: InputArtifact) -> ArtifactArgument | None:
        name = wanted.name
        binding = task.bindings.get(name)
        if isinstance(binding, Ref):
            return ArtifactArgument(name, tag(self.resolve(binding)), optional=wanted.optional)
        if isinstance(binding, GatheredFiles):
            key = self._prefix(binding.ref)
            return ArtifactArgument(name, location=Location(key), archive="none", optional=wanted.optional)
        if not isinstance(binding, Literal_ | LocalFile | ObjectKey):
            return None
        argument = given(name, task.model.inputs[name].kind, binding, wanted.optional)
        if argument is None:
            what = (
                f"the default of input '{name}' is no plain text of up to {EMBEDDED} bytes, which a manifest could hold"
            )
            hint = "make it an input of the DAG: it is uploaded when the run is submitted"
            where = definition_of(task).at("inputs", name, "default")
            self._library.diagnostics.append(diagnostic("A453", where, what, hint=hint))
        return argument

    def _prefix(self, ref: Ref) -> str:
        """The keys' prefix of all items' files, within the item of the loops around the DAG."""
        source = self._outputs.find(ref.name, ref.output)
        place = "" if self._entry else f"/{self._need(names.TASK_PATH)}"
        item = f"/{self._need(names.ITEM_INDEX)}" if self._looped else ""
        return f"{self._library.prefix}{place}/{source.key}{item}"


def definition_of(task: ResolvedTask) -> Origin:
    """Where a task's container is defined: its asset, or the task itself."""
    return task.target.origin if isinstance(task.target, Definition) else task.origin
