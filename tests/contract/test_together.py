"""Every store that writes several objects together, and the fake, writes all of them or none."""

import asyncio
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Protocol

import pytest

from fakes.store import FakeTogether
from meltemi.core.model.document import Key
from meltemi.ports.store import Batch, ChangeKind, ConfigStore, ConflictError, NotFoundError, Source, Together, Write
from meltemi.shell.stores.sqlite import SqliteStore


class Both(ConfigStore, Together, Protocol):
    """What a store of this suite is."""


Make = Callable[[], Both]


@pytest.fixture(params=["fake", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Make]:
    """Opens the store, to be called in the event loop; the second time it is the same file."""
    opened: list[SqliteStore] = []
    fake = FakeTogether()

    def sqlite() -> Both:
        opened.append(SqliteStore(tmp_path / "store.db"))
        return opened[-1]

    yield sqlite if request.param == "sqlite" else lambda: fake
    for store in opened:
        with store:
            pass


def key(name: str) -> Key:
    return Key(group="", kind="ConfigMap", namespace="default", name=name)


def body(said: str) -> bytes:
    return json.dumps({"kind": "ConfigMap", "data": {"said": said}}).encode()


def said(stored: bytes) -> str:
    return json.loads(stored)["data"]["said"]


def test_all_are_written_in_order(make: Make) -> None:
    async def test() -> None:
        store = make()
        old = await store.put(key("b"), body("old"), source=Source(file="b.yaml"))
        made, changed, gone = await store.write_all(
            (
                Write(key=key("a"), body=body("a"), expected=0, source=Source(file="a.yaml")),
                Write(key=key("b"), body=body("new"), expected=old.revision),
                Write(key=(await store.put(key("c"), body("c"))).key, body=None),
            )
        )

        assert made.revision < changed.revision
        assert said(gone.body) == "c"
        found, revision = await store.list("", "ConfigMap")
        assert [(one.key.name, said(one.body), one.source.file) for one in found] == [
            ("a", "a", "a.yaml"),
            ("b", "new", "b.yaml"),
        ]
        assert revision == changed.revision + 1

    asyncio.run(test())


@pytest.mark.parametrize(
    "last",
    [
        Write(key=key("b"), body=body("new"), expected=0),
        Write(key=key("b"), body=None, expected=999),
        Write(key=key("nobody"), body=None),
    ],
)
def test_one_that_cannot_be_written_keeps_all_out(make: Make, last: Write) -> None:
    async def test() -> None:
        store = make()
        old = await store.put(key("b"), body("old"))
        with pytest.raises((ConflictError, NotFoundError)):
            await store.write_all((Write(key=key("a"), body=body("a")), last))

        found, revision = await store.list("", "ConfigMap")
        assert [(one.key.name, one.revision) for one in found] == [("b", old.revision)]
        assert revision == old.revision

    asyncio.run(test())


def test_a_watch_is_told_of_all_at_once(make: Make) -> None:
    async def test() -> None:
        store = make()
        start = await store.put(key("b"), body("old"))
        told: list[Batch] = []

        async def watch() -> None:
            async for batch in store.changes(after=start.revision):
                told.append(batch)
                return

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch())
            await asyncio.sleep(0)
            await store.write_all((Write(key=key("a"), body=body("a")), Write(key=key("b"), body=None)))

        assert [(one.kind, one.object.key.name) for one in told[0].changes] == [
            (ChangeKind.PUT, "a"),
            (ChangeKind.DELETE, "b"),
        ]

    asyncio.run(test())
