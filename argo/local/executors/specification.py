"""From a PodRequest to what a supervisor runs: containers with their views, arguments and environment."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from argo.local import clock
from argo.local.executors import environment
from argo.local.executors.errors import PodError, check_name
from argo.local.executors.folder import PodFolder
from argo.local.executors.outputs import deadline
from argo.local.executors.prepared import PreparedContainer, main_of
from argo.local.executors.remap import Remap
from argo.local.executors.runtimes import Runtime
from argo.local.executors.shim import record
from argo.local.executors.shim.record import Record
from argo.local.executors.shim.view import MACHINE, Mount, View
from argo.local.executors.volumes import Volumes
from argo.local.images import Images, complete
from argo.local.pods import AnyContainer, PodRequest, RunObjects
from argo.local.resources import disk, hand_out, visible
from argo.workflow.bounds import of_template, require
from argo.workflow.values import parse_duration, whole
from compiler.manifest_types import Template

# Argo: workflow/common/common.go, ExecutorScriptSourcePath.
SCRIPT = "/argo/staging/script"
# Argo: cmd/argoexec/commands/emissary.go; each container that ends leaves its exit code there.
_ENDS = "/var/run/argo/ctr"
GRACE = 30.0  # Kubernetes' terminationGracePeriodSeconds


@dataclass(frozen=True, slots=True)
class Isolation:
    """How this machine isolates containers: by namespaces, by a container runtime, or not, with `remap`.

    `images` says what images run by themselves; a runtime knows it. `devices` are the pod's, by resource.
    """

    how: Literal["namespaces", "remap"] | Runtime
    host: Mapping[str, str]
    images: Images = field(default_factory=dict)
    devices: Mapping[str, list[str]] = field(default_factory=dict)

    def base(self) -> dict[str, str]:
        """The environment that every container begins with; a runtime's begins with its image's."""
        return {} if isinstance(self.how, Runtime) else environment.base_environment(self.host)

    def extra(self) -> list[str]:
        """Folders that a view shows beside the machine's own."""
        return programs(self.host) if self.how == "namespaces" else []

    def visible(self, devices: Mapping[str, list[str]]) -> dict[str, str]:
        """The variables that show a program its devices; a runtime shows no others."""
        return {} if isinstance(self.how, Runtime) else visible(devices)

    def path(self, path: str) -> str:
        """A container's path without `.` and `..`, and without symbolic links of the machine in its parents."""
        plain = posixpath.normpath("/" + path.lstrip("/"))
        folder, name = posixpath.split(plain)
        if self.how != "namespaces" or folder == "/" or plain.split("/")[1] not in MACHINE:
            return plain
        return posixpath.join(os.path.realpath(folder), name)


def prepare(
    request: PodRequest, folder: PodFolder, objects: RunObjects, claims: Path, isolation: Isolation
) -> list[PreparedContainer]:
    """The pod's containers in the order in which they are listed. Raises PodError."""
    volumes = Volumes(request, folder, objects, claims)
    base, extra, canonical = isolation.base(), isolation.extra(), isolation.path
    declared = _declared(request.template, canonical)
    inputs = [canonical(item["path"]) for item in (request.template.get("inputs") or {}).get("artifacts") or ()]
    containers: list[PreparedContainer] = []
    attempts, wait = _retries(request.template)
    left = {name: list(ids) for name, ids in isolation.devices.items()}
    bare = not isinstance(isolation.how, Runtime)
    for role, template in _containers(request.template, isolation.images):
        name = template["name"]
        argv = [*(template.get("command") or ()), *(template.get("args") or ())]
        devices = hand_out(template, left, keep=role == "init")
        shown = isolation.visible(devices)
        known = environment.environment(template, request, objects)
        mine, brought, starts = (declared, inputs, attempts) if role == "main" else ([], [], 1)
        mounts = [replace(mount, target=canonical(mount.target)) for mount in volumes.mounts(template, known)]
        if role == "sidecar" and template.get("mirrorVolumeMounts"):
            mounts += _mirrored(request.template, volumes, known, main_of(containers).view, canonical)
        elif role == "main" and request.template.get("sidecars"):
            mounts.append(_ends(folder, canonical(_ENDS)))
        root = folder.root if (role, name) == ("main", "main") else folder.path / "roots" / name
        containers.append(
            PreparedContainer(
                name=name,
                role=role,
                template=template,
                argv=[environment.expand(text, known) for text in argv],
                env={**base, **shown, **known},
                own_env=frozenset({**shown, **known}),
                view=View(str(root), mounts, [*mine, *_work_folder(template, canonical)], extra, machine=bare),
                inputs=brought,
                depends=list(template.get("dependencies") or ()),
                devices=devices,
                attempts=starts,
                wait=wait,
            )
        )
    return containers


