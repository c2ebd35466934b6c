"""DAGs: nested ones first, then their tasks, inputs, environment, files and results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from compiler.diagnostics import did_you_mean
from compiler.models import Dag
from compiler.order import arrange, cycles
from compiler.program import Definition, Literal_, LocalFile, ObjectKey, ResolvedDag
from compiler.refs import Ref
from compiler.resolve.context import Context
from compiler.resolve.digest import Digester
from compiler.resolve.scope import RESULTS, Scope, Site
from compiler.resolve.tasks import Tasks, TaskTargets
from compiler.resolve.types import Type

_CONFIG_MAP: Final = 1 << 20  # bytes, kubernetes: validation.ValidateConfigMap
_LARGE: Final = "give it to an input of a task: it is then kept in the store"
_FIXED: Final = ("parameters", "inputs", "env", "files", "schedule", "limits", "labels", "annotations")


def resolve_dags(context: Context, library: TaskTargets, names: Iterable[str]) -> list[ResolvedDag]:
    """The DAGs of these names, in that order, with all they nest; those in a cycle are reported and left out."""
    wanted = list(names)
    graph = _nesting(context, wanted)
    library.dags.update(dict.fromkeys(graph))
    for cycle in cycles(graph):
        _report_cycle(context, cycle)
    digester = Digester()
    resolved: dict[str, ResolvedDag] = {}
    for name in arrange(graph):
        dag, results = _resolve(context, library, digester, context.workspace.dags[name])
        library.add(dag, results)
        resolved[name] = dag
    return [resolved[name] for name in wanted if name in resolved]


def examine(context: Context, library: TaskTargets, dag: Definition[Dag]) -> None:
    """Reports the mistakes of a DAG that is not used."""
    _resolve(context, library, Digester(), dag)


def _nesting(context: Context, names: list[str]) -> dict[str, list[str]]:
    """Each DAG that is reached from the names, with those it nests."""
    graph: dict[str, list[str]] = {}
    waiting = list(reversed(names))
    while waiting:
        name = waiting.pop()
        dag = context.workspace.dags.get(name)
        if dag is not None and name not in graph:
            nested = list(dict.fromkeys(task.dag for task in dag.model.all_tasks if task.dag is not None))
            graph[name] = [other for other in nested if other in context.workspace.dags]
            waiting.extend(reversed(graph[name]))
    return graph


def _report_cycle(context: Context, cycle: list[str]) -> None:
    dag = context.workspace.dags[cycle[0]]
    sections = (("tasks", dag.model.tasks), ("finally", dag.model.finally_))
    places = [(section, name) for section, tasks in sections for name, task in tasks.items() if task.dag == cycle[1]]
    message = (
        f"DAGs contain each other: {' -> '.join(cycle)}" if len(cycle) > 2 else f"DAG '{cycle[0]}' contains itself"
    )
    context.add("A205", dag.origin.at(*places[0], "dag"), message)


def _resolve(
    context: Context, library: TaskTargets, digester: Digester, dag: Definition[Dag]
) -> tuple[ResolvedDag, dict[str, Type]]:
    model, origin = dag.model, dag.origin
    for field in _FIXED:
        if field in model.model_fields_set:
            context.refuse(getattr(model, field), origin.at(field))
    tasks = Tasks(context, library, dag)
    ordinary = tasks.resolve(model.tasks)
    closing = tasks.resolve(model.finally_, closing=True)
    results, types = _results(context, tasks.scope, dag)
    inputs: dict[str, LocalFile | ObjectKey | Literal_] = {}
    for name, given in model.inputs.items():
        default = context.default(given, origin.at("inputs", name))
        if default is not None:
            inputs[name] = default
    env, files = _env(context, dag), _files(context, dag)
    digest = digester.dag(dag, (*ordinary, *closing), inputs, env, files)
    return ResolvedDag(model.name, model, origin, ordinary, closing, inputs, results, env, files, digest), types


def _results(context: Context, scope: Scope, dag: Definition[Dag]) -> tuple[dict[str, Ref], dict[str, Type]]:
    refs: dict[str, Ref] = {}
    types: dict[str, Type] = {}
    site = Site(RESULTS, dag.origin)
    for name, text in dag.model.results.items():
        path = ("results", name)
        parsed = context.parse(text, dag.origin, path)
        if isinstance(parsed, Ref) and parsed.kind == "tasks":
            refs[name] = parsed
            types[name] = scope.type_of(parsed, site, path)
        elif parsed is not None:
            hint = "write ${{ tasks.TASK.outputs.NAME }}"
            context.add("A316", dag.origin.at(*path), f"result '{name}' is not an output of a task", hint=hint)
            types[name] = Type("unknown")
    return refs, types


def _env(context: Context, dag: Definition[Dag]) -> dict[str, str]:
    """The environment: the dotenv file's variables, then those written in the definition, which win."""
    env = dag.model.env
    if env is None:
        return {}
    values: dict[str, str] = {}
    if env.file is not None:
        content = context.content(dag.origin.at("env", "file"), env.file)
        if content is not None:
            _check_size(context, dag, ("env", "file"), content)
            values.update(context.dotenv(dag.origin, env.file, content))
    return {**values, **env.values}


def _files(context: Context, dag: Definition[Dag]) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for name, file in dag.model.files.items():
        if file.file is not None:
            content = context.content(dag.origin.at("files", name, "file"), file.file)
            if content is not None:
                contents[name] = content
                _check_size(context, dag, ("files", name, "file"), content)
        else:
            contents[name] = (file.text or "").encode()
        for index, task in enumerate(file.tasks):
            if task not in dag.model.tasks and task not in dag.model.finally_:
                hint = did_you_mean(task, (*dag.model.tasks, *dag.model.finally_))
                context.add(
                    "A206", dag.origin.at("files", name, "tasks", index), f"there is no task '{task}'", hint=hint
                )
    if sum(map(len, contents.values())) > _CONFIG_MAP and not any(len(c) > _CONFIG_MAP for c in contents.values()):
        message = "the files together are larger than a ConfigMap can be (1 MiB)"
        context.add("A317", dag.origin.at("files"), message, hint=_LARGE, key=True)
    return contents


def _check_size(context: Context, dag: Definition[Dag], path: tuple[str, ...], content: bytes) -> None:
    if len(content) > _CONFIG_MAP:
        message = "the file is larger than a ConfigMap can be (1 MiB)"
        context.add("A317", dag.origin.at(*path), message, hint=_LARGE)
