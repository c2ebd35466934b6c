"""Reads the commands of images from a profile's `images` map, where no container runtime is there to know them.

Argo's controller has a map of the same form in its configuration (config/config.go, Images).
"""

from __future__ import annotations

from collections.abc import Mapping

from argo.local.pods import AnyContainer

Images = Mapping[str, Mapping[str, list[str]]]
"""image -> {"entrypoint": […], "cmd": […]}"""


def find(images: Images, image: str) -> Mapping[str, list[str]] | None:
    """The entry of an image: by its full name, else without its digest, else without its tag."""
    plain = image.split("@", 1)[0]
    head, slash, last = plain.rpartition("/")
    for name in (image, plain, head + slash + last.split(":", 1)[0]):
        if name in images:
            return images[name]
    return None


def complete(container: AnyContainer, images: Images) -> AnyContainer:
    """The container with the command of its image, where it has none of its own and the image is known.

    Argo: workflow/controller/workflowpod.go; the image's arguments are taken only where the container has no `args`
    at all.
    """
    entry = None if container.get("command") else find(images, str(container.get("image") or "").strip())
    if entry is None:
        return container
    args = container.get("args")
    return {**container, "command": entry["entrypoint"], "args": entry.get("cmd", []) if args is None else args}
