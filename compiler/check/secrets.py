"""Secrets that are written in a definition. No message shows a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from compiler.check.survey import Survey
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.models.parts import Parameter
from compiler.program import Origin

_NAMES: Final = (
    r"(?:^|[_.-])(?:PASSWORD|PASSWD|PASSPHRASE|PWD|SECRET|TOKEN|CREDENTIALS?|APIKEY|(?:API|ACCESS|SECRET|PRIVATE|ACCOUNT)[_.-]?KEY)"
    r"(?:$|[_.-](?:VALUE|\d+)$)"
)
_OPEN_NAMES: Final = frozenset({"PWD"})  # the shell's working directory
_WORDS: Final = r"(?<=[a-z0-9])(?=[A-Z])"
_SHAPES: Final = (
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|glpat-[A-Za-z0-9_-]{20}|xox[abpr]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{30,}"
    r"|sk-[A-Za-z0-9_-]{32,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."
)
_HARMLESS: Final = r"(?i:|true|false|yes|no|on|off|none|null|\d{1,5}|/\S*)"

_OF_CONTAINER: Final = "keep it in a Secret: NAME: {secret: name/key}"
_OF_DAG: Final = "keep it in a Secret, and name that in the env of the asset: NAME: {secret: name/key}"


def check(survey: Survey) -> Iterable[Diagnostic]:
    for container in survey.containers:
        model, origin = container.model, container.origin
        yield from _env(model.env, origin.at("env"), _OF_CONTAINER)
        yield from _parameters(model.parameters, origin)
        for name, sidecar in model.sidecars.items():
            yield from _env(sidecar.env, origin.at("sidecars", name, "env"), _OF_CONTAINER)
    for dag in survey.dags:
        written = dag.model.env.values if dag.model.env else {}
        yield from _env(written, dag.origin.at("env"), _OF_DAG)
        read = {name: value for name, value in dag.env.items() if name not in written}
        yield from _env(read, dag.origin.at("env", "file"), _OF_DAG, file=True)
        yield from _parameters(dag.model.parameters, dag.origin)


def _env(env: Mapping[str, Any], origin: Origin, hint: str, file: bool = False) -> Iterator[Diagnostic]:
    for name, value in env.items():
        if isinstance(value, str) and "${{" not in value and _is_secret(name, value):
            where = origin if file else _entry(origin, name)
            message = f"'{name}' seems to be a secret; a manifest shows it to everybody"
            yield diagnostic("A507", where, message, hint=hint.replace("NAME", name))


def _entry(origin: Origin, name: str) -> Origin:
    """A variable's place: below `env`, or below `env.values`."""
    nested = origin.at("values", name)
    direct = origin.at(name)
    if origin.source.span(nested.path, True) != origin.source.span(origin.path, True):
        return nested
    return direct


def _parameters(parameters: Mapping[str, Parameter], origin: Origin) -> Iterator[Diagnostic]:
    for name, parameter in parameters.items():
        default = parameter.default
        if isinstance(default, str) and parameter.type == "string" and _is_secret(name, default):
            message = f"the default of '{name}' seems to be a secret; a manifest shows it to everybody"
            hint = "keep it in a Secret, and give it in `env`: {secret: name/key}"
            yield diagnostic("A507", origin.at("parameters", name, "default"), message, hint=hint)


def _is_secret(name: str, value: str) -> bool:
    if re.search(_SHAPES, value):
        return True
    plain = re.sub(_WORDS, "_", name).upper()
    return plain not in _OPEN_NAMES and bool(re.search(_NAMES, plain)) and not re.fullmatch(_HARMLESS, value.strip())
