"""Hera workflows as Argo manifests."""

from __future__ import annotations

from typing import Any

from compiler.diagnostics import Diagnostic, diagnostic
from compiler.load.kinds import MANIFESTS
from compiler.program import Origin


def manifest(workflow: Any, origin: Origin) -> tuple[dict[str, Any] | None, list[Diagnostic]]:
    """The Argo object that a Hera workflow stands for, held against the closed schema of manifests."""
    import warnings

    from compiler.manifest_schema import check_object

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # wrong types are found below, with their places
            built: dict[str, Any] = workflow.to_dict()
    except Exception as error:  # noqa: BLE001  (Hera runs hooks and builders of the user's)
        return None, [diagnostic("A141", origin, f"Hera cannot build this workflow: {error}")]
    if built.get("kind") not in MANIFESTS:
        return None, [diagnostic("A141", origin, f"Hera made a {built.get('kind')}, which is no workflow")]
    found = []
    for problem in check_object(built):
        path = ".".join(map(str, problem.path))
        message = f"{path}: {problem.message}" if path else problem.message
        found.append(diagnostic("A141", origin, message, hint=problem.hint or None))
    return built, found
