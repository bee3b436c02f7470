"""The processes of a container: its own, and programs that are run beside it.

Place:  shell/runtime · container → [forking] → launch
"""

import asyncio
import os
import signal

from meltemi.shell.runtime import launch
from meltemi.shell.runtime.cgroups import Group
from meltemi.shell.runtime.pod_spec import Container
from meltemi.shell.runtime.reaper import Reaper
from meltemi.shell.users import held


def begin(spec: Container, places: tuple[str, ...], group: Group | None) -> tuple[int, list[tuple[int, str]]]:
    """Fork and become the container; returns its process and the pipes of its output."""
    pipes = [os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)]
    for _, written in pipes:
        os.fchown(written, held(spec.user), held(spec.group))  # else /dev/stdout cannot be opened again by its name
    pid = os.fork()
    if not pid:
        _become(spec, places, group, pipes[0][1], pipes[1][1])
    for _, written in pipes:
        os.close(written)
    return pid, [(pipes[0][0], "stdout"), (pipes[1][0], "stderr")]


def _become(spec: Container, places: tuple[str, ...], group: Group | None, out: int, err: int) -> None:
    """Only what exec needs happens here: the parent's loop must not run on."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, wanted in ((nothing, 0), (out, 1), (err, 2)):
            os.dup2(number, wanted)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if group:
            group.enter()
        os.closerange(3, 4096)
        launch.mount_volumes(spec, places)
        launch.become(spec, spec.argv)
    except BaseException as problem:  # a child must never return into the parent's code
        os.write(2, f"cannot start {spec.argv[:1]}: {problem}\n".encode())
    os._exit(launch.CANNOT)


async def run_beside(spec: Container, process: int, argv: tuple[str, ...], reaper: Reaper, group: Group | None) -> int:
    """Run a program beside the container's process; its output goes to the log of nobody."""
    pid = os.fork()
    if not pid:
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for wanted in (0, 1, 2):
                os.dup2(nothing, wanted)
            signal.set_wakeup_fd(-1)
            if group:
                group.enter()
            os.closerange(3, 4096)
            launch.join(process)
            launch.become(spec, argv)
        finally:
            os._exit(launch.CANNOT)
    try:
        return await reaper.ended(pid)
    except asyncio.CancelledError:
        signal_group(pid, signal.SIGKILL)
        raise


def signal_one(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def signal_group(pid: int, number: signal.Signals) -> None:
    try:
        if pid:
            os.killpg(pid, number)
    except ProcessLookupError:
        return
