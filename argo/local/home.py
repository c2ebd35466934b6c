"""Where everything of this machine's engine lies: the folders below ARGOSY_HOME.

state.db                      runs, nodes, pod requests, commands
runs/<uid>/engine.lock        held by the one process that drives the run
runs/<uid>/turn.lock          held for a moment by whoever looks whether one does
runs/<uid>/pods/<node id>/    work folders, logs, exit records
runs/<uid>/claims/<claim>/    what volumeClaimTemplates ask for; gone with the run
store/<bucket>/<key>          artifacts, laid out as in the bucket
volumes/<claim>/              PersistentVolumeClaims, shared by all runs
secrets/<name>/<key>          mode 0600
cache/                        what compile keeps
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from argo.errors import EnvironmentFailure

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

    def secret(self, name: str, key: str) -> bytes | None:
        """A Secret's value, None where there is none.

        Raises EnvironmentFailure when others may read the file: a secret that leaks is an error, not a warning.
        """
        if not (re.fullmatch(_PART, name) and re.fullmatch(_PART, key)):
            return None
        path = self.root / "secrets" / name / key
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode & 0o777
                if mode & 0o077:
                    raise EnvironmentFailure(
                        f"the secret {name}/{key} may be read by others (mode {mode:04o})",
                        known="nothing was read from it",
                        hint=f"chmod 600 {path}",
                    )
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except PermissionError as error:
            raise EnvironmentFailure(f"the secret {name}/{key} cannot be read: {error.strerror}") from error
