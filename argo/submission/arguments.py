"""Arguments of a run: parameters held against their rules, inputs stored and pointed at, and what still lacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from argo.backend import Json, RunRef
from argo.errors import ArgosyError, NotFoundError, UsageError, did_you_mean
from argo.submission.configs import input_config_map
from argo.submission.subject import Subject, located
from argo.submission.uploads import Upload, upload
from argo.workflow.values import put_named
from compiler.labels import INPUTS, PARAMETERS
from compiler.plan import INPUT_ARTIFACTS

Put = Callable[[str, Path], object]
"""Stores a file: `put(key, path)`."""


def set_parameters(subject: Subject, values: Mapping[str, str]) -> None:
    """Give parameters their values. Raises UsageError for one that is not declared or a value that is not allowed."""
    if not values:
        return
    declared = subject.declared("parameters")
    rules = subject.annotation(PARAMETERS)
    own: list[Json] = subject.arguments().setdefault("parameters", [])
    for name, value in values.items():
        if name not in declared:
            raise _unknown("parameter", "-p", name, declared)
        if name in rules:
            from compiler.models.values import Rules, fault

            if wrong := fault(name, Rules.of(rules[name]), value):
                raise UsageError(wrong, known="nothing was started", hint=f"-p {name}=…")
        allowed = declared[name].get("enum")
        if allowed and value not in allowed:
            raise UsageError(
                f"the parameter {name} cannot be {value!r}", hint=f"it is one of: {', '.join(map(str, allowed))}"
            )
        kept = {k: v for k, v in declared[name].items() if k in ("description", "enum")}
        put_named(own, {"name": name, **kept, "value": value})


def set_inputs(subject: Subject, given: Mapping[str, str | Json], ref: RunRef, put: Put) -> None:
    """Upload local files as inputs of the run `ref`, and the large defaults that the manifest does not hold.

    What is given for an input is a path, or where it lies on the store already: the fields of an artifact.
    `put(key, path)` stores a file, below `input_prefix(ref)`. Raises UsageError for an input that is not declared,
    NotFoundError for a file that is not there.
    """
    kinds = subject.annotation(INPUTS)
    known: Json = {**subject.declared("artifacts"), **kinds}
    if unknown := next((name for name in given if name not in known), None):
        raise _unknown("input", "-i", unknown, known)
    artifacts: list[Json] = subject.arguments().setdefault("artifacts", []) if given else []
    for name, location in given.items():
        if not isinstance(location, str):
            put_named(artifacts, {"name": name, **location})
    paths = {**subject.uploads(), **local(given)}
    for name, path in paths.items():
        if not path.exists():
            raise NotFoundError(f"the file for the input {name} does not exist: {path}")
        kind = (kinds.get(name) or {}).get("kind") or ("directory" if path.is_dir() else "file")
        if kind == "env":
            config_map = input_config_map(path, f"{ref.name}-{name}")
            subject.objects.append(config_map)
            set_parameters(subject, {kinds[name].get("parameter") or name: config_map["metadata"]["name"]})
            continue
        stored = upload(Upload(name, kind, path), f"{input_prefix(ref)}/{name}", put)
        put_named(subject.arguments().setdefault("artifacts", []), {"name": name, **stored})
    if (given or paths) and INPUT_ARTIFACTS in subject.declared("parameters"):
        # Child Workflows get the run's artifacts from here.
        given_on = json.dumps([*subject.declared("artifacts").values()], ensure_ascii=False)
        set_parameters(subject, {INPUT_ARTIFACTS: given_on})


def local(given: Mapping[str, str | Json]) -> dict[str, Path]:
    """The local files and folders among what is given for inputs."""
    return {name: Path(path).expanduser() for name, path in given.items() if isinstance(path, str)}


def input_prefix(ref: RunRef) -> str:
    """Where the inputs of a run are stored. `ref.uid` is its own or, where the cluster gives it one only later, any
    text that never repeats."""
    return f"runs/{ref.namespace}/{ref.name}/{ref.uid}/inputs"


def require_complete(subject: Subject) -> None:
    """Raises UsageError when an argument without a default has no value."""
    inputs = subject.annotation(INPUTS)
    of_inputs = {entry["parameter"]: name for name, entry in inputs.items() if "parameter" in entry}
    missing = [
        f"-i {of_inputs[name]}=…" if name in of_inputs else f"-p {name}=…"
        for name, entry in subject.declared("parameters").items()
        if "value" not in entry and "valueFrom" not in entry and "default" not in entry
    ]
    missing += [
        f"-i {name}=…"
        for name, entry in subject.declared("artifacts").items()
        if not entry.get("optional") and not located(entry)
    ]
    artifacts = subject.declared("artifacts")
    missing += [
        f"-i {name}=…"
        for name, entry in inputs.items()
        if name not in artifacts and entry.get("kind") != "env" and not entry.get("optional")
    ]
    if missing:
        raise UsageError(f"the run needs {' '.join(missing)}", known="nothing was started")


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """`name=value` texts as a mapping. Raises UsageError for a text without `=` or a name given twice."""
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} takes name=value, not {text!r}")
        if name in values:
            raise UsageError(f"{option} {name} is given twice")
        values[name] = value
    return values


def _unknown(what: str, option: str, name: str, known: Iterable[str]) -> ArgosyError:
    names = sorted(known)
    hint = did_you_mean(name, names) or (f"there are: {', '.join(names)}" if names else f"it takes no {what}s")
    return UsageError(f"there is no {what} named {name} ({option} {name})", known="nothing was started", hint=hint)
