"""The few system calls that make and enter namespaces, which Python 3.11 does not offer.

Place:  shell/runtime · used by root, launch and sandbox
Source: unshare(2), setns(2), mount(2), pivot_root(2), prctl(2), capabilities(7)
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

NEW_NS, NEW_UTS, NEW_IPC, NEW_PID, NEW_NET = 0x00020000, 0x04000000, 0x08000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MS_NOATIME, MS_NODIRATIME, MS_RELATIME = 1024, 2048, 1 << 21
MNT_DETACH = 2
_LIMITS = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38

# fmt: off
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)
# fmt: on
"""By number."""


def unshare(flags: int) -> None:
    """Leave namespaces for new ones. Raises OSError."""
    _checked(_libc.unshare(flags), "unshare")


def setns(path: str) -> None:
    """Enter the namespace that a file of /proc/PID/ns names. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(handle, 0), f"setns {path}")
    finally:
        os.close(handle)


def mount(source: str, target: str | Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount. Raises OSError."""
    done = _libc.mount(source.encode(), str(target).encode(), kind.encode(), flags, data.encode())
    _checked(done, f"mount {source} on {target}")


def bind(source: str | Path, target: str | Path, *, read_only: bool = False) -> None:
    """Show one place at another. Raises OSError."""
    mount(str(source), target, flags=MS_BIND | MS_REC)
    if read_only:
        # In a user namespace a mount keeps the limits that it has (mount_namespaces(7)): name them again.
        kept = os.statvfs(target).f_flag & _LIMITS
        mount("", target, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def detach(target: str | Path) -> None:
    """Unmount now, and for good when nobody uses it. Raises OSError."""
    _checked(_libc.umount2(str(target).encode(), MNT_DETACH), f"unmount {target}")


def pivot_root(new: str | Path, old: str | Path) -> None:
    """Make `new` the root, and show the old one at `old`. Raises OSError."""
    _checked(_libc.syscall(_PIVOT_ROOT[os.uname().machine], str(new).encode(), str(old).encode()), "pivot_root")


def die_with_parent(signal: int) -> None:
    """Get a signal when the parent ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl")


def keep_capabilities(names: Iterable[str]) -> None:
    """Take all other capabilities out of the bounding set: no program that is started can have them. Raises OSError."""
    kept = {CAPABILITIES.index(name) for name in names if name in CAPABILITIES}
    for number in range(len(CAPABILITIES)):
        if number not in kept:
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # EINVAL: this kernel does not know the youngest ones


def no_new_privileges() -> None:
    """No program that is started gains anything by set-user-ID bits."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
