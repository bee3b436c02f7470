"""Find and end the processes of one mesh.

Place:  shell/runtime · used by cleanup, which must work when everything of ours was killed but for some remains
"""

import os
import select
import signal
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from meltemi.core.model.value import Value

VARIABLE = "MELTEMI_STATE"
PROC = Path("/proc")


class Process(Value, frozen=True, kw_only=True):
    """A process that belongs to a mesh."""

    pid: int
    command: str
    in_pod: bool
    """It lives in a PID namespace of its own."""
    first: bool
    """It is PID 1 there: with it ends everything else in the namespace."""


def find(state: Path) -> list[Process]:
    """The processes of a state directory, this one and those that started it left out.

    Ours is what carries MELTEMI_STATE and is either in a pod or a program of ours: a shell in which somebody has set
    the variable is not.
    """
    own = frozenset(_ancestors(os.getpid()))
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal())
    found = (_ours(pid, state.resolve()) for pid in pids if pid not in own)
    return [process for process in found if process]


def end(processes: Iterable[Process], *, grace: float) -> list[Process]:
    """SIGTERM, and SIGKILL for who is still there after `grace` seconds; returns when all are gone."""
    ended: list[Process] = []
    waiting: dict[int, Process] = {}
    for process in processes:
        try:
            waiting[os.pidfd_open(process.pid)] = process
            ended.append(process)
        except ProcessLookupError:
            continue
    for number, limit in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        for handle in waiting:
            _send(handle, number)
        for handle in _await(waiting, limit):
            os.close(handle)
            del waiting[handle]
    for handle in waiting:
        os.close(handle)
    return ended


def _send(handle: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return


def _await(handles: Iterable[int], limit: float) -> list[int]:
    """The handles whose process has ended within a limit in seconds."""
    left, gone = set(handles), list[int]()
    poll = select.poll()
    for handle in left:
        poll.register(handle, select.POLLIN)
    step = 0.05
    for _ in range(int(limit / step) + 1):
        if not left:
            break
        for handle, _ in poll.poll(step * 1000):
            poll.unregister(handle)
            left.discard(handle)
            gone.append(handle)
    return gone


def _ours(pid: int, state: Path) -> Process | None:
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        environ = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
        elsewhere = os.readlink(PROC / str(pid) / "ns/pid") != os.readlink(PROC / "self/ns/pid")  # noqa: PTH115 (no file)
        numbers = _status(pid, "NSpid").split()
    except OSError:
        return None  # it has just ended, or is a thread of the kernel
    command = [word.decode(errors="replace") for word in words if word]
    program = any(word.startswith("meltemi.") for word in command)
    marked = _is(state, (v.partition(b"=")[2].decode(errors="replace") for v in environ if v.startswith(_MARK)))
    # A program that sets the variable itself does not show it here; it was told the directory.
    told = _is(state, (value for name, value in pairwise(command) if name == "--state"))
    if not ((marked and (elsewhere or program)) or (told and program)):
        return None
    return Process(pid=pid, command=" ".join(command), in_pod=elsewhere, first=elsewhere and numbers[-1:] == ["1"])


_MARK = f"{VARIABLE}=".encode()


def _is(state: Path, values: Iterable[str]) -> bool:
    return any(value and Path(value).resolve() == state for value in values)


def _status(pid: int, name: str) -> str:
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return line.partition(":")[2].strip()
    return ""


def _ancestors(pid: int) -> Iterator[int]:
    while pid:
        yield pid
        try:
            pid = int(_status(pid, "PPid") or 0)
        except OSError:
            return
