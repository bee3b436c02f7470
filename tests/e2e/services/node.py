"""The node's services over a store that standard input fills: one object a line, as JSON.

Run as a program on the test's machine: `node.py STATE SETTINGS` (a directory, and NodeSettings as JSON).
"""

import asyncio
import sys
from pathlib import Path

import msgspec

from fakes.store import FakeStore
from meltemi.core.model.document import Key
from meltemi.core.node.settings import NodeSettings
from meltemi.shell.runtime.services import run_services


async def fill(store: FakeStore) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        tree = msgspec.json.decode(line)
        group = tree["apiVersion"].rpartition("/")[0]
        meta = tree["metadata"]
        key = Key(group=group, kind=tree["kind"], namespace=meta["namespace"], name=meta["name"])
        await store.put(key, line)


async def main() -> None:
    store = FakeStore()
    settings = msgspec.json.decode(sys.argv[2], type=NodeSettings)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fill(store))
        tasks.create_task(run_services(store, settings, Path(sys.argv[1])))


if __name__ == "__main__":
    asyncio.run(main())
