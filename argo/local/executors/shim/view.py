"""A container's own view of the machine: its root on disk, the machine's folders bound in, declared paths its own.

The root is a directory of the pod rather than a tmpfs: outputs may be larger than memory, are still there when the
process has ended or was killed, and reach the store by a rename or a link. `View` also answers, from outside, where a
path of the container lies on the machine.
"""

from __future__ import annotations

import os
import posixpath
import stat
from dataclasses import dataclass

from argo.files.beneath import Node
from argo.local.executors.shim import kernel

# Top folders that belong to the machine. All others are the container's own and start empty.
MACHINE = frozenset(
    ("bin", "boot", "dev", "etc", "gnu", "home", "lib", "lib32", "lib64", "libx32", "nix", "opt", "proc", "root")
) | {"run", "sbin", "snap", "srv", "sys", "usr", "var"}
SMALL = 1 << 20
LINKS = 255  # and steps back, on the way to one path
EMPTY = (("/tmp", 0o1777), ("/mnt", 0o755), ("/media", 0o755))  # noqa: S108 -- the container's, not the machine's


@dataclass(frozen=True, slots=True)
class Mount:
    """The machine's `source` seen at `target`."""

    source: str
    target: str
    read_only: bool = False
    inner: str = ""  # the end of `source` that lies in a volume, where containers may have made links

    def open(self) -> Node:
        """Hold what is mounted; OSError where a link is on the way in the volume."""
        base = self.source.removesuffix(self.inner)
        with Node.at(base.rstrip("/") or "/") as volume:
            return volume.below(part for part in self.inner.split("/") if part)


