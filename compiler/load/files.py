"""Which files hold definitions: the paths given, the project's folders, what ships; and what they contain."""

from __future__ import annotations

import os
import os.path
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Paths are plain text here: a file is compared, sorted and looked up by its absolute path.
# ruff: noqa: PTH100, PTH109, PTH110, PTH112, PTH116, PTH118, PTH119, PTH120, PTH122, PTH123

SUFFIXES = (".yaml", ".yml", ".json", ".py")
PROJECT_FILE = "argosy.yaml"
MAX_SIZE = 64 << 20  # bytes of a definition
CONFIG_LIMIT = 1 << 20  # bytes of a ConfigMap


class File(NamedTuple):
    """A file: its absolute path, the name the user knows it by, and whether the user named the file itself."""

    location: str
    name: str
    named: bool = False


def expand(paths: Sequence[os.PathLike[str] | str]) -> tuple[list[File], list[File]]:
    """Files and folders given -> definition files in order of their paths, each once; and paths that are not there."""
    found: dict[str, File] = {}
    missing: list[File] = []
    for path in paths:
        name = os.fspath(path)
        location = os.path.abspath(name)
        if os.path.isdir(location):
            for file in walk(location, name):
                found.setdefault(file.location, file)
        elif os.path.exists(location):
            found[location] = File(location, name, named=True)
        else:
            missing.append(File(location, name, named=True))
    return sorted(found.values()), missing


def walk(folder: str, name: str) -> Iterator[File]:
    """The definition files in a folder and those below it, hidden ones left out; and folders that cannot be listed."""
    refused: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=refused.append):
        folders[:] = sorted(item for item in folders if not item.startswith((".", "_")) and item != "node_modules")
        shown = os.path.normpath(os.path.join(name, os.path.relpath(parent, folder)))
        for file in sorted(files):
            if file.endswith(SUFFIXES) and not file.startswith(".") and file != PROJECT_FILE:
                yield File(os.path.join(parent, file), os.path.join(shown, file))
    for error in refused:
        yield File(error.filename, os.path.normpath(os.path.join(name, os.path.relpath(error.filename, folder))))


def shown_name(location: str) -> str:
    """A file's name as a user knows it: relative to the working directory where it lies below that."""
    name = os.path.relpath(location)
    return location if name.startswith("..") else name


def find_project(locations: Sequence[str], shipped: str | None) -> str | None:
    """The argosy.yaml that is looked for upwards from the definitions (what ships: from the working directory)."""
    for location in sorted(locations):
        folder = location if os.path.isdir(location) else os.path.dirname(location)
        if shipped is not None and is_below(location, shipped):
            folder = os.getcwd()
        found = (os.path.join(above, PROJECT_FILE) for above in parents(folder))
        if candidate := next(filter(os.path.isfile, found), None):
            return candidate
    return None


def parents(folder: str) -> Iterator[str]:
    """A folder, and those above it."""
    yield folder
    while (above := os.path.dirname(folder)) != folder:
        yield (folder := above)


def is_below(location: str, folder: str) -> bool:
    return location == folder or location.startswith(folder.rstrip(os.sep) + os.sep)


def read_file(location: str, limit: int = MAX_SIZE) -> bytes:
    """The content of a regular file of at most `limit` bytes; raises OSError with a reason that a user understands."""
    mode = os.stat(location)
    if stat.S_ISDIR(mode.st_mode):
        os.scandir(location).close()  # raises the reason why it cannot be listed
    if not stat.S_ISREG(mode.st_mode):
        raise OSError(0, "it is a folder" if stat.S_ISDIR(mode.st_mode) else "it is not a regular file")
    if mode.st_size > limit:
        raise OSError(0, f"it has {mode.st_size} bytes; at most {limit} are read")
    with open(location, "rb") as file:
        return file.read()


def read_content(location: str, limit: int) -> bytes | None:
    """The content of a local file that a definition names, None where it cannot be read.

    Of a file above the limit, one byte more than the limit: enough to see that it is too large.
    """
    try:
        if not stat.S_ISREG(os.stat(location).st_mode):
            return None
        with open(location, "rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError):
        return None


class Index:
    """The definition files of some folders by the names they may define, without opening them."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._by_name: dict[str, list[File]] = {}
        self.files: list[File] = []
        seen = set()
        for folder in folders:
            if not os.path.isdir(folder):
                continue
            for file in walk(folder, shown_name(folder)):
                if file.location not in seen:
                    seen.add(file.location)
                    self.files.append(file)
                    self._by_name.setdefault(_defined_name(file.location), []).append(file)

    def named(self, name: str) -> list[File]:
        """The files that by their own names hold a definition: `<name>.yaml`, `<name>@<version>.yaml`."""
        return self._by_name.get(name, [])


def _defined_name(location: str) -> str:
    stem = os.path.splitext(os.path.basename(location))[0]
    return stem.partition("@")[0].replace("_", "-").lower()
