"""Kernel settings that the mesh changes, and what they were before.

Place:  shell/runtime · services changes them, cleanup changes them back
"""

from pathlib import Path

import msgspec

from meltemi.shell.runtime.files import write_atomically

PROC = Path("/proc/sys")
FILE = Path("node/sysctl.json")
"""In the state directory: name → value before the mesh."""


def change(state: Path, name: str, value: str) -> None:
    """Set `net/ipv4/ip_forward` and the like; the first value ever seen is remembered."""
    before = (PROC / name).read_text().strip()
    if before == value:
        return
    known = remembered(state)
    if name not in known:
        write_atomically(state / FILE, msgspec.json.encode({**known, name: before}))
    (PROC / name).write_text(value)


def remembered(state: Path) -> dict[str, str]:
    """What settings were before."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def restore(state: Path) -> list[str]:
    """Set everything back and forget it; returns the names. What no longer exists needs no care."""
    restored: list[str] = []
    for name, value in remembered(state).items():
        if (PROC / name).exists():
            (PROC / name).write_text(value)
            restored.append(name)
    (state / FILE).unlink(missing_ok=True)
    return restored
