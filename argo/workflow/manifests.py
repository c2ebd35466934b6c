"""Reads manifest files into objects whose every part can be pointed at.

YAML is read as Kubernetes reads it (sigs.k8s.io/yaml, YAML 1.1: `yes`, `on` and `off` are booleans, `0777` is octal;
times stay texts, and so does `1:30`); several documents a file, `List`s and JSON too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argo.workflow.conform import conform
from compiler.diagnostics import Diagnostic, at
from compiler.positions import hide_pairs, safe_loader, show_pairs
from compiler.source import Path as DataPath
from compiler.source import SourceFile, Span, Within

if TYPE_CHECKING:
    import yaml

KINDS = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow", "ConfigMap")
SUFFIXES = (".yaml", ".yml", ".json")
MAXIMUM_DEPTH = 100
MAXIMUM_NODES = 5_000_000  # after anchors are followed

_BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class ManifestDocument:
    """One object of a file; `path_prefix` leads to it (the document's index, then `items` and an index in a List)."""

    object: dict[str, Any]
    source: SourceFile
    path_prefix: DataPath

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The object's metadata; empty where it is no object."""
        metadata = self.object.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def name(self) -> str:
        """The object's name, or its generateName."""
        return str(self.metadata.get("name") or self.metadata.get("generateName") or "")

    @property
    def namespace(self) -> str:
        """The namespace that the object says it is of; empty where it says none."""
        return str(self.metadata.get("namespace") or "")

    def span(self, path: DataPath, key: bool = False, within: Within | None = None) -> Span:
        """Where the part at `path` (from the object's root) stands; see `SourceFile.span`."""
        return self.source.span((*self.path_prefix, *path), key, within)


def load(paths: Iterable[str | Path]) -> tuple[list[ManifestDocument], list[Diagnostic]]:
    """The objects of files, and of the manifest files in folders, in the order given; and what is wrong with them."""
    documents: list[ManifestDocument] = []
    diagnostics: list[Diagnostic] = []
    for file in _files(paths):
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
            diagnostics.append(at("A701", Span(str(file), 1, 1, 1, 1), f"{file} cannot be read: {reason}"))
            continue
        found, problems = parse(SourceFile(str(file), text))
        documents += found
        diagnostics += problems
    return documents, diagnostics + _duplicates(documents)


def parse(source: SourceFile) -> tuple[list[ManifestDocument], list[Diagnostic]]:
    """The objects of one file's text."""
    values, diagnostics = _values(source)
    found = [one for n, value in enumerate(values) if value is not None for one in _objects(value, source, (n,))]
    documents = [one for one in found if isinstance(one, ManifestDocument)]
    diagnostics += [one for one in found if isinstance(one, Diagnostic)]
    if not documents and not diagnostics:
        diagnostics.append(at("A703", source.at(0), f"{source.name} holds no object"))
    return documents, diagnostics


def _files(paths: Iterable[str | Path]) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            files += sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
        else:
            files.append(path)
    return files


def _objects(value: Any, source: SourceFile, prefix: DataPath) -> Iterator[ManifestDocument | Diagnostic]:
    """An object, or the objects of a List."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        message = "an object with apiVersion and kind is expected"
        yield at("A703", source.span(prefix), message, hint=f"known kinds are {', '.join(KINDS)}")
    elif value["kind"].endswith("List") and isinstance(value.get("items"), list):
        for index, item in enumerate(value["items"]):
            yield from _objects(item, source, (*prefix, "items", index))
    elif value["kind"] in KINDS:
        yield ManifestDocument(value if value["kind"] == "ConfigMap" else conform(value), source, prefix)
    else:
        yield _unused(value["kind"], value, source, prefix)


def _unused(kind: str, value: dict[str, Any], source: SourceFile, prefix: DataPath) -> Diagnostic:
    span = source.span((*prefix, "kind"))
    if kind == "Secret":
        name = value.get("metadata", {}).get("name", "NAME") if isinstance(value.get("metadata"), dict) else "NAME"
        hint = f"put each key into a file of its own, ARGOSY_HOME/secrets/{name}/KEY, mode 0600"
        return at("A704", span, "Secrets are not read from manifests", hint=hint)
    return at("A704", span, f"a {kind} is not used on this machine", hint=f"used are {', '.join(KINDS)}")


def _duplicates(documents: list[ManifestDocument]) -> list[Diagnostic]:
    seen: dict[tuple[str, str, str], ManifestDocument] = {}
    diagnostics: list[Diagnostic] = []
    for document in documents:
        if not isinstance(document.metadata.get("name"), str):
            continue
        identity = (document.kind, document.name, document.namespace)
        if identity in seen:
            place = seen[identity].span(("metadata", "name"))
            message = f"the {identity[0]} {identity[1]} stands in {place.file}:{place.line} already"
            diagnostics.append(at("A705", document.span(("metadata", "name")), message))
        seen.setdefault(identity, document)
    return diagnostics


def _values(source: SourceFile) -> tuple[list[Any], list[Diagnostic]]:
    """The data of every document of the text; those before a mistake where it is malformed, and the mistake."""
    import yaml

    values: list[Any] = []
    diagnostics: list[Diagnostic] = []
    loader = safe_loader()(hide_pairs(source.text))
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                values.append(_Construction(source).value(node, 0))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        span = source.at(source.offset(mark.line + 1, mark.column + 1)) if mark else source.at(0)
        diagnostics.append(at("A702", span, error.problem or "malformed YAML"))
    except yaml.YAMLError as error:
        diagnostics.append(at("A702", source.at(0), str(error).splitlines()[0] if str(error) else "malformed YAML"))
    except RecursionError:
        diagnostics.append(at("A702", source.at(0), "the YAML is nested too deeply"))
    finally:
        loader.dispose()
    return values, diagnostics


class _Construction:
    """Data from one document's nodes, as Kubernetes types it."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.count = 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        import yaml

        self.count += 1
        if depth > MAXIMUM_DEPTH or self.count > MAXIMUM_NODES:
            raise self.error("the YAML is nested too deeply, or its anchors grow without measure", node)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, depth)
        raise self.error("unknown node", node)

    def mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.value == "<<" and not key_node.style:
                merged = {**self.merge(value_node, depth), **merged}
                continue
            key = self.key(key_node)
            if key in data:
                raise self.error(f"the key {key!r} stands twice", key_node)
            data[key] = self.value(value_node, depth + 1)
        return {**merged, **data} if merged else data

    def merge(self, node: yaml.Node, depth: int) -> dict[str, Any]:
        value = self.value(node, depth + 1)
        parts = value if isinstance(value, list) else [value]
        merged: dict[str, Any] = {}
        for part in reversed(parts):
            if not isinstance(part, dict):
                raise self.error("map merge requires map or sequence of maps as the value", node)
            merged.update(part)
        return merged

    def key(self, node: yaml.Node) -> str:
        import yaml

        if not isinstance(node, yaml.ScalarNode):
            raise self.error("a key must be text", node)
        value = self.scalar(node)
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(node.value) if value is None else str(value)

    def scalar(self, node: yaml.ScalarNode) -> Any:
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        text = show_pairs(str(node.value), node.style) if "\\u" in self.source.text else str(node.value)
        tagged = self.source.text.startswith("!", node.start_mark.index)
        if node.style or (tagged and tag in ("str", "!")):
            return text
        if tag == "binary":
            raise self.error("!!binary has no place in a manifest", node)
        return plain_scalar(text)

    def error(self, message: str, node: yaml.Node) -> Exception:
        import yaml

        return yaml.MarkedYAMLError(problem=message, problem_mark=node.start_mark)


def plain_scalar(text: str) -> Any:
    """The value of an unquoted scalar."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in _NULLS:
        return None
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _integer(text: str) -> int | float | str:
    digits = text.replace("_", "")
    octal = re.fullmatch(r"([-+]?)0([0-7]+)", digits)
    try:
        value = int(octal[1] + "0o" + octal[2], 0) if octal else int(digits, 0)
    except ValueError:
        return float(digits) if digits.lstrip("+-").isdecimal() else text  # 089: no octal, but a decimal float
    return value if -(2**63) <= value < 2**64 else float(value)
