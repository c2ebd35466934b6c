"""Images: a fixed tag, a digest and an allowed registry, as the project's policy says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from compiler.check.survey import Survey
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.images import is_from, parse
from compiler.program import Origin

_VALUE = re.compile(r"\$\{\{.*?\}\}")


def check(survey: Survey) -> Iterable[Diagnostic]:
    policy = survey.program.project.policy
    for container in survey.containers:
        if container.model.image is not None:
            where = container.origin.at("image")
            yield from _image(container.model.image, where, policy.registries, policy.require_digest)
        for name, sidecar in container.model.sidecars.items():
            where = container.origin.at("sidecars", name, "image")
            yield from _image(sidecar.image, where, policy.registries, policy.require_digest)


def _image(image: str, origin: Origin, registries: tuple[str, ...], digest: bool) -> Iterator[Diagnostic]:
    reference = parse(_VALUE.sub("x", image))
    if reference is None:
        hint = "write it as in `registry.example.com/team/tool:1.2.3`"
        yield diagnostic("A514", origin, f"'{image}' is not the name of an image", hint=hint)
    if "${{" in image or reference is None:
        return
    repository, tag, pinned = reference
    if not pinned:
        if digest:
            hint = f"write {image}@sha256:…, as `docker buildx imagetools inspect {image}` shows it"
            yield diagnostic(
                "A503", origin, f"image '{image}' has no digest, which the project's policy asks for", hint=hint
            )
        elif tag in ("", "latest"):
            said = "is tagged latest" if tag else "has no tag"
            hint = f"write a version: {repository}:1.2.3, or a digest"
            yield diagnostic("A502", origin, f"image '{image}' {said}: it may be another one tomorrow", hint=hint)
    if registries and not any(is_from(repository, registry) for registry in registries):
        hint = f"allowed is {', '.join(registries)}"
        yield diagnostic("A504", origin, f"image '{image}' comes from a registry that is not allowed", hint=hint)
