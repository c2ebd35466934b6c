"""Which version of an asset a task gets: `name`, `name@2`, `name@2.1`, `name@2.1.0`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from compiler.diagnostics import did_you_mean
from compiler.models import ComputeAsset
from compiler.program import Definition, Origin
from compiler.resolve.context import Context
from compiler.versions import matches

_REFERENCE: Final = (
    r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
    r"(?:@(?:(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){0,2}|\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+.*)?))?"
)


class Versions:
    """Binds references to assets; remembers what it chose, for argosy.lock."""

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
        name, at, wanted = reference.partition("@")
        versions = self._context.workspace.assets.get(name, ()) if wanted or not at else ()
        fitting = [asset for asset in versions if matches(asset.model.version, wanted)]
        if not fitting:
            self._report(reference, name, origin)
            return None
        best = fitting[0]  # the highest: they are in that order
        if at and wanted.count(".") < 2:
            pinned = self._lock.get(reference)
            best = next((asset for asset in fitting if asset.model.version == pinned), best)
            self.locked[reference] = best.model.version
        return best

    def _report(self, reference: str, name: str, origin: Origin) -> None:
        context = self._context
        assets = context.workspace.assets
        if re.fullmatch(_REFERENCE, reference) is None:
            hint = "write name, name@2, name@2.1 or name@2.1.0"
            context.add("A203", origin, f"'{reference}' does not name an asset", hint=hint)
        elif name in assets:
            there = ", ".join(asset.model.version for asset in assets[name])
            context.add("A202", origin, f"no version of '{name}' fits '{reference}'", hint=f"there is {there}")
        elif not context.is_flawed("ComputeAsset", name):
            nearest = context.broken("ComputeAsset", name) or did_you_mean(name, assets)
            fallback = "`argosy assets list` shows the assets there are"
            context.add("A201", origin, f"there is no asset '{name}'", hint=nearest or fallback)
