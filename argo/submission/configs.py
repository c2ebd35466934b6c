"""Local files as the content of a run's ConfigMaps: dotenv files and job-config."""

from __future__ import annotations

import base64
from pathlib import Path

from argo.backend import Json
from argo.errors import DefinitionError, NotFoundError, UsageError, did_you_mean
from argo.submission.subject import Subject

ENV, FILES = "env_config", "files_config"  # the parameters that name a DAG's own ConfigMaps
_NOTHING = "nothing was started"


def input_config_map(path: Path, name: str) -> Json:
    """The ConfigMap of an input of kind env. Raises DefinitionError for what is no dotenv file."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": _variables(path)}


def set_env(subject: Subject, path: Path) -> None:
    """Lay the variables of a dotenv file over the DAG's `env`, for this run.

    Raises UsageError where the DAG has no `env`, NotFoundError, DefinitionError.
    """
    config_map = _own(subject, ENV)
    if config_map is None:
        raise UsageError(
            "the run has no variables of its own for --env-file to change", known=_NOTHING,
            hint="give the DAG an `env:`, or an input of kind env and -i",
        )  # fmt: skip
    config_map["data"] = {**(config_map.get("data") or {}), **_variables(path)}


def set_file(subject: Subject, given: str) -> None:
    """Put a local file in place of one of the DAG's `files`, for this run: `name=path`, or the path alone where the
    DAG has one.

    Raises UsageError where the DAG has no such file, NotFoundError.
    """
    config_map = _own(subject, FILES)
    known = sorted({**((config_map or {}).get("data") or {}), **((config_map or {}).get("binaryData") or {})})
    if config_map is None or not known:
        raise UsageError(
            "the run has no files for --job-config to change", known=_NOTHING, hint="give the DAG `files:`"
        )
    name, equals, text = given.partition("=")
    if not equals or (name not in known and Path(given).exists()):
        name, text = known[0] if len(known) == 1 else "", given
    if name not in known:
        hint = did_you_mean(name, known) if name else ""
        raise UsageError(
            f"--job-config {given} names no file of the DAG", known=_NOTHING, hint=hint or f"{known[0]}=PATH"
        )
    content = _content(Path(text))
    for kind in ("data", "binaryData"):
        (config_map.get(kind) or {}).pop(name, None)
    try:
        config_map.setdefault("data", {})[name] = content.decode()
    except UnicodeDecodeError:
        config_map.setdefault("binaryData", {})[name] = base64.b64encode(content).decode()


def _own(subject: Subject, parameter: str) -> Json | None:
    """The ConfigMap whose name is the value of a parameter."""
    name = subject.declared("parameters").get(parameter, {}).get("value")
    return next((o for o in subject.objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == name), None)


def _variables(path: Path) -> dict[str, str]:
    from compiler.load.dotenv import parse

    data, diagnostics = parse(str(path), _content(path))
    if diagnostics:
        raise DefinitionError(f"{path} is not a dotenv file", diagnostics)
    return dict(data)


def _content(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}", known=_NOTHING) from error
