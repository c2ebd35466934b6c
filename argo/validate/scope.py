"""The variables that are known somewhere in a workflow, and the tags that name others.

Facts: Argo workflow/validate/validate.go (resolveAllVariables).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from argo.expressions.template import tags
from argo.validate.place import Place
from compiler.diagnostics import Diagnostic, did_you_mean

# Argo looks at variables with these roots only; others are the user's own text.
_ROOTS = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")
_LATER = ("outputs.", "workflow.creationTimestamp", "workflow.scheduledTime", "workflow.duration", "tasks.name",
          "steps.name", "node.name")  # fmt: skip
RETRIES = (
    "retries", "lastRetry.exitCode", "lastRetry.status", "lastRetry.duration", "lastRetry.message",
)  # fmt: skip


@dataclass(slots=True)
class Scope:
    """Names that are known; with `later` those that a longer look finds, and prefixes below which any name is."""

    names: set[str]
    prefixes: tuple[str, ...] = ()
    later: Callable[[str], bool] | None = None
    outer: Scope | None = None
    extra: set[str] = field(default_factory=set)

    def knows(self, name: str) -> bool:
        """True where something sets the variable."""
        if name in self.names or name in self.extra or name.startswith(self.prefixes):
            return True
        if self.later is not None and self.later(name):
            return True
        return self.outer is not None and self.outer.knows(name)

    def all(self) -> set[str]:
        """Every name, to guess from what was meant."""
        return self.names | self.extra | (self.outer.all() if self.outer else set())


def unresolved(place: Place, scope: Scope) -> Iterator[Diagnostic]:
    """Simple tags in the texts below that nothing sets."""
    for text in place.texts():
        if "{{" not in text.value:
            continue
        for offset, tag in tags(text.value):
            name = tag.strip()
            if "{{" in name or not name.startswith(_ROOTS) or name.startswith(_LATER) or scope.knows(name):
                continue
            hint = did_you_mean(name, scope.all())
            message = f"failed to resolve {{{{{name}}}}}: nothing sets it"
            yield text.problem("A722", message, hint=hint, within=(offset, offset + len(tag)))
