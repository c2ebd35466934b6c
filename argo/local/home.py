"""Where everything of this machine's engine lies: the folders below ARGOSY_HOME.

state.db                      runs, nodes, pod requests, commands
engines                       how many runs go on at once, where somebody has said it; turns.lock guards the count
runs/<uid>/engine.lock        held by the one process that drives the run
runs/<uid>/turn.lock          held for a moment by whoever looks whether one does
runs/<uid>/pods/<node id>/    work folders, logs, exit records
runs/<uid>/secrets/<name>/<key>   mode 0600: the run's own, before those of all runs
runs/<uid>/claims/<claim>/    what volumeClaimTemplates ask for; gone with the run
store/<bucket>/<key>          artifacts, laid out as in the bucket
volumes/<claim>/              PersistentVolumeClaims, shared by all runs
secrets/<name>/<key>          mode 0600
cache/                        what compile keeps
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from argo.errors import EnvironmentFailure
from compiler.manifest_types import Object

if TYPE_CHECKING:
    from argo.storage import Store

_PART = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?"


def default_home() -> Path:
    """ARGOSY_HOME, or `argosy` in the user's data folder."""
    given = os.environ.get("ARGOSY_HOME")
    if given:
        return Path(given).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME")
    if data and Path(data).is_absolute():
        return Path(data, "argosy")
    return Path.home() / ".local" / "share" / "argosy"


class Home(NamedTuple):
    """The folder of this machine's engine."""

    root: Path

    @classmethod
    def open(cls, root: Path | None = None) -> Home:
        """The home at `root` (default: `default_home()`), made with mode 0700 when it does not exist."""
        home = cls(root or default_home())
        try:
            home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentFailure(
                f"cannot make {home.root}: {error.strerror}", hint="set ARGOSY_HOME to a folder that you may write"
            ) from error
        return home

    @property
    def database(self) -> Path:
        return self.root / "state.db"

    @property
    def store(self) -> Path:
        return self.root / "store"

    def run(self, uid: str) -> Path:
        """The folder of one run."""
        return self.root / "runs" / uid

    def secret(self, name: str, key: str, uid: str = "") -> bytes | None:
        """A Secret's value, the run's own before that of all runs; None where there is none.

        Raises EnvironmentFailure when others may read the file: a secret that leaks is an error, not a warning.
        """
        if not (re.fullmatch(_PART, name) and re.fullmatch(_PART, key)):
            return None
        found = (_secret(folder / name / key) for folder in self._secrets(uid))
        return next((value for value in found if value is not None), None)

    def secret_keys(self, name: str, uid: str = "") -> list[str] | None:
        """The keys of a Secret; None where there is none."""
        if not re.fullmatch(_PART, name):
            return None
        keys: set[str] = set()
        for folder in self._secrets(uid):
            with suppress(OSError):
                keys.update(entry.name for entry in (folder / name).iterdir() if re.fullmatch(_PART, entry.name))
        return sorted(keys) or None

    def give_secret(self, uid: str, name: str, key: str, value: bytes) -> None:
        """Keep a Secret's value for one run alone; it goes with the run."""
        if not (re.fullmatch(_PART, name) and re.fullmatch(_PART, key)):
            raise ValueError(f"not a Secret's name and key: {name}/{key}")
        path = self.run(uid) / "secrets" / name / key
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_secret(path, value)

    def renew_secret(self, uid: str, name: str, key: str, value: bytes) -> None:
        """Change a run's own Secret, also where its pods have mounted it, as the kubelet would after a while."""
        before = self.secret(name, key, uid)
        self.give_secret(uid, name, key, value)
        for copy in self.run(uid).glob(f"pods/*/secrets/*/{key}"):
            if copy.read_bytes() == before:
                _write_secret(copy, value)

    def give_secrets(self, uid: str, objects: Sequence[Object]) -> None:
        """Keep the Secrets among a run's objects as files that only this user reads. What is there already stays."""
        for given in objects:
            for key, value in (given.get("data") or {}).items() if given["kind"] == "Secret" else ():
                if self.secret(name := given["metadata"]["name"], key, uid) is None:
                    self.give_secret(uid, name, key, base64.b64decode(value))

    def _secrets(self, uid: str) -> list[Path]:
        return [*([self.run(uid) / "secrets"] if uid else []), self.root / "secrets"]


def open_store(home: Home, settings: Mapping[str, Any]) -> Store:
    """The store of these settings (`argo.storage.settings`); without any, the folder of ARGOSY_HOME."""
    if not settings:
        from argo.storage import DirectoryStore

        return DirectoryStore(home.store)
    from argo.storage.settings import s3_store

    return s3_store(settings)


def _write_secret(path: Path, value: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(value)
    new.replace(path)


def _secret(path: Path) -> bytes | None:
    name = f"{path.parent.name}/{path.name}"
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            if mode & 0o077:
                raise EnvironmentFailure(
                    f"the secret {name} may be read by others (mode {mode:04o})",
                    known="nothing was read from it",
                    hint=f"chmod 600 {path}",
                )
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except PermissionError as error:
        raise EnvironmentFailure(f"the secret {name} cannot be read: {error.strerror}") from error
