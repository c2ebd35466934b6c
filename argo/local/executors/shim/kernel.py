"""The few system calls that Python has no name for: namespaces, mounts, process controls."""

from __future__ import annotations

import ctypes
import os
import signal

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
MS_RDONLY = 0x1
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_UNBINDABLE = 0x20000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
# The flags of a mount that a user namespace may not drop when it mounts it again: statvfs -> mount(2).
_LOCKED = 0x2 | 0x4 | 0x8 | 0x400 | 0x800

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc.unshare(flags), f"unshare {flags:#x}")


def mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    """mount(2)."""
    result = _libc.mount(_bytes(source), _bytes(target), _bytes(kind), ctypes.c_ulong(flags), None)
    _check(result, f"mount {source or flags} at {target}")


def bind(source: str, target: str, *, read_only: bool = False) -> None:
    """Bind `source`, with what is mounted below it, at `target`."""
    mount(source, target, None, MS_BIND | MS_REC)
    if read_only:
        kept = os.statvfs(target).f_flag & _LOCKED
        mount(None, target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def pivot(root: str) -> None:
    """Make `root`, a mount point, the root of this mount namespace, and let go of the old one."""
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def new_user_namespace() -> None:
    """A user namespace in which this user keeps its ids and may mount. Needs no rights."""
    uid, gid = os.getuid(), os.getgid()
    unshare(CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def new_namespaces() -> None:
    """Process ids for the children of this process, in a user namespace of their own where its rights need one."""
    try:
        unshare(CLONE_NEWPID)
    except PermissionError:
        new_user_namespace()
        unshare(CLONE_NEWPID)


def start_init() -> int:
    """Start process 1 of the new process namespace: it buries orphans, and its end is the end of all in there.

    It inherits the pod's lock, which is thus held for as long as anything of the pod lives.
    """
    ready, told = os.pipe()
    child = os.fork()
    if child:
        os.close(told)
        os.read(ready, 1)
        os.close(ready)
        return child
    try:
        die_with_parent()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.close(ready)
        os.write(told, b"1")  # fails where the parent ended before it was known what to do then
        os.close(told)
        while True:
            signal.pause()
    finally:
        os._exit(0)
