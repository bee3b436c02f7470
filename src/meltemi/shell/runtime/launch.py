"""Become a container: its mounts, its user, its environment, then its program.

Place:  shell/runtime · run in a child of the sandbox, or (`python -m …launch`) by `exec` from outside
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from meltemi.shell.runtime import kernel
from meltemi.shell.runtime.own_directories import make_way
from meltemi.shell.runtime.pod_spec import Container, Mount
from meltemi.shell.runtime.root import HIDDEN, PLACES
from meltemi.shell.users import one_user

CONTAINER = "MELTEMI_CONTAINER"
"""Environment variable that hands a container over, as JSON."""
CANNOT = 127
"""Exit code of a container whose program cannot be started, as a shell's."""


def mount_volumes(container: Container, places: Sequence[str]) -> None:
    """A mount namespace of its own, with the container's volumes and without anybody else's. Raises OSError.

    `places`: directories of the interpreter, which a volume must not hide: no image brings another one.
    """
    kernel.unshare(kernel.NEW_NS)
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    for mount in sorted(container.mounts, key=lambda one: one.path.count("/")):
        _mount(mount)
    for number, place in enumerate(places):
        if any(Path(place).is_relative_to(mount.path) for mount in container.mounts):
            make_way(Path(place))
            kernel.bind(HIDDEN / PLACES / str(number), place, read_only=True)
    _hide()


def join(pid: int) -> None:
    """Enter the mount namespace of a container's process. Raises OSError."""
    kernel.setns(f"/proc/{pid}/ns/mnt")


def become(container: Container, argv: tuple[str, ...]) -> None:
    """Drop everything that the container does not have, and run a program. Returns only by an exception."""
    if not container.privileged:
        kernel.keep_capabilities(() if container.user and one_user() else container.capabilities)
    if container.no_new_privileges:
        kernel.no_new_privileges()
    if not one_user():  # else it stays user 0, without the capabilities that the other user would not have either
        os.setgroups(container.groups)
        os.setresgid(container.group, container.group, container.group)
        os.setresuid(container.user, container.user, container.user)
    os.chdir(container.directory)
    environment = dict(container.environment)
    os.execvpe(argv[0], argv, environment)  # noqa: S606  (an argument list; no shell)


def _mount(mount: Mount) -> None:
    source = HIDDEN / mount.volume / mount.sub_path.lstrip("/")
    if mount.sub_path and not source.exists():
        source.mkdir(parents=True)
    target = Path(mount.path)
    make_way(target if source.is_dir() else target.parent)
    if not source.is_dir():
        target.touch()
    kernel.bind(source, target, read_only=mount.read_only)


def _hide() -> None:
    kernel.mount("tmpfs", HIDDEN, "tmpfs", kernel.MS_RDONLY, "mode=0700,size=4k")


def main() -> None:
    """`launch PID PROGRAM…`, the container in the environment: run a program beside a container's process PID."""
    pid, *argv = sys.argv[1:]
    container = msgspec.json.decode(os.environ[CONTAINER], type=Container)
    try:
        join(int(pid))
        become(container, tuple(argv))
    except OSError as problem:
        sys.stderr.write(f"cannot run {argv[0]!r}: {problem.strerror}\n")
        sys.exit(CANNOT)


if __name__ == "__main__":
    main()
