"""Containers held to their limits by cgroups, where the machine allows it.

Place:  shell/runtime · core/node/limits → [cgroups] → sandbox (makes and enters), keeper and cleanup (remove)
Source: Linux, cgroup-v2.rst, cgroup-v1/cgroups.rst

A group is /sys/fs/cgroup[/CONTROLLER]/meltemi-MESH/POD/CONTAINER. PID 1 of a pod does not see that directory: it is
given open files. A process that writes 0 into `cgroup.procs` enters the group, and its children are born in it.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from meltemi.core.node.limits import Limits, files
from meltemi.shell.runtime.settings import mesh_id
from meltemi.shell.users import one_user

ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "memory")
PATIENCE, PAUSE = 2.0, 0.02
"""Seconds that the processes of a group may take to be gone, and between two looks."""
_KILLS = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Group:
    """One container's, by open files."""

    procs: tuple[int, ...]
    events: int | None = None
    """Where the kernel counts what it has killed for want of memory."""

    def enter(self) -> None:
        """This process and all that it starts. Raises OSError."""
        for number in self.procs:
            os.write(number, b"0")

    def kills(self) -> int:
        """How many processes the kernel has killed."""
        found = _KILLS.search(os.pread(self.events, 4096, 0)) if self.events is not None else None
        return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The directories of the controllers: with v2 one for both."""

    unified: bool
    bases: Mapping[str, Path]

    def make(self, path: Sequence[str], limits: Limits) -> Group:
        """A container's group with its limits. Raises OSError where that is not allowed."""
        places = {name: self._directory(base, path) for name, base in self.bases.items()}
        for file in files(limits, unified=self.unified):
            (places[file.controller] / file.name).write_text(file.text)
        events = places["memory"] / ("memory.events" if self.unified else "memory.oom_control")
        return Group(
            procs=tuple(os.open(place / "cgroup.procs", os.O_WRONLY) for place in sorted(set(places.values()))),
            events=os.open(events, os.O_RDONLY),
        )

    def remove(self, *path: str) -> bool:
        """A group and all below it, when their processes are gone; whether there was one."""
        found = [place for base in set(self.bases.values()) if (place := base.joinpath(*path)).is_dir()]
        end = time.monotonic() + PATIENCE
        for place in found:
            while not _removed(place) and time.monotonic() < end:
                time.sleep(PAUSE)
        return bool(found)

    def _directory(self, base: Path, path: Sequence[str]) -> Path:
        place = base
        for word in path:
            if self.unified:
                (place / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in CONTROLLERS))
            place /= word
            place.mkdir(mode=0o755, exist_ok=True)
        return place


def find(root: Path = ROOT) -> Cgroups | None:
    """What this machine has; None without the controllers."""
    unified = root / "cgroup.controllers"
    if unified.is_file():
        good = set(CONTROLLERS) <= set(unified.read_text().split())
        return Cgroups(unified=True, bases=dict.fromkeys(CONTROLLERS, root)) if good else None
    bases = {name: root / name for name in CONTROLLERS}
    good = all((base / "cgroup.procs").is_file() for base in bases.values())
    return Cgroups(unified=False, bases=bases) if good else None


@cache
def allowed(root: Path = ROOT) -> Cgroups | None:
    """Those that this process may use, which it tries; None where it may not."""
    groups = None if one_user() else find(root)
    if groups is None:
        return None
    name = f"meltemi-try-{os.getpid()}"
    try:
        group = groups.make((name,), Limits(memory=1 << 30, cpu=100_000))
    except OSError:
        return None
    else:
        close([group])
        return groups
    finally:
        with contextlib.suppress(OSError):
            groups.remove(name)


def of_mesh(state: Path) -> str:
    """The name of a mesh's groups."""
    return f"meltemi-{mesh_id(state)}"


def open_groups(state: Path, uid: str, limits: Mapping[str, Limits], root: Path = ROOT) -> dict[str, Group]:
    """By container, for those that have limits; empty where cgroups are not allowed. Raises OSError."""
    groups = allowed(root) if any(limits.values()) else None
    return {name: groups.make((of_mesh(state), uid, name), one) for name, one in limits.items() if groups and one}


def remove_groups(state: Path, *uid: str, root: Path = ROOT) -> tuple[str, ...]:
    """Those of a pod, or of the whole mesh; returns what was there."""
    groups = find(root)
    name = of_mesh(state)
    return (name,) if groups and groups.remove(name, *uid) else ()


def close(groups: Sequence[Group]) -> None:
    """The files of groups."""
    for group in groups:
        for number in (*group.procs, *(() if group.events is None else (group.events,))):
            os.close(number)


def _removed(place: Path) -> bool:
    """Whether a group and all below it could be removed: not while a process is in one of them."""
    for one in (*_below(place), place):
        try:
            one.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _below(place: Path) -> Iterator[Path]:
    """The innermost first."""
    try:
        inner = [one for one in place.iterdir() if one.is_dir()]
    except FileNotFoundError:
        return
    for one in inner:
        yield from _below(one)
        yield one
