"""Keep the control plane and the node running: start them again when they die.

Place:  apps · started by `meltemi up`, one a state directory; SIGTERM stops both and then itself

The data plane does not need it: pods, Envoys and Services' addresses go on without any of the three.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from meltemi.shell.runtime import processes
from meltemi.shell.runtime.settings import read_settings

BACK_OFF = (0.0, 0.2, 1.0, 5.0)
"""Seconds before the first, second, … start after a death; the last one repeats."""
STEADY = 10.0
"""After so many seconds of life a death counts as the first one again."""
GRACE = 10.0
"""Seconds that a child gets between SIGTERM and SIGKILL."""

CHILDREN = {"control-plane": "meltemi.apps.control_plane", "node": "meltemi.apps.node"}
RELAY = "meltemi.apps.relay"
KUBE = {"kube": "meltemi.apps.kube_api"}
"""With `up --kube` only."""


async def keep(name: str, module: str, state: Path, doors: Mapping[str, int] | None = None) -> None:
    """Run a module until cancelled, again after each death; its output goes to STATE/NAME.log.

    `doors`: listening sockets that it inherits, by its option for each.
    """
    deaths = 0
    while True:
        started = asyncio.get_running_loop().time()
        await _run_once(name, module, state, doors or {})
        if asyncio.get_running_loop().time() - started > STEADY:
            deaths = 0
        await asyncio.sleep(BACK_OFF[min(deaths, len(BACK_OFF) - 1)])
        deaths += 1


async def _run_once(name: str, module: str, state: Path, doors: Mapping[str, int]) -> None:
    told = [word for option, number in doors.items() for word in (option, str(number))]
    command = [sys.executable, "-m", module, "--state", str(state), *told]
    with (state / f"{name}.log").open("ab") as log:
        child = await asyncio.create_subprocess_exec(
            *command, stdout=log, stderr=log, start_new_session=True, pass_fds=tuple(doors.values())
        )
    (state / f"{name}.pid").write_text(str(child.pid))
    try:
        await child.wait()
    except asyncio.CancelledError:
        await _stop(child)
        raise
    finally:
        (state / f"{name}.pid").unlink(missing_ok=True)


async def _stop(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    child.terminate()
    try:
        async with asyncio.timeout(GRACE):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


def end_orphans(state: Path) -> None:
    """End what a killed supervisor left running: two nodes, or two control planes, must not serve one state."""
    modules = {*CHILDREN.values(), *KUBE.values(), RELAY}
    left = [one for one in processes.find(state) if not one.in_pod and modules & set(one.command.split())]
    processes.end(left, grace=GRACE)


async def supervise(state: Path, doors: Mapping[str, int]) -> None:
    """Keep every child until SIGTERM or SIGINT. `doors`: listening sockets for the relay, by its options."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        children = CHILDREN | (KUBE if read_settings(state).kube else {})
        kept = [tasks.create_task(keep(name, module, state), name=name) for name, module in children.items()]
        if doors:
            kept.append(tasks.create_task(keep("relay", RELAY, state, doors), name="relay"))
        await stop.wait()
        for task in kept:
            task.cancel()


@click.command(help=__doc__)
@click.option("--state", type=click.Path(path_type=Path), required=True)
@click.option("--door", type=int, help="number of a listening socket that leads to the gateway (without root)")
@click.option("--kube-door", type=int, help="the same of the API server")
def main(state: Path, door: int | None, kube_door: int | None) -> None:
    """Entry point of `python -m meltemi.apps.supervisor`."""
    os.environ["MELTEMI_STATE"] = str(state)
    pid = state / "supervisor.pid"
    pid.write_text(str(os.getpid()))
    try:
        end_orphans(state)
        doors = {"--door": door, "--kube-door": kube_door}
        asyncio.run(supervise(state, {option: number for option, number in doors.items() if number is not None}))
    finally:
        pid.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
