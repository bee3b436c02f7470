"""The configuration store: objects with revisions, and every change after one of them.

Place:  port · implemented by shell/stores, read by shell/ingest, served by shell/servers/api
"""

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Protocol, runtime_checkable

from meltemi.core.model.document import Key
from meltemi.core.model.source import Source
from meltemi.core.model.value import Value

__all__ = [
    "Batch",
    "Change",
    "ChangeKind",
    "ConfigStore",
    "ConflictError",
    "History",
    "NotFoundError",
    "RefusedError",
    "Source",
    "Stored",
    "Together",
    "Write",
]


class Stored(Value, frozen=True, kw_only=True):
    """One object as the store holds it: a Kubernetes object with uid, resourceVersion and creationTimestamp set."""

    key: Key
    revision: int
    body: bytes
    """The object as JSON."""
    source: Source = Source()
    told: int = 0
    """The revision of the batch that tells of it, where that may be another than its own; 0: it is its own."""


class ChangeKind(StrEnum):
    """What happened to an object."""

    PUT = "put"
    DELETE = "delete"


class Change(Value, frozen=True, kw_only=True):
    """One object written or gone. `object` is its new state, or its last one where it was deleted."""

    kind: ChangeKind
    object: Stored


class Batch(Value, frozen=True, kw_only=True):
    """Changes in order; a store of several sources keeps the order of each kind only."""

    revision: int
    """From where `changes` goes on. Objects' own revisions are in its order within a kind."""
    changes: tuple[Change, ...]
    restart: bool = False
    """All that was said is void: the following batches replay the whole content (a 410)."""
    complete: bool = False
    """With this batch the replay is complete: everything that existed has been told. Set once after each (re)start,
    on an empty batch if need be."""


class ConflictError(Exception):
    """The object is not at the revision that the writer saw (or exists, or does not exist)."""


class NotFoundError(Exception):
    """There is no such object."""


class RefusedError(Exception):
    """Who keeps the store will not have the object; the text says why."""


class ConfigStore(Protocol):
    """Objects, read, written and watched. Writes are durable when the call returns."""

    async def get(self, key: Key) -> Stored:
        """The object now. Raises NotFoundError."""
        ...

    async def list(self, group: str, kind: str, namespace: str = "") -> tuple[tuple[Stored, ...], int]:
        """Objects of a kind in one namespace (or in all, for ""), sorted by key, and the store's revision."""
        ...

    async def put(self, key: Key, body: bytes, *, source: Source | None = None, expected: int | None = None) -> Stored:
        """Create or replace. `expected`: the revision that must be current, 0 for "must not exist", None for any.

        The store sets metadata.uid, resourceVersion and creationTimestamp (kept on replace).
        `source` None keeps the old one.
        Raises ConflictError.
        """
        ...

    async def delete(self, key: Key, *, expected: int | None = None) -> Stored:
        """Remove; returns the last state. Raises NotFoundError, ConflictError."""
        ...

    def changes(self, *, after: int) -> AsyncIterator[Batch]:
        """Every batch after a revision, in order, without gaps or repetition; then waits for the next.

        0 replays the whole content first, ending with a batch marked `complete`. A revision that is no longer kept
        yields `restart` and a replay. Cancelling loses nothing: ask again with the last revision seen.
        """
        ...


class Write(Value, frozen=True, kw_only=True):
    """A call of `put`, or of `delete`, still to be made."""

    key: Key
    body: bytes | None
    """None: the object is deleted."""
    source: Source | None = None
    expected: int | None = None


@runtime_checkable
class Together(Protocol):
    """A store that writes several objects all or not at all, whatever is killed; one over Kubernetes' API cannot."""

    async def write_all(self, writes: Sequence[Write]) -> tuple[Stored, ...]:
        """Each write in order, as `put` and `delete` do it, of one object at most one; watches are told of all at once.

        Returns what those return. Raises ConflictError, NotFoundError: then nothing is written.
        """
        ...


class History(Protocol):
    """Earlier versions of objects, for whoever decides which of them is in force."""

    def versions(self, key: Key) -> Sequence[Stored]:
        """Versions of an object that the store still has, newest first, the current one included; none if gone."""
        ...

    def keep(self, key: Key, revision: int) -> None:
        """From now on the store has this version of an object, whatever follows it (instead of the one kept before)."""
        ...
