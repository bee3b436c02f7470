"""The embedded store survives what the contract does not speak of: kills, restarts, forgetting."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

from meltemi.core.model.document import Key
from meltemi.ports.store import Batch
from meltemi.shell.stores.sqlite import SqliteStore

KEY = Key(group="", kind="ConfigMap", namespace="default", name="c")
WRITER = """
import asyncio, json, sys
from pathlib import Path
from meltemi.core.model.document import Key
from meltemi.shell.stores.sqlite import SqliteStore

async def main():
    with SqliteStore(Path(sys.argv[1])) as store:
        for n in range(100_000):
            key = Key(group="", kind="ConfigMap", namespace="default", name=f"c{n % 50}")
            stored = await store.put(key, json.dumps({"n": n}).encode())
            print(stored.revision, flush=True)

asyncio.run(main())
"""


def body(number: int) -> bytes:
    return json.dumps({"n": number}).encode()


def test_every_write_that_was_confirmed_survives_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    confirmed = [int(writer.stdout.readline()) for _ in range(300)]
    writer.send_signal(signal.SIGKILL)
    confirmed += [int(line) for line in writer.stdout.read().splitlines() if line]
    writer.wait()

    with SqliteStore(file) as store:
        assert store.revision >= confirmed[-1]
        listed, _ = asyncio.run(store.list("", "ConfigMap"))
        assert len(listed) == 50
        assert max(one.revision for one in listed) == store.revision


def test_a_watch_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def write(number: int) -> int:
        with SqliteStore(tmp_path / "store.db") as store:
            return (await store.put(KEY, body(number))).revision

    async def first(after: int) -> Batch:
        with SqliteStore(tmp_path / "store.db") as store:
            return await anext(aiter(store.changes(after=after)))

    seen = asyncio.run(write(1))
    asyncio.run(write(2))

    batch = asyncio.run(first(seen))

    assert [json.loads(change.object.body)["n"] for change in batch.changes] == [2]


def test_a_watch_from_a_forgotten_revision_starts_anew(tmp_path: Path) -> None:
    async def test() -> list[Batch]:
        with SqliteStore(tmp_path / "store.db") as store:
            for number in range(10):
                await store.put(KEY, body(number))
            store.compact(keep=3)
            watch = aiter(store.changes(after=2))
            return [await anext(watch) for _ in range(3)]

    batches = asyncio.run(test())

    assert [(one.restart, one.complete, len(one.changes)) for one in batches] == [
        (True, False, 0),
        (False, False, 1),
        (False, True, 0),
    ]


def test_a_revision_of_another_life_starts_anew(tmp_path: Path) -> None:
    async def test() -> Batch:
        with SqliteStore(tmp_path / "store.db") as store:
            return await anext(aiter(store.changes(after=99)))

    assert asyncio.run(test()).restart


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "store.db"):
        assert (tmp_path / "store.db").stat().st_mode & 0o077 == 0
