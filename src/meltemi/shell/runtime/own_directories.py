"""A root, and ways to new places in it, where most of the host's files belong to users that do not exist here.

Place:  shell/runtime · root (one user) and launch → [own_directories]
Source: user_namespaces(7), "Capabilities": privilege over a file takes that its owner exists in the namespace. An
        overlay of the whole root is refused there, for mounts below it are locked; one of a single directory is not
        (run, Linux 6.18)
"""

import os
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from meltemi.shell.runtime import kernel

_FILLED = frozenset({"proc", "sys", "dev"})
"""Directories that the caller fills."""
_OWN = {"run": "mode=0755", "tmp": "mode=1777"}
"""Directories that every pod has for itself."""
NAMES = frozenset({"resolv.conf", "hosts", "hostname"})
"""Files of /etc that the pod writes itself."""


def lay_out(root: Path, work: Path) -> None:
    """Make a root of the host's directories, each under a layer of its own. Raises OSError."""
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NODEV, "mode=0755")
    for entry in os.scandir("/"):
        target = root / entry.name
        if entry.is_symlink() or not entry.is_dir():
            _show(Path(entry.path), target)
            continue
        target.mkdir()
        if entry.name in _FILLED:
            continue
        if entry.name in _OWN:
            _shadow(Path(entry.path), target, data=_OWN[entry.name], only=_mine)
        else:
            _layer(Path(entry.path), target, work)


def make_way(folder: Path) -> None:
    """Make a directory and those above it, also in directories of users that do not exist here. Raises OSError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        above = next(one for one in folder.parents if one.is_dir())
        _shadow(above, above)
        folder.mkdir(parents=True, exist_ok=True)


def _layer(source: Path, target: Path, work: Path) -> None:
    """The directory with a layer for what the pod writes; where that is refused, without one."""
    upper, scratch = work / "upper" / source.name, work / "work" / source.name
    upper.mkdir()
    scratch.mkdir()
    data = f"lowerdir={source},upperdir={upper},workdir={scratch},userxattr"
    try:
        kernel.mount("overlay", target, "overlay", 0, data)
    except OSError:
        _shadow(source, target, without=NAMES if source.name == "etc" else ())


def _mine(entry: os.DirEntry[str]) -> bool:
    """Whether it is the user's: what others keep in /tmp and /run is not for pods."""
    return entry.stat(follow_symlinks=False).st_uid == 0


def _shadow(
    source: Path,
    target: Path,
    *,
    data: str = "mode=0755",
    without: Collection[str] = (),
    only: Callable[[os.DirEntry[str]], bool] = lambda _: True,
) -> None:
    """An empty directory of our own in which all that is in another one can be seen, unchangeable."""
    with _held(source) as held:
        kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NODEV, data)
        for entry in os.scandir(held):
            with suppress(OSError):  # it is gone, or nobody may see it
                if entry.name not in without and only(entry):
                    _show(held / entry.name, target / entry.name)


@contextmanager
def _held(folder: Path) -> Generator[Path]:
    """A name for a directory that still means it when something is mounted over it."""
    number = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{number}")
    finally:
        os.close(number)


def _show(source: Path, target: Path) -> None:
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    target.mkdir() if source.is_dir() else target.touch()
    kernel.bind(source, target, read_only=True)
