"""Files that only this user reads."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def keep_private(path: Path) -> None:
    """Make an empty file with mode 0600 where there is none; take from others what they may do with one that is there.

    Nothing is raised where that cannot be: whoever then uses the file says what is wrong with it.
    """
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
