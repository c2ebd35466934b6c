"""Container runtimes with the command line of podman or docker: a pod's container as a `run` of one of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

from argo.local.executors.environment import base_environment
from argo.local.executors.errors import PodError
from argo.local.executors.folder import PodFolder
from argo.local.executors.prepared import PreparedContainer
from argo.local.executors.shim.record import Record
from argo.local.executors.volumes import SHARED_MEMORY
from argo.local.pods import PodRequest, PodSpec
from argo.workflow.bounds import Bounds, of_template, require
from compiler.images import parse
from compiler.manifest_types import Container, SecurityContext
from compiler.quantities import quantity

Name = Literal["podman", "docker"]
_PULL = {"Always": "always", "Never": "never", "IfNotPresent": "missing"}
# Grows as it is used; a claim of memory it is not.
_SHARED_MEMORY_SIZE = "16g"
_PROCESSES = 1024  # of a container that is bounded, where its bounds name no number
# What limits an amount: podman's control group, docker's word for it.
_CONTROLLERS = {"cpu": ("cpu", "CpuCfsQuota"), "memory": ("memory", "MemoryLimit"), "processes": ("pids", "PidsLimit")}
# What would part or end one mount in the runtime's list of its fields.
_UNQUOTED = re.compile(r"[,\"\x00-\x1f\x7f]")
# Kubernetes' names of variables, but for those that look like options.
_VARIABLE = re.compile(r"[._a-zA-Z][-._a-zA-Z0-9]*")
_DEVICES = {"amd.com": ("--device", "/dev/kfd", "--device", "/dev/dri"), "gpu.intel.com": ("--device", "/dev/dri")}
_SAID = 100  # characters of what a runtime says that it cannot do; the reason is at the end
_ANY = "docker.io/library/busybox:latest"  # whose manifest a runtime that gets images can read
_CLIENT = ("CONTAINER", "DOCKER_", "XDG_", "DBUS_", "REGISTRY_AUTH_FILE", "STORAGE_")

# Variables of several lines are handed over in the environment of the runtime's program, which must not heed them.
_CLIENTS_OWN = (
    *_CLIENT, "ALL_PROXY", "BUILD", "COMPOSE", "DOCKER", "GCONV", "GLIBC", "GO", "HOME", "HOST", "HTTP", "KUBE", "LANG",
    "LC_", "LD_", "LISTEN_", "LOC", "MALLOC", "NLS", "NOTIFY", "NO_PROXY", "PATH", "PODMAN", "REGISTRY", "RES_", "SSH",
    "SSL", "TMP", "TZ", "USER", "_CONTAINERS", "all_proxy", "http", "no_proxy",
)  # fmt: skip


def found(environment: Mapping[str, str]) -> tuple[Name | None, str]:
    """The container runtime that runs here and gets images, podman before docker; and what is wrong with another."""
    names: tuple[Name, ...] = ("podman", "docker")
    wrong: list[str] = []
    for name in names:
        program = shutil.which(name, path=environment.get("PATH"))
        if program is None:
            continue
        problem = _failed([program, "info"], environment, "does not work")
        problem = problem or _failed([program, "manifest", "inspect", _ANY], environment, "gets no images")
        if not problem:
            return name, "; ".join(wrong)
        wrong.append(f"{name} is here, but {problem}")
    return None, "; ".join(wrong)


def _failed(command: list[str], environment: Mapping[str, str], what: str) -> str:
    """Run a runtime's command; return `what` with the end of its error text where it fails, else an empty text."""
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, env=dict(environment)
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{what} ({'it does not answer' if isinstance(error, subprocess.TimeoutExpired) else error.strerror})"
    if done.returncode == 0:
        return ""
    said = " ".join((done.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"])[-1].split())
    return f"{what} ({said if len(said) < _SAID else '…' + said[-_SAID:]})"


@dataclass(frozen=True, slots=True)
class Runtime:
    """One container runtime of this machine. `environment` is the engine's."""

    name: Name
    environment: Mapping[str, str]

    @property
    def program(self) -> str:
        """Where the runtime's program is; PodError where it is not."""
        program = shutil.which(self.name, path=self.environment.get("PATH"))
        if program is None:
            raise PodError(f"{self.name} is not on this machine", hint="install it, or run with the process executor")
        return program

    def container_name(self, folder: PodFolder, container: str) -> str:
        """The name of a container: unique to the pod's directory, so that no other home's is taken for it."""
        place = hashlib.sha256(os.fsencode(folder.path)).hexdigest()[:8]
        return f"argosy-{folder.path.name}-{container}-{place}"

    def container(self, item: PreparedContainer, request: PodRequest, folder: PodFolder, *, alone: bool) -> Record:
        """Make the supervisor's specification of one container. `alone`: no other of the pod runs beside it."""
        name = self.container_name(folder, item.name)
        template = item.template
        _check_image(template.get("image"), item.name)
        argv = [self.program, "run", "--name", name, "--log-driver", "none", "--security-opt", "label=disable"]
        argv += ["--label", f"dev.argosy.node={request.node_id}"]
        if template.get("imagePullPolicy") in _PULL:
            argv += ["--pull", _PULL[template["imagePullPolicy"]]]
        argv += self._limits(item, request, alone=alone) + _mounts(item, folder)
        argv += self._user(template, request.pod_spec) + _rights(template.get("securityContext") or {})
        argv += _resources(self.name, item) + _shared_memory(template, request)
        environment = _environment(item, folder)
        argv += environment
        if template.get("workingDir"):
            argv += ["--workdir", template["workingDir"]]
        command = item.argv
        if template.get("command"):
            argv += ["--entrypoint", command[0]]
            command = command[1:]
        argv += ["--", template["image"], *command]
        passed = {name for name in environment if name in item.env}
        return {
            **item.record(),
            "argv": argv,
            "env": {**self.client(), **{key: item.env[key] for key in passed}},
            "cwd": "/",
            "extra": [],
            "warnings": [],
            "runtime": {
                "kill": [self.program, "kill", name],
                "remove": [self.program, "rm", "--force", "--volumes", name],
                "copy": [self.program, "cp", f"{name}:"],
                "size": [self.program, "container", "inspect", "--size", "--format", "{{.SizeRw}}", name],
            },
        }

    def _limits(self, item: PreparedContainer, request: PodRequest, *, alone: bool) -> list[str]:
        """The network; and what keeps the bounds of an extended asset that are no amounts."""
        bounds = of_template(request.template)
        if bounds is None:
            return [] if alone else ["--network", "host"]  # containers of a pod find each other at localhost
        require([bounds], self.name, lacking(self.name, self.environment))
        return _bounded(item, bounds)

    def client(self) -> dict[str, str]:
        """The environment of the runtime's own program."""
        given = {name: value for name, value in self.environment.items() if name.startswith(_CLIENT)}
        return base_environment(self.environment) | given

    def remove(self, folder: PodFolder, containers: list[str]) -> None:
        """Remove what a killed supervisor left running, as far as that can be done."""
        names = [self.container_name(folder, container) for container in containers]
        with suppress(PodError, OSError, subprocess.TimeoutExpired):
            command = [self.program, "rm", "--force", "--volumes", *names]
            subprocess.run(command, check=False, capture_output=True, env=self.client(), timeout=60)

    def _user(self, template: Container, pod_spec: PodSpec) -> list[str]:
        """The user of the container, so that this user can read and remove the files that it makes."""
        context = {**(pod_spec.get("securityContext") or {}), **(template.get("securityContext") or {})}
        if context.get("runAsUser") is None:
            return []
        uid = _identity(context["runAsUser"])
        gid = _identity(context.get("runAsGroup", context.get("fsGroup", 0)))
        if os.getuid() == 0:
            return ["--user", f"{uid}:{gid}"]
        if self.name == "podman":
            return ["--userns", f"keep-id:uid={uid},gid={gid}"]
        return ["--user", f"{os.getuid()}:{os.getgid()}"]


def _check_image(image: Any, container: str) -> None:
    """Whatever the image was made of when the run came here: it is one, and no option of the runtime."""
    if not image:
        raise PodError(f"container {container} has no image")
    if not isinstance(image, str) or parse(image) is None:
        raise PodError(f"container {container}: InvalidImageName: {str(image)[:200]!r} is not the name of an image")


def _identity(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise PodError(f"{str(value)[:80]!r} is no user's or group's number") from error


def _quantity(value: object) -> Decimal:
    try:
        return quantity(value)
    except ValueError as error:
        raise PodError(str(error)) from error


def _mounts(item: PreparedContainer, folder: PodFolder) -> list[str]:
    binds = [(mount.source, mount.target, mount.read_only) for mount in item.view.mounts]
    if item.role == "main":
        binds.append((str(folder.root / "argo"), "/argo", False))
        for path in item.inputs:
            place = item.view.place(path)
            if place.startswith(f"{item.view.root}/") and Path(place).exists():
                binds.append((place, path, False))
    flags: list[str] = []
    for source, target, read_only in binds:
        if _UNQUOTED.search(source + target):
            raise PodError(
                f"{target!r}: {item.name} cannot be given a path with a comma, a quote or a control character"
            )
        flags += ["--mount", f"type=bind,source={source},target={target}{',readonly' if read_only else ''}"]
    return flags


def _environment(item: PreparedContainer, folder: PodFolder) -> list[str]:
    """Variables in a file that only this user may read; those of several lines, which no such file can hold, are
    handed through the runtime's own environment. Neither way shows a value in a list of processes.
    """
    own = {name: item.env[name] for name in sorted(item.own_env)}
    for name, value in own.items():
        if not _VARIABLE.fullmatch(name) or ("\n" in value and name.startswith(_CLIENTS_OWN)):
            raise PodError(f"container {item.name} cannot be given the variable {name[:80]!r}")
    file = folder.path / "secrets" / f"{item.name}.env"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in own.items() if "\n" not in value), encoding="utf-8")
    flags = ["--env-file", str(file)]
    for name, value in own.items():
        if "\n" in value:
            flags += ["--env", name]
    return flags


def _rights(context: SecurityContext) -> list[str]:
    flags: list[str] = []
    if context.get("privileged"):
        flags.append("--privileged")
    if context.get("readOnlyRootFilesystem"):
        flags.append("--read-only")
    if context.get("allowPrivilegeEscalation") is False:
        flags += ["--security-opt", "no-new-privileges"]
    capabilities = context.get("capabilities") or {}
    for verb, names in (("drop", capabilities.get("drop")), ("add", capabilities.get("add"))):
        for name in names or ():
            flags += [f"--cap-{verb}", name]
    return flags


def _resources(runtime: Name, item: PreparedContainer) -> list[str]:
    limits = (item.template.get("resources") or {}).get("limits") or {}
    flags: list[str] = []
    if "cpu" in limits:
        flags += ["--cpus", f"{_quantity(limits['cpu']):f}"]
    if "memory" in limits:
        flags += ["--memory", str(int(_quantity(limits["memory"])))]
    for name, ids in item.devices.items():
        vendor = name.partition("/")[0]
        if vendor == "nvidia.com" and runtime == "docker":
            flags += ["--gpus", f'"device={",".join(ids)}"']
        elif vendor == "nvidia.com":
            flags += [part for identity in ids for part in ("--device", f"nvidia.com/gpu={identity}")]
        else:
            flags += _DEVICES.get(vendor, ())
    return flags


def _bounded(item: PreparedContainer, bounds: Bounds) -> list[str]:
    """Return the runtime's options for bounds that are no amounts: swap beyond the memory, processes, the network."""
    memory = ((item.template.get("resources") or {}).get("limits") or {}).get("memory")
    flags = ["--memory-swap", str(int(_quantity(memory)))] if memory else []
    flags += ["--pids-limit", str(bounds.processes or _PROCESSES)]
    return [*flags, "--network", "none"] if not bounds.egress else flags


@cache
def _info(program: str, environment: tuple[tuple[str, str], ...]) -> Record:
    """Ask a runtime for its `info`; an empty object where it does not answer."""
    try:
        command = [program, "info", "--format", "{{json .}}"]
        done = subprocess.run(command, check=True, capture_output=True, timeout=20, env=dict(environment))
        found = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def lacking(name: str, environment: Mapping[str, str]) -> frozenset[str]:
    """The amounts that a runtime does not limit on this machine; all of them for what is no runtime."""
    program = shutil.which(name, path=environment.get("PATH")) if name in ("podman", "docker") else None
    if program is None:
        return frozenset(_CONTROLLERS)
    said = _info(program, tuple(sorted(environment.items())))
    if name == "docker":
        return frozenset(rule for rule, (_, flag) in _CONTROLLERS.items() if not said.get(flag))
    host = said.get("host") or {}
    if (host.get("security") or {}).get("rootless") and host.get("cgroupVersion") != "v2":
        return frozenset(_CONTROLLERS)  # it warns, and goes on
    there = host.get("cgroupControllers") or ()
    return frozenset(rule for rule, (controller, _) in _CONTROLLERS.items() if controller not in there)


def _shared_memory(template: Container, request: PodRequest) -> list[str]:
    names = {mount["name"] for mount in template.get("volumeMounts") or () if mount["mountPath"] == SHARED_MEMORY}
    for volume in request.volumes:
        empty = volume.get("emptyDir") or {}
        if volume["name"] in names and empty.get("medium") == "Memory":
            limit = empty.get("sizeLimit")
            return ["--shm-size", str(int(_quantity(limit))) if limit else _SHARED_MEMORY_SIZE]
    return []
