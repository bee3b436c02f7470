"""The process that keeps a real Kubernetes API running: etcd, kube-apiserver, and the controllers where they are found.

Place:  apps · started by the supervisor of `up --kube` → shell/kube/processes; SIGTERM ends all in the right order

Each program dies with this process, so that nothing is left of a killed one; its output goes to STATE/NAME.log.
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import click

from meltemi.shell.kube.place import place
from meltemi.shell.kube.processes import Command, commands
from meltemi.shell.runtime.services import prepare_host
from meltemi.shell.runtime.settings import read_settings

PAUSE = 0.2
"""Seconds before a program that died is started again."""
GRACE = 5.0
"""Seconds that a program gets between SIGTERM and SIGKILL; its data survive either."""
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


async def run(state: Path, stop: asyncio.Event) -> None:
    """Keep all programs until `stop`; the last one started ends first."""
    settings = read_settings(state)
    await prepare_host(settings, state)
    async with AsyncExitStack() as stack:
        for name, command in commands(state, place(state), settings):
            await stack.enter_async_context(_kept(name, command, state))
        await stop.wait()


@asynccontextmanager
async def _kept(name: str, command: Command, state: Path) -> AsyncGenerator[None]:
    async with asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(_keep(name, command, state), name=name)
        try:
            yield
        finally:
            keeping.cancel()


async def _keep(name: str, command: Command, state: Path) -> None:
    while True:
        await _run_once(name, command, state)
        await asyncio.sleep(PAUSE)


async def _run_once(name: str, command: Command, state: Path) -> None:
    with (state / f"{name}.log").open("ab") as log:
        child = await asyncio.create_subprocess_exec(
            *DIES_WITH_US, *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd=state / "kube"
        )
    pid = state / f"{name}.pid"
    pid.write_text(str(child.pid))
    try:
        await child.wait()
    except asyncio.CancelledError:
        await _end(child)
        raise
    finally:
        pid.unlink(missing_ok=True)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    child.terminate()
    try:
        async with asyncio.timeout(GRACE):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


async def _until_stopped(state: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(state, stop)


@click.command(help=__doc__)
@click.option("--state", type=click.Path(path_type=Path), required=True)
def main(state: Path) -> None:
    """Entry point of `python -m meltemi.apps.kube_api`."""
    os.environ["MELTEMI_STATE"] = str(state)
    asyncio.run(_until_stopped(state))


if __name__ == "__main__":
    main()
