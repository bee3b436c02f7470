"""The node's process: controllers, pods, Services' addresses.

Place:  apps · store (over the API) → world → controllers, kubelet, services
"""

import asyncio
import os
import signal
from pathlib import Path

import click

from meltemi.shell.runtime.controllers.run import run_controllers
from meltemi.shell.runtime.images import read_images
from meltemi.shell.runtime.kubelet import Kubelet
from meltemi.shell.runtime.services import prepare_host, run_services
from meltemi.shell.runtime.settings import read_settings
from meltemi.shell.runtime.world import World, follow
from meltemi.shell.stores.remote import RemoteStore


async def run(state: Path) -> None:
    """Run until cancelled; pods, addresses and names go on without."""
    settings = read_settings(state)
    images = read_images(settings.image_maps)
    store = RemoteStore(state / "api.sock")
    world = World()
    await prepare_host(settings, state)
    kubelet = Kubelet(store, world, settings=settings, state=state, images=images)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_services(store, settings, state), name="services")
        tasks.create_task(run_controllers(store, settings), name="controllers")
        tasks.create_task(follow(store, world), name="kubelet: follow")
        tasks.create_task(kubelet.run(), name="kubelet")


async def _until_stopped(state: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run(state), name="node")
        await stop.wait()
        running.cancel()


@click.command(help=__doc__)
@click.option("--state", type=click.Path(path_type=Path), required=True)
def main(state: Path) -> None:
    """Entry point of `python -m meltemi.apps.node`."""
    os.environ["MELTEMI_STATE"] = str(state)
    asyncio.run(_until_stopped(state))


if __name__ == "__main__":
    main()
