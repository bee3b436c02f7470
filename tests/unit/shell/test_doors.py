"""shell/doors: a socket for each pod with a proxy, and who serves behind them."""

import asyncio
import json
from pathlib import Path
from typing import Any

from fakes.store import FakeStore
from meltemi.core.model.document import Key
from meltemi.shell.doors import INJECTED, Doors
from meltemi.shell.servers.xds.server import XdsServer


def pod(name: str, *, phase: str = "Running", injected: bool = True, deleted: bool = False) -> tuple[Key, bytes]:
    metadata: dict[str, Any] = {"name": name, "namespace": "shop", "annotations": {INJECTED: "{}"} if injected else {}}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    tree = {"metadata": metadata, "spec": {}, "status": {"phase": phase}}
    return Key(group="", kind="Pod", namespace="shop", name=name), json.dumps(tree).encode()


async def nobody(*_: object) -> Any:
    raise AssertionError("nobody connects here")


def test_who_serves_is_known_once_the_store_has_told_everything(tmp_path: Path):
    async def test() -> None:
        store, server = FakeStore(), XdsServer(nobody)
        doors = Doors(server, tmp_path)
        for one in (pod("runs"), pod("comes", phase="Pending"), pod("goes", deleted=True), pod("bare", injected=False)):
            await store.put(*one)
        assert not doors.told.is_set()
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(doors.run(store))
            await doors.told.wait()
            running.cancel()
        assert doors.serving() == {"runs.shop"}
        assert {path.parent.name for path in server.paths} == {"runs", "comes", "goes"}
        assert doors.behind("shop", "bare")() is None
        proxy = doors.behind("shop", "runs")()
        assert proxy is not None
        assert proxy.id == "runs.shop"
        await server.close_all()

    asyncio.run(test())
