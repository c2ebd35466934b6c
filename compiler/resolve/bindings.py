"""`with`: what a task gives to the parameters and inputs of its target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from compiler.diagnostics import did_you_mean
from compiler.models import Task
from compiler.models.parts import Input, Parameter
from compiler.models.values import conform
from compiler.program import Binding, GatheredFiles, Literal_, ObjectKey, refs_of
from compiler.refs import OPEN, Ref, Text
from compiler.resolve.context import Context
from compiler.resolve.scope import Scope, Site
from compiler.resolve.targets import Target
from compiler.resolve.types import Type, artifact_fault, describe, of_parameter, value_fault

_INPUT_FORMS: Final = (
    "write a reference, `{key: path/in/the/store}` or `{text: …}`; a local file is the default of a DAG's input"
)
_WITHIN: Final = "references are not allowed within a map or a list"
_WHOLE: Final = "write the whole JSON as one text, or give the value to a parameter of its own"
_COMPUTED: Final = "keys and contents are constants; a task that writes a file can compute them"
_HINTS: Final = {
    "int": "declare it as int where it comes from",
    "number": "declare it as number where it comes from",
    "bool": "declare it as bool where it comes from",
    "json": "declare it as `type: json` where it comes from",
}


class Binder:
    """Binds the tasks of one DAG."""

    def __init__(self, context: Context, scope: Scope) -> None:
        self._context = context
        self._scope = scope
        self._wanted: dict[int, Type] = {}  # of parameters, by identity: the models live as long as the workspace

    def bind(self, task: Task, target: Target, site: Site) -> Mapping[str, Binding]:
        """Every parameter and input that is given, and the defaults of inputs that are not; mistakes are reported."""
        bindings: dict[str, Binding] = {}
        parameters, inputs = target.parameters, target.inputs
        for name, value in task.with_.items():
            binding: Binding | None
            if name in parameters:
                binding = self._parameter(name, parameters[name], value, target, site)
            elif name in inputs:
                binding = self._input(name, inputs[name], value, site)
            else:
                self._unknown(name, target, site)
                continue
            if binding is not None:
                bindings[name] = binding
        if not target.required <= task.with_.keys():
            self._missing(task, target, site)
        for name, default in target.defaults.items():
            bindings.setdefault(name, default)
        return bindings

    def _parameter(self, name: str, parameter: Parameter, value: Any, target: Target, site: Site) -> Binding | None:
        if isinstance(value, str) and OPEN in value:
            parsed = self._context.parse(value, site.origin, ("with", name))
            if isinstance(parsed, Ref):
                type_ = self._scope.type_of(parsed, site, ("with", name))
                fault = self._value_fault(type_, parameter)
                if fault:
                    self._mismatch(fault, name, type_, parameter, target, site)
                return parsed
            if isinstance(parsed, Text):
                return self._text(name, parameter, parsed, site)
            if parsed is None:
                return None
            value = parsed
        elif self._context.refuse(value, site.origin.at("with", name), _WHOLE, _WITHIN):
            return None
        fault = conform(parameter, value)
        if fault:
            self._context.add("A306", site.origin.at("with", name), f"parameter '{name}': {fault}")
            return None
        return Literal_(value)

    def _value_fault(self, given: Type, parameter: Parameter) -> str | None:
        wanted = self._wanted.get(id(parameter))
        if wanted is None:
            wanted = self._wanted[id(parameter)] = of_parameter(parameter)
        return value_fault(given, wanted)

    def _mismatch(self, fault: str, name: str, given: Type, parameter: Parameter, target: Target, site: Site) -> None:
        if given.is_value:
            hint = _HINTS.get(parameter.type)
        elif name in target.inputs:
            hint = None
        else:
            artifacts = [input_ for input_, model in target.inputs.items() if model.kind == given.kind]
            hint = (
                f"its input '{artifacts[0]}' takes {describe(given)}" if artifacts else "an artifact goes to an input"
            )
        self._context.add("A305", site.origin.at("with", name), f"parameter '{name}': {fault}", hint=hint)

    def _text(self, name: str, parameter: Parameter, text: Text, site: Site) -> Text:
        path = ("with", name)
        origin = site.origin.at(*path)
        for ref in refs_of(text):
            type_ = self._scope.type_of(ref, site, path)
            if not type_.is_value:
                message = f"{describe(type_)} cannot stand in text"
                self._context.add("A305", origin, message, within=(ref.start, ref.end))
        if parameter.type not in ("string", "json", "enum"):
            wanted = describe(of_parameter(parameter))
            message = f"parameter '{name}': text with references is given where {wanted} is expected"
            self._context.add("A305", origin, message, hint="give one reference alone, or a constant")
        return text

    def _input(self, name: str, wanted: Input, value: Any, site: Site) -> Binding | None:
        if isinstance(value, str):
            parsed = self._context.parse(value, site.origin, ("with", name))
            if isinstance(parsed, Ref):
                return self._artifact(name, wanted, parsed, site)
            if parsed is not None:
                message = f"input '{name}': text is given where {describe(Type(wanted.kind))} is expected"
                self._context.add("A309", site.origin.at("with", name), message, hint=_INPUT_FORMS)
            return None
        return self._object(name, wanted, value, site)

    def _artifact(self, name: str, wanted: Input, ref: Ref, site: Site) -> Binding:
        type_ = self._scope.type_of(ref, site, ("with", name))
        fault = artifact_fault(type_, wanted.kind)
        if fault:
            hint = None
            if wanted.kind == "archive" and type_.kind == "file":
                hint = "declare the output as `kind: archive`: a file is stored as it is and never unpacked"
            self._context.add("A305", site.origin.at("with", name), f"input '{name}': {fault}", hint=hint)
        elif type_.optional and not wanted.optional:
            hint = "give it a default, or make the asset's input optional too"
            message = f"input '{name}' is needed, but what is given may be missing"
            self._context.add("A321", site.origin.at("with", name), message, hint=hint)
        return GatheredFiles(ref) if type_.many else ref

    def _object(self, name: str, wanted: Input, value: Any, site: Site) -> Binding | None:
        origin = site.origin.at("with", name)
        fields = value.keys() if isinstance(value, dict) else ()
        if wanted.kind != "env" and fields and fields <= {"key", "bucket"} and "key" in fields:
            key, bucket = value["key"], value.get("bucket")
            if isinstance(key, str) and key and (bucket is None or isinstance(bucket, str)):
                return None if self._context.refuse(value, origin, _COMPUTED) else ObjectKey(key, bucket)
        if wanted.kind in ("file", "env") and fields == {"text"} and isinstance(value["text"], str):
            return None if self._context.refuse(value, origin, _COMPUTED) else Literal_(value["text"])
        message = f"input '{name}': this is no {wanted.kind}"
        self._context.add("A309", origin, message, hint="write ${{ env }}" if wanted.kind == "env" else _INPUT_FORMS)
        return None

    def _unknown(self, name: str, target: Target, site: Site) -> None:
        known = [*target.parameters, *target.inputs]
        hint = did_you_mean(name, known) or (f"it has {', '.join(known)}" if known else "it takes nothing")
        message = f"{target.what} has no parameter or input '{name}'"
        self._context.add("A213", site.origin.at("with", name), message, hint=hint, key=True)

    def _missing(self, task: Task, target: Target, site: Site) -> None:
        missing = [name for name in (*target.parameters, *target.inputs) if name in target.required - task.with_.keys()]
        where = site.origin.at("with") if task.with_ else site.origin
        for name in missing:
            if name in target.parameters:
                type_ = describe(of_parameter(target.parameters[name]))
                message, code, hint = f"parameter '{name}' of {target.what} is not given", "A307", f"it is {type_}"
            else:
                kind = target.inputs[name].kind
                message, code = f"input '{name}' of {target.what} is not given", "A308"
                hint = (
                    f'give it the DAG\'s: {name}: "${{{{ env }}}}"'
                    if kind == "env"
                    else f"it is {describe(Type(kind))}"
                )
            self._context.add(code, where, message, hint=hint, key=True)
