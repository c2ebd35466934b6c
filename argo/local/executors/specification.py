"""From a PodRequest to what a supervisor runs: containers with their views, arguments and environment."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from argo.local.executors import environment
from argo.local.executors.errors import PodError
from argo.local.executors.folder import PodFolder
from argo.local.executors.remap import Remap
from argo.local.executors.shim.view import MACHINE, Mount, View
from argo.local.executors.volumes import Volumes
from argo.local.pods import Json, Library, PodRequest

# Argo: workflow/common/common.go, ExecutorScriptSourcePath.
SCRIPT = "/argo/staging/script"
GRACE = 30.0  # Kubernetes' terminationGracePeriodSeconds


@dataclass(frozen=True, slots=True)
class Prepared:
    """One container before it is told how it is isolated."""

    name: str
    role: str
    template: Json
    argv: list[str]
    env: dict[str, str]
    own_env: frozenset[str]
    view: View
    depends: list[str] = field(default_factory=list)


def main_of(containers: list[Prepared]) -> Prepared:
    """The container whose outputs are the pod's: `main`, else the first of a containerSet."""
    mains = [item for item in containers if item.role == "main"]
    return next((item for item in mains if item.name == "main"), mains[0])


def prepare(
    request: PodRequest, folder: PodFolder, library: Library, claims: Path, host: Mapping[str, str], extra: list[str]
) -> list[Prepared]:
    """The pod's containers in the order in which they are listed. Raises PodError."""
    volumes = Volumes(request, folder, library, claims)
    base = environment.base_environment(host)
    declared = _declared(request.template)
    containers: list[Prepared] = []
    for role, template in _containers(request.template):
        name = template.get("name") or "main"
        argv = [*(template.get("command") or ()), *(template.get("args") or ())]
        if role == "main" and "script" in request.template:
            argv = [*(template.get("command") or ()), SCRIPT]
        env = environment.environment({**template, "name": name}, request, library, base)
        mine = declared if role == "main" else []
        mounts = [replace(mount, target=canonical(mount.target)) for mount in volumes.mounts(template, env)]
        if role == "sidecar" and template.get("mirrorVolumeMounts"):
            mounts += _mirrored(request.template, volumes, env, main_of(containers).view)
        root = folder.root if name == "main" and role == "main" else folder.path / "roots" / name
        containers.append(
            Prepared(
                name=name,
                role=role,
                template=template,
                argv=[environment.expand(text, env) for text in argv],
                env=env,
                own_env=frozenset(env.keys() - base.keys()),
                view=View(str(root), mounts, [*mine, *_work_folder(template)], extra),
                depends=list(template.get("dependencies") or ()),
            )
        )
    return containers


def specification(
    request: PodRequest, folder: PodFolder, containers: list[Prepared], *, namespaces: bool
) -> dict[str, Any]:
    """What the supervisor is told. It holds secrets: it goes through a socket, never to a file."""
    for item in containers:
        if not item.template.get("command"):
            raise PodError(
                f"container {item.name} of template {request.template.get('name') or request.node_name} has no command",
                hint="a process has no image to take an entrypoint from: give command",
            )
    _stage_script(request, folder, containers, namespaces=namespaces)
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
    return {
        "folder": str(folder.path),
        "isolation": "namespaces" if namespaces else "remap",
        "deadline": request.deadline,
        "grace": GRACE if grace is None else float(grace),
        "containers": [_container(item, namespaces=namespaces) for item in containers],
        "outputs": {"parameters": parameters, "artifacts": artifacts},
    }


def canonical(path: str) -> str:
    """A container's path without `.` and `..`, and without symbolic links of the machine in its parents."""
    plain = posixpath.normpath("/" + path.lstrip("/"))
    folder, name = posixpath.split(plain)
    if plain == "/" or plain.split("/")[1] not in MACHINE or folder == "/":
        return plain
    return posixpath.join(os.path.realpath(folder), name)


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


