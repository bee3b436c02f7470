"""All objects of the store, kept up to date in memory.

Place:  shell/runtime · store → [world] → controllers, services
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from meltemi.core.model.document import Key
from meltemi.core.node.objects import Object
from meltemi.ports.store import Batch, ChangeKind, ConfigStore

log = structlog.get_logger()

BACK_OFF = 0.5
"""Seconds before the store is asked again after it failed: it is another process, which may be starting."""


class World:
    """What the store holds, as far as it has been told. Nothing is shown before the first replay is complete."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.revision = 0
        self.complete = False
        self._told: dict[tuple[str, str], int] = {}
        """The youngest revision that was told of each kind since the replay."""
        self._replayed = 0
        self._coming: dict[Key, Object] | None = {}
        self._changed = asyncio.Event()

    def apply(self, batch: Batch) -> None:
        """Take over a batch. During a replay the old content stays in force until the new one is whole."""
        if batch.restart:
            self._coming = {}
        target = self.objects if self._coming is None else self._coming
        for change in batch.changes:
            name = (change.object.key.group, change.object.key.kind)
            self._told[name] = max(self._told.get(name, 0), change.object.revision)
            if change.kind is ChangeKind.DELETE:
                target.pop(change.object.key, None)
            else:
                tree: dict[str, Any] = msgspec.json.decode(change.object.body)
                target[change.object.key] = Object(key=change.object.key, revision=change.object.revision, tree=tree)
        self.revision = batch.revision
        if batch.complete and self._coming is not None:
            self.objects, self._coming, self.complete = self._coming, None, True
            self._replayed = batch.revision
        if self._coming is None:
            self._changed.set()

    def shows(self, writes: Mapping[Key, int]) -> bool:
        """Whether it has been told of these writes: keys, and the revisions that they made.

        Only within a kind do revisions come in their order from every store.
        """
        return all(max(self._replayed, self._told.get((key.group, key.kind), 0)) >= of for key, of in writes.items())

    async def changed(self, *, quiet: float, at_most: float | None = None) -> None:
        """Wait for a change and `quiet` seconds more, so that a burst is seen as one; not longer than `at_most`."""
        try:
            async with asyncio.timeout(at_most):
                await self._changed.wait()
        except TimeoutError:
            return
        await asyncio.sleep(quiet)
        self._changed.clear()


async def follow(store: ConfigStore, world: World) -> None:
    """Keep a world up to date until cancelled, whatever becomes of the store meanwhile."""
    while True:
        try:
            async for batch in store.changes(after=world.revision if world.complete else 0):
                world.apply(batch)
        except Exception as fault:  # the store's transport has faults of its own, and none of them ends the node
            log.warning("the store does not answer", fault=repr(fault))
        await asyncio.sleep(BACK_OFF)
