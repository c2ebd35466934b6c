"""Paths -> a workspace: the definitions asked for, and all that they name; only files that are needed are read."""

from __future__ import annotations

import os
import os.path
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from compiler.diagnostics import Diagnostic, Related, at, diagnostic
from compiler.load.documents import DefinitionFile, load_file, load_project
from compiler.load.files import (
    CONFIG_LIMIT,
    File,
    Index,
    expand,
    find_project,
    is_below,
    read_content,
    shown_name,
)
from compiler.program import EMBEDDED, Definition, FlawedDefinition, Workspace
from compiler.source import SourceFile
from compiler.versions import precedence

if TYPE_CHECKING:
    from compiler.extend import Extension
    from compiler.models import ComputeAsset, Dag, Project

LOCK_FILE = "argosy.lock"

# ruff: noqa: PTH100, PTH118, PTH120  (paths are plain text here, see compiler.load.files)


class Alone(NamedTuple):
    """An asset that is asked for by itself, with what a consumer brings to it."""

    name: str
    version: str
    extension: Extension | None = None


def load(
    paths: Sequence[os.PathLike[str] | str],
    *,
    project_file: os.PathLike[str] | str | None = None,
    shipped: os.PathLike[str] | str | None = None,
    alone: Alone | None = None,
) -> tuple[Workspace, list[Diagnostic]]:
    """Loads the definitions in files and folders, and the assets, DAGs and local files that they name.

    `shipped` is the folder with the `assets` and `dags` that come with Argosy. The workspace's `requested` are the DAGs
    that stand in `paths`; with `alone` that asset, as a DAG. Diagnostics are sorted by place.
    """
    return _Loader(None if shipped is None else os.path.abspath(os.fspath(shipped))).load(paths, project_file, alone)


