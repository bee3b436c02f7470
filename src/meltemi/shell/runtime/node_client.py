"""Logs and programs of this machine's pods, for the command line.

Place:  shell/runtime · apps/cli → [node_client] → STATE/pods/UID

Nothing runs in between: logs are read where the sandbox writes them, programs enter the pod's namespaces themselves; so
both work while the node's process is away. Needs the user whose mesh it is.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from meltemi.shell.runtime.launch import CONTAINER
from meltemi.shell.runtime.pod_spec import Container, PodSpec
from meltemi.shell.runtime.sandbox import CONTROL, PID, SPEC
from meltemi.shell.sockets import short

POLL = 0.1
"""Seconds between two looks at a log that is followed."""


class NodeError(Exception):
    """There is no such pod or container here, or it does not run; the text says which."""

    explained = True


def logs(
    state: Path, uid: str, container: str, *, tail: int | None = None, previous: bool = False, follow: bool = False
) -> Iterator[str]:
    """The lines that a container wrote, all or the last ones; then, where asked to, what it goes on to write.

    `previous`: what was put aside when the container was started again, or had written too much. Raises NodeError.
    """
    file = state / "pods" / uid / "logs" / f"{container}.log{'.1' if previous else ''}"
    try:
        opened = file.open(errors="replace")
    except FileNotFoundError:
        raise NodeError(f"container {container!r} has written nothing here yet") from None
    with opened:
        lines = opened.readlines()
        yield from map(_text, lines if tail is None else lines[len(lines) - min(tail, len(lines)) :])
        if follow:
            yield from _follow(opened)
    while follow:
        time.sleep(POLL)
        try:
            with file.open(errors="replace") as opened:
                yield from _follow(opened)
        except FileNotFoundError:
            return  # with its pod


def _follow(opened: IO[str]) -> Iterator[str]:
    """What is still written to a file, until it is put aside or removed."""
    while True:
        gone = not _is_there(opened)
        while line := opened.readline():
            yield _text(line)
        if gone:
            return
        time.sleep(POLL)


def _is_there(opened: IO[str]) -> bool:
    try:
        return os.path.samestat(Path(opened.name).stat(), os.fstat(opened.fileno()))
    except FileNotFoundError:
        return False


def execute(state: Path, uid: str, container: str, command: Sequence[str], *, terminal: bool = False) -> int:
    """Run a program in a container on this process's input and output; returns its exit code. Raises NodeError.

    `terminal`: on a terminal of its own, which this process's terminal shows.
    """
    line, given = command_line(state, uid, container, command, terminal=terminal)
    if terminal:
        from meltemi.shell.runtime.terminal import run_on_terminal  # noqa: PLC0415  (others do not need it)

        return run_on_terminal(line, given)
    return subprocess.run(line, env=given, check=False).returncode


def command_line(
    state: Path, uid: str, container: str, command: Sequence[str], *, terminal: bool = False
) -> tuple[list[str], dict[str, str]]:
    """What runs a program in a container, and with which environment. Raises NodeError.

    `terminal`: in a session of the pod's own, whose terminal standard input is: shells there can control jobs.
    """
    place = state / "pods" / uid
    spec, pid = _container(place, container)
    own = ("-U", "--preserve-credentials") if os.geteuid() else ()
    enter = ["nsenter", "-t", str(pid), *own, "-m", "-u", "-i", "-n", "-p", "--"]
    launch = [sys.executable, "-m", "meltemi.shell.runtime.launch", str(_pid_inside(place, container)), *command]
    # Through the environment, which only root can read: a container's own environment may hold secrets.
    given = os.environ | {CONTAINER: msgspec.json.encode(spec).decode()}
    session = ("setsid", "--ctty") if terminal else ()
    return [*enter, *session, *launch], given


def _container(place: Path, name: str) -> tuple[Container, int]:
    try:
        spec = msgspec.json.decode((place / SPEC).read_bytes(), type=PodSpec)
        pid = int((place / PID).read_text())
    except (OSError, ValueError):
        raise NodeError("the pod does not run here") from None
    found = next((one for one in (*spec.init, *spec.containers) if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in spec.containers)
        raise NodeError(f"the pod has no container {name!r}; there are {names}")
    return found, pid


def _pid_inside(place: Path, container: str) -> int:
    """The number of a container's process in its pod, which the sandbox tells."""
    import socket  # noqa: PLC0415  (logs do not need it)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        try:
            with short(place / CONTROL) as address:
                control.connect(address)
            status: dict[str, Any] = msgspec.json.decode(control.makefile("rb").readline())
        except (OSError, msgspec.DecodeError):
            raise NodeError("the pod does not run here") from None
    pid: int = status["pids"].get(container, 0)
    if not pid:
        raise NodeError(f"container {container!r} does not run")
    return pid


def _text(line: str) -> str:
    """A stored line is `TIME STREAM TEXT`."""
    return line.rstrip("\n").split(" ", 2)[-1]
