"""The node's process: controllers, pods, Services' addresses.

Place:  apps · store (over the API) → world → controllers, kubelet, services
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meltemi.core.node.settings import NodeSettings
from meltemi.shell.runtime.controllers.run import run_controllers
from meltemi.shell.runtime.images import read_images
from meltemi.shell.runtime.kubelet import Kubelet
from meltemi.shell.runtime.services import prepare_host, run_services
from meltemi.shell.runtime.settings import read_settings
from meltemi.shell.runtime.world import World, follow
from meltemi.shell.stores.remote import RemoteStore

if TYPE_CHECKING:
    from meltemi.shell.stores.kube.store import KubeStore


async def run(state: Path) -> None:
    """Run until cancelled; pods, addresses and names go on without."""
    settings = read_settings(state)
    images = read_images(settings.image_maps)
    world = World()
    await prepare_host(settings, state)
    async with _store(state, settings) as store, asyncio.TaskGroup() as tasks:
        kubelet = Kubelet(store, world, settings=settings, state=state, images=images)
        tasks.create_task(run_services(store, settings, state), name="services")
        tasks.create_task(run_controllers(store, settings), name="controllers")
        tasks.create_task(follow(store, world), name="kubelet: follow")
        tasks.create_task(kubelet.run(), name="kubelet")
        if settings.kube:
            tasks.create_task(_run_cluster(state, settings, world), name="cluster")


@asynccontextmanager
async def _store(state: Path, settings: NodeSettings) -> AsyncGenerator["RemoteStore | KubeStore"]:
    """The objects: over the control plane's API, or in a real API server."""
    if settings.kube is None:
        yield RemoteStore(state / "api.sock")
        return
    from meltemi.apps.kube_node import node_store  # noqa: PLC0415  (0.4 s that others need not wait)

    async with node_store(state, settings) as store:
        yield store


async def _run_cluster(state: Path, settings: NodeSettings, world: World) -> None:
    from meltemi.apps.kube_node import run_cluster  # noqa: PLC0415  (as above)

    await run_cluster(state, settings, world)


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
