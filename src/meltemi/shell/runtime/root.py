"""A pod's file system: the host's, under a layer of its own.

Place:  shell/runtime · sandbox → [root], before anything of the pod runs

The pod sees the host's files; what it writes goes to a tmpfs that ends with it. Volumes wait below `/.meltemi`
until a container mounts them; the mesh's state directory is hidden. Without root the layers are one a directory
(own_directories).
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from meltemi.shell.runtime import kernel
from meltemi.shell.runtime.own_directories import lay_out
from meltemi.shell.runtime.pod_spec import PodSpec, Volume
from meltemi.shell.users import one_user

PLACES = ".places"
"""Below HIDDEN: the interpreter's directories, for containers that mount a volume over them (`/tmp`, say)."""
HIDDEN = Path("/.meltemi")
"""Volumes and the node's DNS table, for the sandbox alone."""
# fmt: off
_VIRTUAL = frozenset({
    "proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "cgroup", "cgroup2", "mqueue", "hugetlbfs", "securityfs", "debugfs",
    "tracefs", "configfs", "fusectl", "pstore", "bpf", "autofs", "nsfs", "binfmt_misc", "rpc_pipefs", "overlay",
    "ramfs", "efivarfs", "squashfs",
})
# fmt: on


def enter_root(spec: PodSpec, work: Path) -> None:
    """Make the pod's root below the empty directory `work`, and move into it. Raises OSError."""
    others = list(_other_file_systems(Path(spec.state)))
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", work, "tmpfs", kernel.MS_NODEV, "mode=0755")
    for name in ("upper", "work", "root"):
        (work / name).mkdir()
    root = work / "root"
    if one_user():
        lay_out(root, work)
    else:
        kernel.mount("overlay", root, "overlay", 0, f"lowerdir=/,upperdir={work}/upper,workdir={work}/work")
    for other in others:
        if (root / str(other)[1:]).is_dir():
            kernel.bind(other, root / str(other)[1:], read_only=True)
    _devices(root)
    _volumes(spec, root, work)
    (root / ".old").mkdir(exist_ok=True)
    kernel.pivot_root(root, root / ".old")
    os.chdir("/")
    kernel.detach("/.old")
    _identity(spec)


def _other_file_systems(state: Path) -> Iterator[Path]:
    """Disks that are mounted below the root: an overlay does not see them."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words, _, kind = line.partition(" - ")
        target = Path(words.split()[4])
        ours = target == Path("/") or target.is_relative_to(state)
        if (
            not ours
            and kind.split()[0] not in _VIRTUAL
            and not str(target).startswith(("/run/", "/sys", "/proc", "/dev"))
        ):
            yield target


def _devices(root: Path) -> None:
    kernel.bind("/dev", root / "dev", read_only=True)
    shared_memory = root / "dev/shm"
    if shared_memory.is_dir() and not shared_memory.is_symlink():
        kernel.mount("tmpfs", shared_memory, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    kernel.bind("/sys", root / "sys", read_only=True)
    kernel.mount("proc", root / "proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def _volumes(spec: PodSpec, root: Path, work: Path) -> None:
    """Lay out volumes; hide the state directory, whose xDS socket reaches the pod as a volume only."""
    hidden = root / str(HIDDEN)[1:]
    hidden.mkdir(mode=0o700)
    for volume in spec.volumes:
        _volume(volume, hidden / volume.name)
    for number, place in enumerate(spec.reachable):
        (hidden / PLACES / str(number)).mkdir(parents=True)
        kernel.bind(place, hidden / PLACES / str(number), read_only=True)
        if not (root / place[1:]).is_dir():
            (root / place[1:]).mkdir(parents=True)
            kernel.bind(place, root / place[1:], read_only=True)
    (hidden / "node").mkdir()
    kernel.bind(Path(spec.state) / "node", hidden / "node", read_only=True)
    covered = root / spec.state[1:]
    if covered.is_dir():
        kernel.mount("tmpfs", covered, "tmpfs", 0, "mode=0700,size=64k")


def _volume(volume: Volume, target: Path) -> None:
    if volume.host_path:
        source = Path(volume.host_path)
        if volume.create:
            source.mkdir(mode=0o755, parents=True, exist_ok=True)
        target.mkdir() if source.is_dir() else target.touch()
        # A pod that could write where the node writes as root could lead it astray by a link.
        kernel.bind(source, target, read_only=volume.kept_outside)
        return
    target.mkdir()
    if volume.in_memory:
        size = "" if volume.size is None else f",size={volume.size}"
        kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, f"mode=0777{size}")
        return
    target.chmod(0o755 if volume.files else 0o777)
    for name, content, mode in volume.files:
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(mode)


def _identity(spec: PodSpec) -> None:
    """The pod's own names, and the way to the interpreter for every user."""
    for name, text in (("resolv.conf", spec.resolv_conf), ("hosts", spec.hosts), ("hostname", f"{spec.hostname}\n")):
        file = Path("/etc", name)
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(0o644)
    for place in spec.reachable:
        for folder in (Path(place), *Path(place).parents):
            if not one_user() and folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
                folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
