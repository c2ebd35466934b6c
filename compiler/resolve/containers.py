"""References inside containers: where they are allowed, what they mean there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from compiler.diagnostics import did_you_mean
from compiler.models import ComputeAsset
from compiler.program import Origin, refs_of
from compiler.refs import OPEN, Ref, RefError, parse
from compiler.resolve.context import Context
from compiler.resolve.texts import FREE
from compiler.resolve.types import describe, of_parameter
from compiler.source import Path

if TYPE_CHECKING:
    from compiler.models import Resources, Sidecar, Task

_READ: Final = frozenset({"command", "args", "script", "env", "working_dir", "resources", "cache", "sidecars"})
_WHOLE: Final = frozenset({"int", "string"})


def strings(model: ComputeAsset | Task) -> Iterator[tuple[Path, str]]:
    """Every text of a container in which references are allowed, with its path in the definition."""
    fields = model.model_fields_set
    yield from _process(model, ())
    if "working_dir" in fields and model.working_dir:
        yield ("workingDir",), model.working_dir
    if "script" in fields and model.script:
        yield ("script",), model.script
    yield from quantities(model.resources)
    if model.cache and model.cache.key:
        yield ("cache", "key"), model.cache.key
    for name, sidecar in model.sidecars.items():
        yield from _process(sidecar, ("sidecars", name))
        yield from ((("sidecars", name, *path), text) for path, text in quantities(sidecar.resources))


def quantities(resources: Resources | None) -> Iterator[tuple[Path, str]]:
    """The texts of `resources` in which a parameter may stand."""
    if resources is None:
        return
    for name in ("cpu", "memory", "shm", "disk"):
        value = getattr(resources, name)
        if value is not None:
            yield ("resources", name), value
    if resources.gpu and isinstance(resources.gpu.count, str):
        yield ("resources", "gpu", "count"), resources.gpu.count


def references(model: ComputeAsset | Task) -> Iterator[tuple[Path, Ref]]:
    """Every well-formed reference in a container, with the path of the text it stands in."""
    for path, text in strings(model):
        if OPEN in text:
            with suppress(RefError):
                yield from ((path, ref) for ref in refs_of(parse(text)))


def check_container(
    context: Context,
    model: ComputeAsset | Task,
    origin: Origin,
    files: Iterable[str] | None = None,
    *,
    closing: bool = False,
) -> None:
    """Reports references in a container that are malformed, that mean nothing there, or that stand where none may.

    `files` are the names of the DAG's files, for an inline container; None for an asset, which knows no DAG. `closing`:
    it is one of a task in `finally`, which sees how the run went.
    """
    for path, text in strings(model):
        if OPEN in text:
            for part in refs_of(context.parse(text, origin, path)):
                fault = _fault(model, part, files, closing=closing) or _quantity_fault(model, part, path)
                if fault:
                    code, message, hint = fault
                    context.add(code, origin.at(*path), message, hint=hint, within=(part.start, part.end))
    for name in model.model_fields_set - _READ - FREE:
        if value := getattr(model, name):
            context.refuse(value, origin.at(type(model).model_fields[name].alias or name))


def _process(model: ComputeAsset | Task | Sidecar, path: Path) -> Iterator[tuple[Path, str]]:
    for index, text in enumerate(model.command):
        yield (*path, "command", index), text
    for index, text in enumerate(model.args):
        yield (*path, "args", index), text
    for name, value in model.env.items():
        if isinstance(value, str):
            yield (*path, "env", name), value


def _fault(
    model: ComputeAsset | Task, ref: Ref, files: Iterable[str] | None, *, closing: bool
) -> tuple[str, str, str | None] | None:
    """Why a reference means nothing in a container, or None where it does."""
    if ref.kind == "params":
        return _unknown("parameter", ref.name, model.parameters, _pass_parameter(model, ref.name))
    if ref.kind in ("inputs", "outputs"):
        return _place_fault(model, ref)
    if ref.kind == "files" and files is not None:
        return _unknown("file", ref.name, dict.fromkeys(files))
    if ref.kind == "run" and (closing or ref.name != "status"):
        return None
    if ref.kind == "run" and files is not None:
        return "A303", "the run has a status only when it has ended", "use run.status in `finally`"
    value = "item" if ref.kind == "item" else ref.kind
    hint = f"declare a parameter or an input, and give it `{value}` by the task's `with`"
    return "A303", f"'{value}' is not visible in a container", hint


def _place_fault(model: ComputeAsset | Task, ref: Ref) -> tuple[str, str, str | None] | None:
    noun = ref.kind.removesuffix("s")
    places: Mapping[str, Any] = model.inputs if noun == "input" else model.outputs
    fault = _unknown(noun, ref.name, places)
    if fault:
        return fault
    if places[ref.name].kind == "env":
        return "A303", f"input '{ref.name}' is an environment, it has no path", "its variables are in the environment"
    if not ref.attribute:
        return "A303", f"a container knows the {noun}'s path only", f"write ${{{{ {ref.kind}.{ref.name}.path }}}}"
    return None


def _quantity_fault(model: ComputeAsset | Task, ref: Ref, path: Path) -> tuple[str, str, str | None] | None:
    path = path[2:] if path[0] == "sidecars" else path
    if path[0] != "resources":
        return None
    if ref.kind != "params":
        return "A303", "only parameters may stand in resources", None
    type_ = of_parameter(model.parameters[ref.name])
    wanted = _WHOLE if path[1] == "gpu" else {"int", "number", "string", "enum"}
    if type_.kind in wanted:
        return None
    return "A305", f"{describe(type_)} is no quantity", "declare the parameter as int"


def _pass_parameter(model: ComputeAsset | Task, name: str) -> str | None:
    if isinstance(model, ComputeAsset):
        return None
    return f'an inline container has parameters of its own: `parameters: {{{name}: {{…}}}}` and `with: {{{name}: "…"}}`'


def _unknown(
    noun: str, name: str, known: Mapping[str, Any], instead: str | None = None
) -> tuple[str, str, str | None] | None:
    if name in known:
        return None
    hint = did_you_mean(name, known) or instead or (f"there is {', '.join(known)}" if known else f"declare the {noun}")
    return "A302", f"there is no {noun} '{name}'", hint
