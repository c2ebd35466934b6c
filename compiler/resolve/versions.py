"""Which version of an asset a task gets: `name`, `name@2`, `name@2.1`, `name@2.1.0`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from compiler.diagnostics import did_you_mean
from compiler.models import ComputeAsset
from compiler.program import Definition, Origin
from compiler.resolve.context import Context

_NAME: Final = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_PREFIX: Final = r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){0,2}"
_VERSION: Final = r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?"


def precedence(version: str) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
    """The order of versions as Semantic Versioning has it (item 11): a pre-release comes before its release."""
    match = re.fullmatch(_VERSION, version)
    if match is None:
        return (0, 0, 0), False, ()
    release = (int(match[1]), int(match[2]), int(match[3]))
    parts = match[4].split(".") if match[4] else []
    return release, not parts, tuple((not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts)


def is_prerelease(version: str) -> bool:
    return "-" in version.split("+", 1)[0]


def matches(version: str, prefix: str) -> bool:
    """True where a version is meant by the text behind the `@`; a pre-release only where it is named in full."""
    bare = version.split("+", 1)[0]
    if prefix in (version, bare):
        return True
    return not is_prerelease(version) and (not prefix or bare.startswith(prefix + "."))


class Versions:
    """Binds references to assets; remembers what it chose, for argosy.lock."""

    __slots__ = ("_context", "_known", "_lock", "locked")

    def __init__(self, context: Context, lock: Mapping[str, str]) -> None:
        self._context = context
        self._lock = lock
        self._known: dict[str, Definition[ComputeAsset] | None] = {}
        self.locked: dict[str, str] = {}

    def find(self, reference: str, origin: Origin) -> Definition[ComputeAsset] | None:
        """The asset that a task at `origin` names; None, with a diagnostic, where there is none."""
        found = self._known.get(reference)  # a mistake is reported at every task that makes it
        if found is None:
            found = self._known[reference] = self._choose(reference, origin.at("asset"))
        return found

    def _choose(self, reference: str, origin: Origin) -> Definition[ComputeAsset] | None:
        name, at, prefix = reference.partition("@")
        add = self._context.add
        versions = self._context.workspace.assets.get(name, ())
        if not (versions or re.fullmatch(_NAME, name)) or (
            at and not (re.fullmatch(_PREFIX, prefix) or re.fullmatch(_VERSION, prefix))
        ):
            hint = "write name, name@2, name@2.1 or name@2.1.0"
            add("A203", origin, f"'{reference}' does not name an asset", hint=hint)
            return None
        if not versions and self._context.is_flawed("ComputeAsset", name):
            return None
        if not versions:
            nearest = self._context.broken("ComputeAsset", name) or did_you_mean(name, self._context.workspace.assets)
            fallback = "`argosy assets list` shows the assets there are"
            add("A201", origin, f"there is no asset '{name}'", hint=nearest or fallback)
            return None
        fitting = [asset for asset in versions if matches(asset.model.version, prefix)]
        if not fitting:
            there = ", ".join(asset.model.version for asset in versions)
            add("A202", origin, f"no version of '{name}' fits '{reference}'", hint=f"there is {there}")
            return None
        best = fitting[0]
        if len(fitting) > 1:
            best = max(fitting, key=lambda asset: precedence(asset.model.version))
        if at and prefix.count(".") < 2:
            best = self._pinned(reference, fitting) or best
            self.locked[reference] = best.model.version
        return best

    def _pinned(self, reference: str, fitting: list[Definition[ComputeAsset]]) -> Definition[ComputeAsset] | None:
        version = self._lock.get(reference)
        return next((asset for asset in fitting if asset.model.version == version), None)