def _containers(template: Json) -> list[tuple[str, Json]]:
    mains: list[Json]
    if "containerSet" in template:
        shared = template["containerSet"].get("volumeMounts") or []
        mains = [
            {**item, "volumeMounts": [*shared, *(item.get("volumeMounts") or [])]}
            for item in template["containerSet"]["containers"]
        ]
    else:
        main = template.get("script") or template.get("container")
        if main is None:
            raise PodError(f"template {template.get('name')} has no container to run")
        mains = [{**main, "name": "main"}]
    return [
        *(("init", item) for item in template.get("initContainers") or ()),
        *(("main", item) for item in mains),
        *(("sidecar", item) for item in template.get("sidecars") or ()),
    ]


def _declared(template: Json) -> list[str]:
    """The paths that must be the container's own."""
    inputs, outputs = template.get("inputs") or {}, template.get("outputs") or {}
    paths = [item.get("path") for item in [*(inputs.get("artifacts") or ()), *(outputs.get("artifacts") or ())]]
    paths += [(item.get("valueFrom") or {}).get("path") for item in outputs.get("parameters") or ()]
    return list(dict.fromkeys(canonical(path) for path in [*paths, SCRIPT, environment.PROGRESS_FILE] if path))


def _work_folder(template: Json) -> list[str]:
    folder = canonical(template.get("workingDir") or "/")
    return [] if folder == "/" or Path(folder).is_dir() else [folder]


def _mirrored(template: Json, volumes: Volumes, env: Mapping[str, str], main: View) -> list[Mount]:
    """What `mirrorVolumeMounts` shows to a sidecar: the main container's volumes and input artifacts."""
    source = template.get("script") or template.get("container") or template["containerSet"]
    mounts = [replace(mount, target=canonical(mount.target)) for mount in volumes.mounts(source, env)]
    for artifact in (template.get("inputs") or {}).get("artifacts") or ():
        path = canonical(artifact["path"])
        if not any(path.startswith(mount.target + "/") for mount in mounts):
            mounts.append(Mount(main.place(path), path))
    return mounts


def _stage_script(request: PodRequest, folder: PodFolder, containers: list[Prepared], *, namespaces: bool) -> None:
    main = main_of(containers)
    (folder.root / "argo" / "staging").mkdir(parents=True, exist_ok=True)
    if "script" in request.template:
        source = request.template["script"].get("source") or ""
        script = Path(main.view.place(SCRIPT))
        script.write_text(source if namespaces else _remap(main).text(source), encoding="utf-8")
        script.chmod(0o755)


def _remap(item: Prepared) -> Remap:
    targets = [mount.target for mount in item.view.mounts]
    return Remap([*item.view.hidden, *targets], item.view.place)


def _container(item: Prepared, *, namespaces: bool) -> dict[str, Any]:
    argv, env, warnings = item.argv, item.env, list[str]()
    if not namespaces:
        remap = _remap(item)
        texts = [*argv, item.template.get("source") or ""]
        left = sorted({path for text in texts for path in remap.left(text)})
        if left:
            warnings = [f"warning: this system gives a process no view of its own: not moved: {', '.join(left)}"]
        argv = [remap.text(text) for text in argv]
        env = {name: remap.text(value) if name in item.own_env else value for name, value in env.items()}
        env.setdefault("TMPDIR", item.view.place("/tmp"))  # noqa: S108 -- the container's
    return {
        "name": item.name,
        "role": item.role,
        "argv": argv,
        "env": env,
        "cwd": canonical(item.template.get("workingDir") or "/"),
        "root": item.view.root,
        "mounts": [[mount.source, mount.target, mount.read_only] for mount in item.view.mounts],
        "declared": item.view.declared,
        "extra": item.view.extra if namespaces else [],
        "depends": item.depends,
        "keep": item.role == "main" and item.name == "main",
        "warnings": warnings,
    }
