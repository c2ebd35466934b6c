"""Names of runs: what Kubernetes and Argo take, and names made of a prefix."""

from __future__ import annotations

import hashlib
import re
import secrets

from argo.errors import UsageError

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' for generated names
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST = 63  # of a Workflow's name, which is a label of its pods (Argo: workflow/validate/validate.go)


def check_name(name: str) -> None:
    """Raises UsageError for what Kubernetes would not take as the name of a Workflow."""
    if len(name) <= _LONGEST and _NAME.fullmatch(name):
        return
    near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].strip("-")
    raise UsageError(
        f"{name!r} is not a name for a run: at most {_LONGEST} lower-case letters, digits, '-' and '.'",
        known="nothing was started",
        hint=f"--name {near or 'first'}",
    )


def generated(prefix: str) -> str:
    """The prefix (Kubernetes: generateName) and five letters by chance."""
    return _cut(prefix, "".join(secrets.choice(_LETTERS) for _ in range(5)))


def keyed(prefix: str, key: str) -> str:
    """The prefix and eight letters of the key: the same for the same key, on every machine."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest())
    letters = []
    for _ in range(8):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return _cut(prefix, "".join(letters))


def _cut(prefix: str, suffix: str) -> str:
    return (prefix or "run-")[: _LONGEST - len(suffix)] + suffix
