"""Checks what a run asks of this machine in particular: commands of images, devices, processors, memory.

Only the objects that the run reaches are looked at; what a variable gives is looked at when it is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from argo.local import resources
from argo.local.images import Images, find
from argo.local.supported.devices import known_quantity
from argo.validate.check import specs
from argo.validate.place import Place
from argo.workflow.manifests import ManifestDocument
from compiler.diagnostics import Diagnostic

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_RUNNABLE = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")


def check(
    documents: Sequence[ManifestDocument],
    machine: resources.Machine,
    *,
    executor: str = "",
    images: Images | None = None,
) -> list[Diagnostic]:
    """Find what the run of `documents` asks for that this machine lacks, sorted by place.

    The commands of images are missed under the executor `process` only; `images` are those that are known.
    """
    reached = [spec for document in _reached(documents) for spec in specs(document)]
    found: list[Diagnostic] = []
    for spec in reached:
        found += _selector(spec)
    for template in (template for spec in reached for template in _templates(spec)):
        found += _selector(template)
        if executor == "process":
            found += _outputs(template)
        for container in _containers(template):
            if executor == "process" and not _given(container, template, reached):
                found += _command(container, images or {})
            found += _amounts(container, machine)
    return sorted(set(found))


def _reached(documents: Sequence[ManifestDocument]) -> list[ManifestDocument]:
    """The document that is run and those that it refers to, by themselves or through others."""
    kind = next((kind for kind in _RUNNABLE for document in documents if document.kind == kind), None)
    reached = [document for document in documents if document.kind == kind][:1]
    for document in reached:  # grows as it is read
        for name in _references(Place(document, document.object, ())):
            reached += [
                other
                for other in documents
                if other.kind.endswith("WorkflowTemplate")
                and other not in reached
                and (other.name == name or "{{" in name)
            ]
    return reached


def _references(place: Place) -> Iterator[str]:
    if isinstance(place.value, dict):
        for name in place.value:
            child = place.child(name)
            if name in ("templateRef", "workflowTemplateRef"):
                yield str(child.get("name"))
            else:
                yield from _references(child)
    elif isinstance(place.value, list):
        for item in place.items():
            yield from _references(item)


def _templates(spec: Place) -> Iterator[Place]:
    """The templates of a spec, those that stand in tasks and steps too."""
    pending = list(spec.items("templates"))
    while pending:
        template = pending.pop()
        yield template
        tasks = [
            *template.items("dag", "tasks"),
            *(step for group in template.items("steps") for step in group.items()),
        ]
        pending += [task.child("inline") for task in tasks if task.get("inline")]


def _containers(template: Place) -> Iterator[Place]:
    for name in ("container", "script"):
        if isinstance(template.get(name), dict):
            yield template.child(name)
    yield from template.items("containerSet", "containers")
    yield from template.items("initContainers")
    yield from template.items("sidecars")


def _given(container: Place, template: Place, reached: Sequence[Place]) -> bool:
    """True where the container's command stands in it, in the defaults of templates, or may come from a patch."""
    if container.get("command"):
        return True
    defaults = [spec.child("templateDefaults") for spec in reached]
    kind = container.path[-1]
    if any(place.child(kind).get("command") for place in defaults):
        return True
    return any("command" in str(place.get("podSpecPatch", "")) for place in (template, *defaults, *reached))


def _selector(place: Place) -> Iterator[Diagnostic]:
    """Nodes of another operating system or processor."""
    import platform

    architecture = platform.machine()
    known = {"os": "linux", "arch": _ARCHITECTURES.get(architecture, architecture)}
    selector = place.child("nodeSelector")
    for label, value in (selector.value or {}).items():
        name = label.removeprefix("beta.").removeprefix("kubernetes.io/")
        if name in known and "{{" not in str(value) and value != known[name]:
            message = f"the pod needs a machine with {label}: {value}, and this one has {known[name]}"
            yield selector.child(label).problem("A734", message)


def _outputs(template: Place) -> Iterator[Diagnostic]:
    """Artifacts that are a whole folder of the image: a process has none of its own there."""
    from argo.local.executors.shim.view import MACHINE

    for artifact in template.items("outputs", "artifacts"):
        path = str(artifact.get("path", ""))
        parts = [part for part in path.split("/") if part]
        if len(parts) == 1 and parts[0] in MACHINE and not _mounted(template, f"/{parts[0]}"):
            message = f"the output artifact {artifact.get('name')} is {path}, which under the process executor is this "
            message += "machine's own folder"
            hint = "name a folder below it, or run with podman or docker"
            yield artifact.child("path").problem("A733", message, hint=hint)


def _mounted(template: Place, path: str) -> bool:
    mounts = [mount for container in _containers(template) for mount in container.items("volumeMounts")]
    inputs = list(template.items("inputs", "artifacts"))
    places = [*(mount.get("mountPath") for mount in mounts), *(item.get("path") for item in inputs)]
    return any(str(place).rstrip("/") == path for place in places)


def _command(container: Place, images: Images) -> Iterator[Diagnostic]:
    image = str(container.get("image", "")).strip()
    if "{{" in image or find(images, image):
        return
    what = f"the image {image} runs" if image else "it runs without an image"
    message = f"the container has no `command`, and what {what} by itself is not known to the process executor"
    hint = f'add `command`, or to a profile of argosy.yaml: images: {{"{image}": {{entrypoint: [PROGRAM]}}}}'
    place = container.child("image") if image else container
    yield place.problem("A730", message, hint=hint)


def _amounts(container: Place, machine: resources.Machine) -> Iterator[Diagnostic]:
    seen: set[str] = set()
    for part in ("requests", "limits"):
        amounts = container.child("resources").child(part)
        for name in amounts.value if isinstance(amounts.value, dict) else ():
            wanted = known_quantity(amounts.get(name))
            if wanted is None or name in seen:
                continue
            seen.add(name)
            yield from _amount(amounts.child(name), name, wanted, machine)


def _amount(place: Place, name: str, wanted: Decimal, machine: resources.Machine) -> Iterator[Diagnostic]:
    if resources.is_device(name):
        has = machine.has(name) if wanted else wanted
        if wanted > has:
            message = f"the container asks for {wanted} {name}, and this machine has {has or 'none'}"
            hint = "run it on a cluster: argosy compile writes its manifest"
            yield place.problem("A731", message, hint=hint)
    elif name in ("cpu", "memory") and wanted > machine.has(name):
        has_text = (
            f"{machine.has(name) / (1 << 30):.1f}Gi of memory" if name == "memory" else f"{machine.has(name)} cpu"
        )
        message = f"the container asks for {place.value} {name}, and this machine has {has_text}: it will run alone"
        yield place.problem("A732", message)
