"""A ConfigStore in memory, keeping every promise of the port (held by tests/contract)."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from meltemi.core.model.document import Key
from meltemi.ports.store import Batch, Change, ChangeKind, ConflictError, NotFoundError, Source, Stored, Write
from meltemi.shell.stores.objects import stamped


class FakeStore:
    """Objects in a dict, and every change in a list."""

    def __init__(self) -> None:
        self.objects: dict[Key, Stored] = {}
        self._log: list[Change] = []
        self._written = asyncio.Event()

    async def get(self, key: Key) -> Stored:
        if key not in self.objects:
            raise NotFoundError(str(key))
        return self.objects[key]

    async def list(self, group: str, kind: str, namespace: str = "") -> tuple[tuple[Stored, ...], int]:
        found = (
            one
            for one in self.objects.values()
            if (one.key.group, one.key.kind) == (group, kind) and namespace in ("", one.key.namespace)
        )
        return tuple(sorted(found, key=lambda one: one.key)), len(self._log)

    async def put(self, key: Key, body: bytes, *, source: Source | None = None, expected: int | None = None) -> Stored:
        old = self.objects.get(key)
        self.expect(key, expected)
        revision = len(self._log) + 1
        kept = source or (old.source if old else Source())
        stored = Stored(
            key=key, revision=revision, body=stamped(body, old.body if old else None, revision), source=kept
        )
        self.objects[key] = stored
        self._tell(Change(kind=ChangeKind.PUT, object=stored))
        return stored

    async def delete(self, key: Key, *, expected: int | None = None) -> Stored:
        if key not in self.objects:
            raise NotFoundError(str(key))
        self.expect(key, expected)
        old = self.objects.pop(key)
        gone = Stored(key=key, revision=len(self._log) + 1, body=old.body, source=old.source)
        self._tell(Change(kind=ChangeKind.DELETE, object=gone))
        return old

    async def changes(self, *, after: int) -> AsyncIterator[Batch]:
        seen = after
        if not seen:
            seen = len(self._log)
            content = tuple(Change(kind=ChangeKind.PUT, object=one) for one in self.objects.values())
            yield Batch(revision=seen, changes=content)
            yield Batch(revision=seen, changes=(), complete=True)
        while True:
            written = self._written
            if new := tuple(self._log[seen:]):
                seen += len(new)
                yield Batch(revision=seen, changes=new)
            if seen == len(self._log):
                await written.wait()

    def expect(self, key: Key, expected: int | None) -> None:
        old = self.objects.get(key)
        if expected is not None and expected != (old.revision if old else 0):
            raise ConflictError(str(key))

    def _tell(self, change: Change) -> None:
        self._log.append(change)
        self._written.set()
        self._written = asyncio.Event()


class FakeTogether(FakeStore):
    """It writes several objects together, as the embedded store does."""

    async def write_all(self, writes: Sequence[Write]) -> tuple[Stored, ...]:
        for one in writes:
            if one.body is None and one.key not in self.objects:
                raise NotFoundError(str(one.key))
            self.expect(one.key, one.expected)
        return tuple([await self._written_one(one) for one in writes])

    async def _written_one(self, one: Write) -> Stored:
        if one.body is None:
            return await self.delete(one.key)
        return await self.put(one.key, one.body, source=one.source)