class _Loader:
    def __init__(self, shipped: str | None) -> None:
        self.shipped = shipped
        self.diagnostics: list[Diagnostic] = []
        self.sources: dict[str, SourceFile] = {}
        self.loaded: dict[str, DefinitionFile] = {}
        self.kept: set[str] = set()  # the files whose definitions and mistakes count
        self.project: Definition[Project] | None = None
        self.assets: dict[str, dict[str, Definition[ComputeAsset]]] = {}
        self.dags: dict[str, Definition[Dag]] = {}
        self.manifests: list[Definition[dict[str, Any]]] = []
        self.flawed: list[FlawedDefinition] = []
        self.indexes: dict[str, tuple[Index, Index]] = {}  # of the project's definitions, and of the shipped ones

    def load(
        self,
        paths: Sequence[os.PathLike[str] | str],
        project_file: os.PathLike[str] | str | None,
        alone: Alone | None,
    ) -> tuple[Workspace, list[Diagnostic]]:
        files, missing = expand(paths)
        for file in missing:
            source = SourceFile(file.name, "", file.location)
            self.diagnostics.append(at("A101", source.at(0, 0), "there is no such file or folder"))
        self._load_project([os.path.abspath(os.fspath(path)) for path in paths], project_file)
        for file in files:
            self._add(file)
        if not self.dags and not self.manifests and alone is None:
            self._alone(files)
        requested = tuple(sorted(self.dags)) if alone is None else self._one(*alone)
        self._load_named(files)
        workspace = Workspace(
            project=self.project,
            assets={
                name: tuple(versions[version] for version in sorted(versions, key=_order, reverse=True))
                for name, versions in sorted(self.assets.items())
            },
            dags=dict(sorted(self.dags.items())),
            files=self._contents(),
            requested=requested,
            sources=self.sources,
            manifests=tuple(self.manifests),
            flawed=tuple(self.flawed),
        )
        return workspace, sorted(self.diagnostics)

    def _load_project(self, locations: list[str], given: os.PathLike[str] | str | None) -> None:
        location = find_project(locations, self.shipped) if given is None else os.path.abspath(os.fspath(given))
        if location is None:
            return
        loaded = load_project(File(location, shown_name(location) if given is None else os.fspath(given), named=True))
        self.loaded[location] = loaded
        self.sources[loaded.source.name] = loaded.source
        self._keep(loaded)
        self.project = loaded.definitions[0] if loaded.definitions else None

    def _keep(self, loaded: DefinitionFile) -> None:
        self.kept.add(loaded.source.location)
        self.diagnostics.extend(loaded.diagnostics)

    def _read(self, file: File) -> DefinitionFile:
        """Load a file, once."""
        if file.location not in self.loaded:
            loaded = self.loaded[file.location] = load_file(file)
            self.sources[loaded.source.name] = loaded.source
        return self.loaded[file.location]

    def _add(self, file: File) -> list[Definition[Any]]:
        """Reads a file, once; returns what it defines."""
        loaded = self._read(file)
        if file.location in self.kept:
            return loaded.definitions
        self._keep(loaded)
        for definition in loaded.definitions:
            self._define(definition)
        self.flawed += loaded.flawed
        return loaded.definitions

    def _define(self, definition: Definition[Any]) -> None:
        if isinstance(definition.model, dict):
            self.manifests.append(definition)
            return
        known: dict[str, Definition[Any]] = self.dags
        key, what = definition.model.name, f"the DAG '{definition.model.name}'"
        if definition.model.kind == "ComputeAsset":
            known = self.assets.setdefault(definition.model.name, {})
            key = definition.model.version
            what = f"the asset '{definition.model.name}' in version {key}"
        first = known.setdefault(key, definition)
        if first is not definition and first.model is not definition.model:
            where = definition.origin.at("name")
            related = (Related(first.origin.source.span((*first.origin.path, "name")), "the first one is here"),)
            self.diagnostics.append(diagnostic("A160", where, f"{what} is defined twice", related=related))

    def _alone(self, files: Iterable[File]) -> None:
        """Without any DAG, the assets in files that were named are meant themselves."""
        named = {file.location for file in files if file.named}
        for versions in self.assets.values():
            highest = versions[max(versions, key=_order)]
            if highest.origin.source.location in named:
                from compiler.load.alone import as_dag

                self._define(as_dag(highest))

    def _one(self, name: str, version: str, extension: Extension | None) -> tuple[str, ...]:
        """One version of an asset, as the DAG that is asked for; nothing where it is not there."""
        from compiler.load.alone import as_dag

        found = self.assets.get(name, {}).get(version)
        if found is None:
            return ()
        if extension is not None:
            from compiler.extend import extended

            found = found._replace(model=extended(found.model, extension))
            self.assets[name] = {version: found}
        self.dags = {name: as_dag(found)}
        return (name,)

    def _load_named(self, files: Iterable[File]) -> None:
        """Loads the assets and DAGs that tasks name, those of nested DAGs included."""
        queue = [self.dags[name] for name in sorted(self.dags)]
        queue += [flawed.definition for flawed in self.flawed if flawed.definition.model.kind == "Dag"]
        seen = set(self.dags)
        locations = [file.location for file in files]
        while queue:
            for task in queue.pop(0).model.all_tasks:
                if task.asset is not None:
                    self._find("assets", task.asset.partition("@")[0], locations)
                if task.dag is not None and task.dag not in seen:
                    seen.add(task.dag)
                    self._find("dags", task.dag, locations)
                    queue += filter(None, [self.dags.get(task.dag)])

    def _find(self, group: str, name: str, locations: list[str]) -> None:
        """Reads the files that should define `name`, the project's before the shipped ones; where none does, all."""
        known: Mapping[str, Any] = self.assets if group == "assets" else self.dags
        if name in known:
            return
        for index, files in self._places(group, name, locations):
            for file in files:
                self._add(file)
            if name in known:
                self._note_shadow(group, name, index)
            if name in known or any(flawed.definition.model.name == name for flawed in self.flawed):
                return

    def _places(self, group: str, name: str, locations: list[str]) -> Iterator[tuple[Index, Iterable[File]]]:
        if group not in self.indexes:
            shipped = [os.path.join(self.shipped, group)] if self.shipped else []
            self.indexes[group] = Index(self._folders(group, locations)), Index(shipped)
        for index in self.indexes[group]:
            yield index, index.named(name)
            yield index, (file for file in index.files if self._defines(file, name))
        for index in self.indexes[group]:
            yield index, index.files  # for what was meant, and is broken

    def _defines(self, file: File, name: str) -> bool:
        """True where a file that nobody named defines `name`; what else is in it, and what is wrong with it, is not
        asked for."""
        loaded = self._read(file)
        found = [*loaded.definitions, *(flawed.definition for flawed in loaded.flawed)]
        return any(getattr(definition.model, "name", None) == name for definition in found)

    def _note_shadow(self, group: str, name: str, index: Index) -> None:
        if group != "assets" or index is not self.indexes[group][0] or not self.indexes[group][1].named(name):
            return
        first = next(iter(self.assets[name].values()))
        if self.shipped is None or not is_below(first.origin.source.location, self.shipped):
            message = f"the project's asset '{name}' is used in place of the one that ships with Argosy"
            self.diagnostics.append(diagnostic("A601", first.origin.at("name"), message))

    def _folders(self, group: str, locations: list[str]) -> list[str]:
        """The project's folders with assets or DAGs; without argosy.yaml those beside the definitions."""
        if self.project is not None:
            root = os.path.dirname(self.project.origin.source.location)
            names = self.project.model.assets if group == "assets" else self.project.model.dags
            return [os.path.normpath(os.path.join(root, name)) for name in names]
        roots = sorted({os.path.dirname(location) for location in locations})
        beside = [os.path.normpath(os.path.join(root, up, group)) for root in roots for up in (".", "..")]
        return list(dict.fromkeys(beside))

    def _contents(self) -> dict[str, bytes | None]:
        """The contents of all local files that definitions name, and of argosy.lock."""
        contents: dict[str, bytes | None] = {}
        if self.project is not None:
            lock = self.project.origin.source.resolve(LOCK_FILE)
            contents[lock] = read_content(lock, CONFIG_LIMIT)
        assets = (item for versions in self.assets.values() for item in versions.values())
        definitions: list[Definition[Any]] = [*self.dags.values(), *assets, *(one.definition for one in self.flawed)]
        for definition in definitions:
            for name, limit in _local_files(definition.model):
                location = definition.origin.source.resolve(name)
                if location not in contents:
                    contents[location] = read_content(location, limit)
        return contents


def _local_files(model: Any) -> Iterator[tuple[str, int]]:
    """The local files that an asset or a DAG names, each with how much of it is of use."""
    for part in (model, *getattr(model, "all_tasks", ())):
        for given in part.inputs.values():
            if isinstance(given.default, str):
                yield given.default, CONFIG_LIMIT if given.kind == "env" else EMBEDDED
    if model.kind == "Dag":
        for file in (model.env, *model.files.values()):
            if file is not None and file.file is not None:
                yield file.file, CONFIG_LIMIT


def _order(version: str) -> tuple[Any, ...]:
    return *precedence(version), version