def _ends(folder: PodFolder, target: str) -> Mount:
    """The folder in which main containers see how sidecars ended."""
    ends = folder.path / record.ENDS
    ends.mkdir(exist_ok=True)
    ends.chmod(0o755)
    return Mount(str(ends), target, read_only=True)


def specification(
    request: PodRequest, folder: PodFolder, containers: list[PreparedContainer], isolation: Isolation
) -> Record:
    """Make a pod's specification for the supervisor. It holds secrets: it goes through a socket, never to a file."""
    how, canonical = isolation.how, isolation.path
    if not isinstance(how, Runtime):
        require(filter(None, [of_template(request.template)]), "the process executor")
    for item in containers if not isinstance(how, Runtime) else ():
        if not item.template.get("command"):
            raise PodError(
                f"container {item.name} of template {request.template.get('name') or request.node_name} has no command",
                hint="a process has no image to take an entrypoint from: give command, or images in argosy.yaml",
            )
    _stage_script(request, folder, containers, remapped=how == "remap")
    outputs = request.template.get("outputs") or {}
    parameters = [
        {"name": item["name"], "path": canonical(item["valueFrom"]["path"])}
        for item in outputs.get("parameters") or ()
        if (item.get("valueFrom") or {}).get("path")
    ]
    artifacts = [
        {"name": item["name"], "path": canonical(item["path"])}
        for item in outputs.get("artifacts") or ()
        if item.get("path")
    ]
    grace = request.pod_spec.get("terminationGracePeriodSeconds")
    began = clock.seconds()
    return {
        "folder": str(folder.path),
        "isolation": "runtime" if isinstance(how, Runtime) else how,
        "now": began,
        "deadline": deadline(request, began),
        "grace": GRACE if grace is None else float(grace),
        "disk": disk(request.template),
        "containers": _told(request, folder, containers, how),
        "outputs": {"parameters": parameters, "artifacts": artifacts},
    }


def programs(host: Mapping[str, str]) -> list[str]:
    """Folders outside of the machine's own in which the user's PATH finds programs, such as a virtual environment."""
    found: list[str] = []
    for entry in host.get("PATH", "").split(":"):
        folder = Path(entry)
        if not folder.is_absolute() or folder.parts[1:2] == () or folder.parts[1] in MACHINE or not folder.is_dir():
            continue
        whole = folder.parent if folder.name in ("bin", "condabin") and len(folder.parts) > 3 else folder
        found.append(str(whole))
    return [path for path in dict.fromkeys(found) if not any(path.startswith(other + "/") for other in found)]


def _retries(template: Template) -> tuple[int, float]:
    """How often a container of a containerSet is started, and the seconds between (Argo: GetRetryStrategy)."""
    strategy = (template.get("containerSet") or {}).get("retryStrategy") or {}
    try:
        attempts = whole(str(strategy.get("retries") or 1))
        wait = parse_duration(strategy["duration"]).total_seconds() if strategy.get("duration") else 0.0
    except ValueError as error:
        raise PodError(f"failed to get retry strategy: {error}") from error
    if wait < 0:
        raise PodError(f"failed to get retry strategy: duration has to be positive, current duration: {wait}")
    return max(1, attempts), wait


def _containers(template: Template, images: Images) -> list[tuple[str, AnyContainer]]:
    if "containerSet" in template:
        shared = template["containerSet"].get("volumeMounts") or []
        mains: list[Any] = [
            {**item, "volumeMounts": [*shared, *(item.get("volumeMounts") or [])]}
            for item in template["containerSet"]["containers"]
        ]
    else:
        main = template.get("script") or template.get("container")
        if main is None:
            raise PodError(f"template {template.get('name')} has no container to run")
        mains = [{**main, "name": "main"}]
        if main.get("source"):  # Argo: workflow/controller/operator.go, executeScript
            mains[0]["args"] = [*(main.get("args") or ()), SCRIPT]
    listed = (
        ("init", template.get("initContainers") or ()),
        ("main", mains),
        ("sidecar", template.get("sidecars") or ()),
    )
    return [(role, _named(cast("AnyContainer", item), images)) for role, items in listed for item in items]


