"""One container of a pod: started as a process in its view, its output pumped, its end turned into an exit code."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

from argo.files.beneath import Node
from argo.local.clock import elapsed
from argo.local.executors.shim import kernel
from argo.local.executors.shim.pump import Log, Stream
from argo.local.executors.shim.record import Record, stamp
from argo.local.executors.shim.view import Mount, View

# What Argo's emissary exits with when it cannot start the command (cmd/argoexec/commands/emissary.go).
NOT_STARTED = 64
# What podman and docker exit with when it was they who failed.
RUNTIME_FAILED = 125
# Either name is found on a machine that has only the other.
_ALIASES = {"python": "python3", "python3": "python"}


class Container:
    """A container by its specification: name, role, argv, env, cwd, root, mounts, declared, extra, depends, …"""

    def __init__(self, spec: Mapping[str, Any], folder: str, *, own_view: bool) -> None:
        self.name: str = spec["name"]
        self.role: str = spec["role"]
        self.depends: list[str] = spec["depends"]
        self.attempts: int = spec["attempts"]  # those that are left
        self.not_before = 0.0
        self.spec = spec
        self.pid = 0
        self.exit_code: int | None = None
        self.message = ""
        self.broken = False  # the view could not be made: not the program's failure
        self.started_at = ""
        self.finished_at = ""
        self.streams: list[Stream] = []
        self._own_view = own_view
        self._pod = folder
        self._runtime: Mapping[str, list[str]] | None = spec["runtime"]
        mounts = [Mount(*mount) for mount in spec["mounts"]]
        self.view = View(spec["root"], mounts, spec["declared"], spec["extra"], machine=self._runtime is None)
        self._log = Log(os.path.join(folder, f"{self.name}.log"))
        self._stdout: Stream | None = None

    @property
    def running(self) -> bool:
        return self.pid > 0 and self.exit_code is None

    def start(self) -> None:
        """Start the program. A start that fails is an exit with a message."""
        for text in self.spec["warnings"]:
            self._log.note(text)
        os.makedirs(self.spec["root"], exist_ok=True)
        self.view.prepare()
        if self._runtime is None:
            self.view.lend()
        else:  # the runtime follows names: they must still be what they were when this was prepared
            for mount in self.view.mounts:
                mount.open().close()
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        told, told_end = os.pipe()
        self.started_at = self.started_at or stamp()
        self.pid = os.fork()
        if self.pid == 0:
            self._become(out_end, err_end, told_end)
        for descriptor in (out_end, err_end, told_end):
            os.close(descriptor)
        os.set_blocking(out, False)
        os.set_blocking(err, False)
        self._stdout = Stream("stdout", out, self._log, keep=self.spec["keep"])
        self.streams = [self._stdout, Stream("stderr", err, self._log)]
        self._hear(told)

    def signal(self, number: int) -> None:
        """Send a signal to the container's processes."""
        if not self.running:
            return
        # The runtime's program is not the container, and ends with it; unless there is none yet.
        killed = self._runtime and number == signal.SIGKILL and run(self._runtime["kill"], self.spec["env"]) == 0
        if not killed:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def reap(self) -> bool:
        """Reap the program if it has ended; True where it ended since the last call."""
        if not self.running:
            return False
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return False
        code = os.waitstatus_to_exitcode(status)
        self.exit_code = 128 - code if code < 0 else code
        self.finished_at = stamp()
        if self._runtime and self.exit_code == RUNTIME_FAILED:
            self.message, self.broken = "the container runtime could not start it; its log says why", True
        elif self.message and not self.broken:
            self._log.note(self.message)
        return True

    def refuse(self, message: str) -> None:
        """End a container that was never started."""
        self.exit_code, self.message = NOT_STARTED, message
        self.started_at = self.finished_at = stamp()

    def again(self) -> bool:
        """Prepare another start, after a wait, of a program that failed; False where it is not to be started again."""
        if not self.exit_code or not self.pid or self.broken or self.attempts < 2:
            return False
        self.remove()
        self.attempts -= 1
        self.pid, self.exit_code, self.message, self.finished_at = 0, None, "", ""
        self.not_before = elapsed() + float(self.spec["wait"])
        return True

    def result(self) -> str:
        """The end of the standard output."""
        return self._stdout.result() if self._stdout else ""

    def fetch(self, paths: list[str]) -> None:
        """Copy what is at `paths` in a runtime's container, and not in a folder that it shares with this machine, to
        folders that the view then takes for mounts: the runtime follows the container's links in the container.
        """
        if self._runtime is None:
            return
        *copy, name = self._runtime["copy"]
        with Node.at(self._pod) as pod, pod.make(["copied"]) as copied:
            for number, path in enumerate(sorted(set(paths))):  # a folder before what is in it
                if (found := self.view.find(path)) is not None:
                    found[0].close()
                    continue
                copied.remove(str(number))
                place = os.path.join(self._pod, "copied", str(number))
                if run([*copy, name + path, place], self.spec["env"]) == 0:
                    self.view = self.view.with_mount(Mount(place, path))

    def written(self) -> int:
        """The bytes that a runtime's container has on disk beside its image and its mounts."""
        if self._runtime is None or not self.running:
            return 0
        reader, writer = os.pipe()
        try:
            run(self._runtime["size"], self.spec["env"], writer)
            os.close(writer)
            said = os.read(reader, 64).strip()
        finally:
            os.close(reader)
        return int(said) if said.isdigit() else 0

    def remove(self) -> None:
        """Remove a runtime's container."""
        if self._runtime and self.pid:
            run(self._runtime["remove"], self.spec["env"])

    def record(self) -> Record:
        """Return this container's part of the exit record."""
        return {
            "role": self.role,
            "exitCode": self.exit_code,
            "message": self.message,
            "broken": self.broken,
            "logCut": self._log.cut,
            "startedAt": self.started_at,
            "finishedAt": self.finished_at,
        }

    def _hear(self, told: int) -> None:
        """Read the error that the process reports if it cannot become the program; nothing comes when all is well."""
        text = b""
        while piece := os.read(told, 4096):
            text += piece
        os.close(told)
        if text:
            self.message, self.broken = json.loads(text)

    def _become(self, out: int, err: int, told: int) -> NoReturn:
        broken = True
        try:
            os.setsid()
            kernel.die_with_parent()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            nothing = os.open("/dev/null", os.O_RDONLY)
            for source, target in ((nothing, 0), (out, 1), (err, 2)):
                os.dup2(source, target)
            if self._own_view:
                self.view.enter()
            os.umask(0o022)
            os.chdir(self._folder())
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            broken = False
            _execute(self.spec["argv"], self.spec["env"])
        except OSError as error:
            name = f": {error.filename}" if error.filename else ""
            os.write(told, json.dumps([f"{error.strerror}{name}", broken]).encode())
        finally:
            os._exit(NOT_STARTED)

    def _folder(self) -> str:
        folder: str = self.spec["cwd"]
        place = folder if self._own_view else self.view.place(folder)
        os.makedirs(place, exist_ok=True)
        return place


def run(argv: list[str], env: Mapping[str, str], out: int | None = None) -> int:
    """Run a program of the container runtime to its end; its exit code."""
    nothing = os.open("/dev/null", os.O_RDWR)
    try:
        ends = ((nothing, 0), (nothing if out is None else out, 1), (nothing, 2))
        actions = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in ends]
        pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions, setsigdef=[signal.SIGCHLD, signal.SIGTERM])
    except OSError:
        return NOT_STARTED
    finally:
        os.close(nothing)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _execute(argv: list[str], env: dict[str, str]) -> NoReturn:
    name = argv[0]
    for candidate in dict.fromkeys((name, _ALIASES.get(name, name))):
        try:
            os.execvpe(candidate, [candidate, *argv[1:]], env)  # noqa: S606 -- no shell is meant to be there
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                raise OSError(error.errno, f"failed to start command: fork/exec {name}: exec format error") from error
            raise OSError(error.errno, f"failed to start command: {name}: {error.strerror}") from error
    if "/" in name:
        raise OSError(
            errno.ENOENT, f'failed to find name in PATH: exec: "{name}": stat {name}: no such file or directory'
        )
    raise OSError(errno.ENOENT, f'failed to find name in PATH: exec: "{name}": executable file not found in $PATH')
