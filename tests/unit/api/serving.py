"""An API over a real Unix socket, in a process of its own: `python -m unit.api.serving STATE`.

The publisher is a fake that has acknowledged everything.
"""

import asyncio
import sys
from pathlib import Path

from fakes.publisher import FakePublisher
from meltemi.shell.servers.api.admission import Admission
from meltemi.shell.servers.api.app import create_app
from meltemi.shell.servers.api.namespaces import first_namespaces
from meltemi.shell.servers.api.serve import serve_unix
from meltemi.shell.stores.sqlite import SqliteStore


async def serve(state: Path, admission: Admission | None = None) -> None:
    """Serve until cancelled."""
    publisher = FakePublisher()
    publisher.acknowledged.set()
    with SqliteStore(state / "store.db") as store:
        await first_namespaces(store)
        await serve_unix(create_app(store, admission=admission, publisher=publisher), state / "api.sock")


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