class View:
    """One container's file system.

    `root` is its directory on the machine; `mounts` the volumes; `declared` the paths that must be the container's
    own though they may lie in a folder of the machine, whose other children are then bound in one by one;
    `extra` further folders of the machine to bind in;
    without `machine` nothing of it is seen. All paths are absolute, without symbolic links in their parents.
    """

    def __init__(
        self, root: str, mounts: list[Mount], declared: list[str], extra: list[str], *, machine: bool = True
    ) -> None:
        self.root = root
        self.machine = machine
        self.mounts = sorted(mounts, key=lambda mount: mount.target.count("/"))
        self.declared = declared
        self.extra = extra
        covered = [mount.target for mount in self.mounts if not _fits(mount)]
        self.hidden = {path for path in [*declared, *covered] if not self._mounted(path, strict=True)}
        self.own = {"/"}
        for path in [*self.hidden, *extra]:
            parent = os.path.dirname(path)
            while parent != "/":
                self.own.add(parent)
                parent = os.path.dirname(parent)
        self.own -= {path for path in self.own if self._mounted(path)}

    def with_mount(self, mount: Mount) -> View:
        """This view, and one more thing mounted in it."""
        return View(self.root, [*self.mounts, mount], self.declared, self.extra, machine=self.machine)

    def find(self, path: str) -> tuple[Node, str] | None:
        """Find what the container has at `path`, symbolic links followed as it sees them, and where on the machine that
        lies; None where there is nothing, and for a loop of links.
        """
        for _ in range(LINKS):
            found = self._follow(path)
            if not isinstance(found, str):
                return found
            path = found
        return None

    def make(self, path: str) -> Node:
        """Hold the folder that the container has at `path`, which is made where it is missing."""
        found = self.find(path)
        if found is not None:
            return found[0]
        outer, name = posixpath.split(path)
        if self.place(path) != posixpath.join(self.place(outer), name):
            with Node.at(self.root) as root:
                return root.make(path.split("/")[1:])
        with self.make(outer) as folder:
            return folder.make([name])

    def _follow(self, path: str) -> tuple[Node, str] | str | None:
        """As `find`; at the first link or `..`, the path that is meant instead."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        try:
            node, done = self._begin("/" + "/".join(parts))
            for index in range(done.count("/") if done != "/" else 0, len(parts)):
                with node:
                    rest = parts[index + 1 :]
                    if parts[index] == "..":
                        return posixpath.join(posixpath.dirname(done), *rest)
                    outer, done = done, posixpath.join(done, parts[index])
                    if done == "/proc" and self.machine:
                        return None  # the container's own, and gone with its processes
                    place = self.place(done)
                    own = place == posixpath.join(self.place(outer), parts[index])
                    node = node.child(parts[index]) if own else Node.at(place)
                if node.is_link:
                    with node:
                        return posixpath.join(outer, node.target(), *rest)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return node, self.place(done)

    def _begin(self, path: str) -> tuple[Node, str]:
        """The mount, or the folder shown beside the machine's own, that a path lies in; else the root."""
        mount = self._mounted(path)
        if mount is not None:
            return mount.open(), mount.target
        for folder in self.extra:
            if path == folder or path.startswith(folder + "/"):
                return Node.at(folder), folder
        return Node.at(self.root), "/"

    def place(self, path: str) -> str:
        """Where `path`, without symbolic links, lies on the machine."""
        mount = self._mounted(path)
        if mount is not None:
            return mount.source + path[len(mount.target) :]
        if any(path == folder or path.startswith(folder + "/") for folder in self.extra):
            return path
        if not self.machine:
            return self.root + path
        done = "/"
        for part in path.split("/")[1:]:
            outer, done = done, os.path.join(done, part)
            if done not in self.own:
                mine = done in self.hidden or (outer == "/" and part not in MACHINE) or not os.path.lexists(done)
                return self.root + path if mine else path
        return self.root + path

    def enter(self) -> None:
        """Make this the file system of the calling process. Raises OSError where the system does not allow it."""
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.bind(self.root, self.root)
        # Else binding the machine's folder in which the root lies would bind the root into itself.
        kernel.mount(None, self.root, None, kernel.MS_UNBINDABLE)
        self._populate("/")
        for folder in self.extra:
            if not os.path.lexists(self.root + folder):
                os.makedirs(self.root + folder)
                kernel.bind(folder, self.root + folder)
        for mount in self.mounts:
            self._bind(mount)
        kernel.pivot(self.root)

    def prepare(self) -> None:
        """Make the folders that are the container's own."""
        for path, mode in EMPTY:
            if not os.path.lexists(self.root + path):
                os.mkdir(self.root + path)
                os.chmod(self.root + path, mode)
        for path in self.own:
            # Others are not made: a program that makes its own output folder may want to be the first.
            if path.split("/")[1] in MACHINE and os.path.isdir(path):
                os.makedirs(self.root + path, exist_ok=True)

    def lend(self) -> None:
        """Copy small files of the machine's /etc to declared paths: an image has its own there."""
        for path in self.declared:
            if path.startswith("/etc/"):
                self._copy(path)

    def _copy(self, path: str) -> None:
        import shutil

        target = self.root + path
        try:
            if os.path.isfile(path) and os.path.getsize(path) <= SMALL and not os.path.lexists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copyfile(path, target)
        except OSError:
            return  # not for this user to read

    def _mounted(self, path: str, *, strict: bool = False) -> Mount | None:
        for mount in reversed(self.mounts):
            if path.startswith(mount.target + "/") or (path == mount.target and not strict):
                return mount
        return None

    def _populate(self, folder: str) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = os.path.join(folder, entry.name)
                if path in self.hidden or (folder == "/" and entry.name not in MACHINE):
                    continue
                if path in self.own:
                    self._populate(path)
                else:
                    self._show(path)

    def _show(self, path: str) -> None:
        """Let the machine's `path` be seen in the view, in a folder that is the view's own."""
        target = self.root + path
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                os.symlink(os.readlink(path), target)
                return
            _mount_point(target, folder=stat.S_ISDIR(mode))
            if path == "/proc" and _mount_proc(target):
                return
            kernel.bind(path, target)
        except FileNotFoundError:
            return  # gone since it was listed
        except FileExistsError:
            return

    def _bind(self, mount: Mount) -> None:
        target = self.root + mount.target
        if mount.target in self.hidden or not os.path.lexists(target):
            _mount_point(target, folder=os.path.isdir(mount.source))
        with mount.open() as source:
            kernel.bind(source.path, target, read_only=mount.read_only)


def _fits(mount: Mount) -> bool:
    """True where the machine has a folder of its own at the mount's target, to mount over."""
    top = mount.target.split("/")[1]
    return top in MACHINE and os.path.isdir(mount.target) and os.path.isdir(mount.source)


def _mount_point(path: str, *, folder: bool) -> None:
    if folder:
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))


def _mount_proc(target: str) -> bool:
    """The processes of the pod alone; False where the system allows only to see all of them."""
    try:
        kernel.mount("proc", target, "proc", 0x2 | 0x4 | 0x8)
    except OSError:
        return False
    return True