def _named(container: AnyContainer, images: Images) -> AnyContainer:
    named = complete({**container, "name": container.get("name") or "main"}, images)
    check_name(named["name"], "container")
    return named


def _declared(template: Template, canonical: Callable[[str], str]) -> list[str]:
    """The paths that must be the container's own."""
    inputs, outputs = template.get("inputs") or {}, template.get("outputs") or {}
    paths = [item.get("path") for item in [*(inputs.get("artifacts") or ()), *(outputs.get("artifacts") or ())]]
    paths += [(item.get("valueFrom") or {}).get("path") for item in outputs.get("parameters") or ()]
    return list(dict.fromkeys(canonical(path) for path in [*paths, SCRIPT, environment.PROGRESS_FILE] if path))


def _work_folder(template: AnyContainer, canonical: Callable[[str], str]) -> list[str]:
    folder = canonical(template.get("workingDir") or "/")
    return [] if folder == "/" or Path(folder).is_dir() else [folder]


def _mirrored(
    template: Template, volumes: Volumes, env: Mapping[str, str], main: View, canonical: Callable[[str], str]
) -> list[Mount]:
    """Make the mounts of `mirrorVolumeMounts` for a sidecar: the main container's volumes and input artifacts."""
    source = template.get("script") or template.get("container") or template["containerSet"]
    mounts = [replace(mount, target=canonical(mount.target)) for mount in volumes.mounts(source, env)]
    for artifact in (template.get("inputs") or {}).get("artifacts") or ():
        path = canonical(artifact["path"])
        missing = artifact.get("optional") and not Path(main.place(path)).exists()
        if not missing and not any(path.startswith(mount.target + "/") for mount in mounts):
            place = main.place(path)
            mounts.append(Mount(place, path, inner=place.removeprefix(main.root)))
    return mounts


def _stage_script(
    request: PodRequest, folder: PodFolder, containers: list[PreparedContainer], *, remapped: bool
) -> None:
    main = main_of(containers)
    (folder.root / "argo" / "staging").mkdir(parents=True, exist_ok=True)
    if "script" in request.template:
        source = environment.of_template(request.template["script"].get("source") or "", request.template)
        text = _remap(main).text(source) if remapped else source
        with main.view.make(posixpath.dirname(SCRIPT)) as place:
            place.write(posixpath.basename(SCRIPT), text.encode(), 0o755)


def _remap(item: PreparedContainer) -> Remap:
    targets = [mount.target for mount in item.view.mounts]
    return Remap([*item.view.hidden, *targets], item.view.place)


def _told(
    request: PodRequest,
    folder: PodFolder,
    containers: list[PreparedContainer],
    how: Literal["namespaces", "remap"] | Runtime,
) -> list[Record]:
    if isinstance(how, Runtime):
        alone = sum(item.role != "init" for item in containers) == 1
        return [how.container(item, request, folder, alone=alone or item.role == "init") for item in containers]
    return [_container(item, remapped=how == "remap") for item in containers]


def _container(item: PreparedContainer, *, remapped: bool) -> Record:
    argv, env, warnings = item.argv, item.env, list[str]()
    if remapped:
        remap = _remap(item)
        if left := sorted(set().union(*map(remap.left, [*argv, item.template.get("source") or ""]))):
            warnings = [f"warning: this system gives a process no view of its own: not moved: {', '.join(left)}"]
        argv = [remap.text(text) for text in argv]
        env = {name: remap.text(value) if name in item.own_env else value for name, value in env.items()}
        env.setdefault("TMPDIR", item.view.place("/tmp"))  # noqa: S108 -- the container's
    return {
        **item.record(),
        "argv": argv,
        "env": env,
        "cwd": posixpath.normpath(item.template.get("workingDir") or "/"),
        "extra": item.view.extra,
        "warnings": warnings,
        "runtime": None,
    }
