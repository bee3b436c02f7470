"""Writes that are collected, to be made together: who reads here sees them, nobody else does.

Place:  shell/stores · servers/api/objects → [draft] → a ConfigStore that writes several objects together
"""

from collections.abc import AsyncIterator

from msgspec import structs

from meltemi.core.model.document import Key
from meltemi.ports.store import Batch, ConfigStore, ConflictError, NotFoundError, Source, Stored, Write
from meltemi.shell.stores.objects import stamped

PENDING = 0
"""The revision of what is not written yet."""


class Draft:
    """A ConfigStore over another one, whose writes stay here."""

    def __init__(self, store: ConfigStore) -> None:
        self._store = store
        self._states: dict[Key, Stored | None] = {}
        self._writes: dict[Key, Write] = {}

    @property
    def writes(self) -> tuple[Write, ...]:
        """One for each object, in the order in which they came first."""
        return tuple(self._writes.values())

    async def get(self, key: Key) -> Stored:
        """As it will be. Raises NotFoundError."""
        if key not in self._states:
            return await self._store.get(key)
        if found := self._states[key]:
            return found
        raise NotFoundError(str(key))

    async def list(self, group: str, kind: str, namespace: str = "") -> tuple[tuple[Stored, ...], int]:
        """As they will be."""
        below, revision = await self._store.list(group, kind, namespace)
        kept = [one for one in below if one.key not in self._states]
        ours = [
            one
            for one in self._states.values()
            if one and (one.key.group, one.key.kind) == (group, kind) and namespace in ("", one.key.namespace)
        ]
        return tuple(sorted((*kept, *ours), key=lambda one: one.key)), revision

    async def put(self, key: Key, body: bytes, *, source: Source | None = None, expected: int | None = None) -> Stored:
        """Remember it; its identity and its revision come with the write. Raises ConflictError."""
        old = await self._expected(key, expected)
        kept = source or (old.source if old else Source())
        state = Stored(key=key, revision=PENDING, body=stamped(body, old.body if old else None, PENDING), source=kept)
        self._note(key, old, body, source=kept)
        self._states[key] = state
        return state

    async def delete(self, key: Key, *, expected: int | None = None) -> Stored:
        """Remember it; returns the last state. Raises NotFoundError, ConflictError."""
        old = await self._expected(key, expected)
        if old is None:
            raise NotFoundError(str(key))
        self._note(key, old, None)
        self._states[key] = None
        if self._writes[key].expected == 0:
            del self._writes[key]  # made and gone before anybody heard of it
        return old

    def changes(self, *, after: int) -> AsyncIterator[Batch]:
        """Of the store below: what is here has not happened."""
        return self._store.changes(after=after)

    async def _expected(self, key: Key, expected: int | None) -> Stored | None:
        """The object as it is here. Raises ConflictError."""
        try:
            old = await self.get(key)
        except NotFoundError:
            old = None
        found = old.revision if old else 0
        if expected not in (None, found):
            raise ConflictError(f"{key} is at revision {found}, not at {expected}")
        return old

    def _note(self, key: Key, old: Stored | None, body: bytes | None, source: Source | None = None) -> None:
        """The object's only write. What it was made from must be there still when it is made."""
        first = self._writes.get(key) or Write(key=key, body=body, expected=old.revision if old else 0)
        self._writes[key] = structs.replace(first, body=body, source=source)
