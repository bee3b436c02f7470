"""What the API server holds, as far as it has been heard, and the changes in the order in which they were.

Place:  shell/stores/kube · reflectors → [cache] → store (replay and changes)

Each kind is heard by a watch of its own, so changes of different kinds may come in another order than they were made.
Who follows them needs one order: each change has a number, its own revision or one more than the last number. Numbers
and revisions are nearly the same, so either says from where to go on.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from meltemi.core.model.document import Key
from meltemi.core.model.kinds import Kind
from meltemi.core.model.source import Source
from meltemi.ports.store import Change, ChangeKind, Stored

KEEP = 20_000
"""Changes that a watcher may resume from; who stands before them begins anew."""

Name = tuple[str, str]
"""Group and kind."""


@dataclass(slots=True)
class _Progress:
    revision: int = 0
    listed: bool = False
    ended: dict[Key, int] = field(default_factory=dict[Key, int])
    """Objects that are gone since the last list, and the revision of their end: older news of them is no news."""


class Cache:
    """Implements reflector.Sink."""

    def __init__(
        self, kinds: Sequence[Kind], *, source_of: Callable[[Key], Source], noted: Callable[[Change], None]
    ) -> None:
        """`source_of`: where an object was written, if that is known. `noted` is called with each change, in order."""
        self.objects: dict[Key, Stored] = {}
        self.newest = 0
        """The number of the last change."""
        self.epoch = 0
        """Raised when the server's history is another one: nothing that was said before counts."""
        self._log: deque[tuple[int, Change]] = deque()
        self._forgotten = 0
        """The number of the last change that the log has no more."""
        self._progress = {(kind.group, kind.kind): _Progress() for kind in kinds}
        self._source_of = source_of
        self._noted = noted
        self._told = asyncio.Event()

    # === from reflectors ===

    def listed(self, kind: Kind, objects: Sequence[Stored], revision: int) -> None:
        """See reflector.Sink."""
        name = (kind.group, kind.kind)
        progress = self._progress[name]
        back = progress.listed and 0 < revision < progress.revision
        there = {one.key: one for one in objects}
        for key in [key for key in self.objects if (key.group, key.kind) == name and key not in there]:
            gone = self.objects.pop(key)
            self._note(ChangeKind.DELETE, Stored(key=key, revision=revision, body=gone.body, source=gone.source))
        for key, one in there.items():
            old = self.objects.get(key)
            if old is None or old.revision != one.revision:
                self._hold(one)
        first = not progress.listed
        progress.listed, progress.revision = True, revision
        progress.ended.clear()
        if back:
            self.epoch += 1
        if back or (first and self.complete):
            self.newest = max(self.newest, *(one.revision for one in self._progress.values()))
            # What was before the first lists is not known: nobody can go on from there.
            self._forgotten = self.newest
            self._log.clear()
        self._tell()

    def heard(self, kind: Kind, change: ChangeKind, one: Stored) -> None:
        """See reflector.Sink."""
        progress = self._progress[kind.group, kind.kind]
        progress.revision = max(progress.revision, one.revision)
        old = self.objects.get(one.key)
        if one.revision > max(old.revision if old else 0, progress.ended.get(one.key, 0)):
            if change is ChangeKind.PUT:
                self._hold(one)
            else:
                progress.ended[one.key] = one.revision
                self.objects.pop(one.key, None)
                self._note(change, self._placed(one))
        self._tell()

    def reached(self, kind: Kind, revision: int) -> None:
        """See reflector.Sink."""
        progress = self._progress[kind.group, kind.kind]
        progress.revision = max(progress.revision, revision)

    # === for the store ===

    @property
    def complete(self) -> bool:
        """Every kind has been listed once."""
        return all(one.listed for one in self._progress.values())

    def known(self, after: int) -> bool:
        """Whether somebody who has been told everything up to a number or revision can go on from there."""
        return self._forgotten <= after <= self.newest

    def since(self, after: int, most: int) -> tuple[tuple[int, Change], ...]:
        """Changes after a number or revision, with their numbers; ask `known` first."""
        start = bisect_right(self._log, after, key=lambda one: one[0])
        return tuple(self._log[i] for i in range(start, min(len(self._log), start + most)))

    async def changed(self, ready: Callable[[], bool]) -> None:
        """Wait until something that was heard makes it so."""
        while not ready():
            await self._told.wait()

    async def beyond(self, number: int, epoch: int) -> None:
        """Wait until there is a change after that number, or nothing counts any more."""
        await self.changed(lambda: self.newest > number or self.epoch != epoch)

    def shows(self, key: Key, revision: int) -> bool:
        """Whether a write of that revision has been heard of; true for kinds that nobody follows."""
        progress = self._progress.get((key.group, key.kind))
        return progress is None or progress.revision >= revision

    def listed_of(self, kind: Kind, namespace: str) -> Sequence[Stored] | None:
        """Objects of a kind in a namespace (in all, for ""); None where nobody follows it, or it is not known yet."""
        name = (kind.group, kind.kind)
        if not (progress := self._progress.get(name)) or not progress.listed:
            return None
        ours = (one for key, one in self.objects.items() if (key.group, key.kind) == name)
        return [one for one in ours if namespace in ("", one.key.namespace)]

    # === the parts ===

    def _hold(self, one: Stored) -> None:
        placed = msgspec.structs.replace(self._placed(one), told=max(self.newest + 1, one.revision))
        self.objects[one.key] = placed
        self._note(ChangeKind.PUT, placed)

    def _placed(self, one: Stored) -> Stored:
        return Stored(key=one.key, revision=one.revision, body=one.body, source=self._source_of(one.key))

    def _note(self, kind: ChangeKind, one: Stored) -> None:
        change = Change(kind=kind, object=one)
        self.newest = max(self.newest + 1, one.revision)
        self._log.append((self.newest, change))
        self._noted(change)
        while len(self._log) > KEEP:
            self._forgotten, _ = self._log.popleft()

    def _tell(self) -> None:
        self._told.set()
        self._told = asyncio.Event()
