"""In which order a pod's containers start and stop, native sidecars among them.

Place:  shell/runtime · sandbox → [order] → container
Source: Kubernetes, "Sidecar Containers": an init container with `restartPolicy: Always` goes on beside the others, the
        next one waits for its startup probe, and it is stopped after the others, the last one first.
"""

import asyncio
from collections.abc import Callable, Sequence

from meltemi.shell.runtime.container import ContainerRunner


async def live(
    init: Sequence[ContainerRunner], main: Sequence[ContainerRunner], grace: float, initialized: Callable[[], None]
) -> None:
    """Until all containers have ended for good; sidecars are ended (within `grace` seconds) when the others have.

    Cancelling leaves the processes alone.
    """
    async with asyncio.TaskGroup() as tasks:
        if await _begin(init, tasks):
            initialized()
            await _run(main)
        for one in reversed(_sidecars(init)):
            await one.finish(grace)


async def stop(init: Sequence[ContainerRunner], main: Sequence[ContainerRunner], grace: float) -> None:
    """End all containers within `grace` seconds: sidecars after the others, the last one first."""
    clock = asyncio.get_running_loop()
    end = clock.time() + grace
    others = [one for one in init if not one.spec.sidecar]
    async with asyncio.TaskGroup() as tasks:
        for one in (*others, *main):
            tasks.create_task(one.stop(grace))
    for one in reversed(_sidecars(init)):
        await one.stop(max(0.0, end - clock.time()))


async def _begin(init: Sequence[ContainerRunner], tasks: asyncio.TaskGroup) -> bool:
    """Run init containers one after the other; false where one has failed for good."""
    for one in init:
        if one.spec.sidecar:
            tasks.create_task(one.run())
            await one.up.wait()
            continue
        await one.run()
        if one.exit_code:
            return False  # restartPolicy Never: the pod has failed
    return True


async def _run(main: Sequence[ContainerRunner]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for one in main:
            tasks.create_task(one.run())
            if not one.spec.fault:
                await one.started.wait()


def _sidecars(init: Sequence[ContainerRunner]) -> list[ContainerRunner]:
    return [one for one in init if one.spec.sidecar]
