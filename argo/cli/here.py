"""Opens what a run on this machine needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from argo.errors import DefinitionError

if TYPE_CHECKING:
    from argo.local.choice import Choice
    from argo.local.images import Images
    from argo.workflow.manifests import ManifestDocument
    from compiler.diagnostics import Diagnostic


def executor(wanted: str = "") -> Choice:
    """Choose the executor of the tasks here, as `choose_executor` does, and show that it is being looked for."""
    from argo.cli.progress import ticking
    from argo.local.choice import choose_executor
    from argo.local.home import Home

    with ticking(lambda: "looking for what runs containers"):
        return choose_executor(Home.open(), wanted)


def fit(documents: Sequence[ManifestDocument], executor: str, images: Images) -> list[Diagnostic]:
    """Warnings about the run on this machine. Raises DefinitionError when it asks for what is not here."""
    from argo.local.resources import this_machine
    from argo.local.supported.machine import check as check_machine

    found = check_machine(documents, this_machine(), executor=executor, images=images)
    if any(item.severity == "error" for item in found):
        raise DefinitionError("this machine cannot run it", found)
    return found
