"""A watch: JSON lines of what happens to the objects of one kind.

Place:  servers/api · ports.ConfigStore.changes → [watch] → a response that does not end
Source: Kubernetes, API concepts, "Efficient detection of changes".
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec

from meltemi.core.model.document import Key
from meltemi.ports.store import Batch, Change, ChangeKind, ConfigStore
from meltemi.shell.servers.api.paths import Target
from meltemi.shell.servers.api.problem import ApiError
from meltemi.shell.servers.api.rules import served
from meltemi.shell.servers.api.selectors import Matches
from meltemi.shell.servers.api.trees import Object

DEFAULT_SECONDS = 3600.0
"""After which a watch ends that does not say how long it wants; the caller asks again."""


@dataclass(slots=True)
class Watch:
    """What one caller watches, and what it has been told of."""

    target: Target
    matches: Matches
    bookmarks: bool
    known: set[Key] = field(default_factory=set[Key])
    """Objects that the caller has, as far as this watch can know."""
    resumed: bool = False
    """The caller may have objects from an earlier watch, that are gone by now."""
    seen: set[Key] = field(default_factory=set[Key])

    def events(self, batch: Batch) -> list[Object]:
        """What to tell of a batch; a bookmark where the replay ends, or nothing of it was wanted."""
        found = [event for change in batch.changes if self._concerned(change) and (event := self._event(change))]
        if self.bookmarks and (batch.complete or not found):
            found.append(self._bookmark(batch))
        return found

    def _concerned(self, change: Change) -> bool:
        key, kind = change.object.key, self.target.kind
        own = (key.group, key.kind) == (kind.group, kind.kind)
        return own and self.target.namespace in ("", key.namespace) and self.target.name in ("", key.name)

    def _event(self, change: Change) -> Object | None:
        """An object that stops matching is deleted to this caller, one that begins to match is added."""
        key, tree = change.object.key, msgspec.json.decode(change.object.body)
        first, told = key not in self.seen, key in self.known
        self.seen.add(key)
        if change.kind is ChangeKind.PUT and self.matches(tree):
            self.known.add(key)
            return self._line("MODIFIED" if told else "ADDED", tree)
        self.known.discard(key)
        # Of an object that it does not know, a caller ignores the end; one that it had must not stay for ever.
        if not told and not (first and self.resumed):
            return None
        tree["metadata"]["resourceVersion"] = str(change.object.revision)
        return self._line("DELETED", tree)

    def _line(self, event: str, tree: Object) -> Object:
        return {"type": event, "object": served(tree, self.target)}

    def _bookmark(self, batch: Batch) -> Object:
        metadata: Object = {"resourceVersion": str(batch.revision)}
        if batch.complete:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        return self._line("BOOKMARK", {"kind": self.target.kind.kind, "metadata": metadata})


async def watched(store: ConfigStore, watch: Watch, after: int, seconds: float) -> AsyncIterator[bytes]:
    """The lines, until the time is over. After 0: everything that exists comes first."""
    if after:
        stored, _ = await store.list(watch.target.kind.group, watch.target.kind.kind, watch.target.namespace)
        watch.resumed = True
        watch.known = {one.key for one in stored if watch.matches(msgspec.json.decode(one.body))}
    try:
        async with asyncio.timeout(seconds):
            async for batch in store.changes(after=after):
                if batch.restart:
                    yield _encoded({"type": "ERROR", "object": _expired(after).status()})
                    return
                for event in watch.events(batch):
                    yield _encoded(event)
    except TimeoutError:
        return


def _expired(after: int) -> ApiError:
    return ApiError(410, "Expired", f"revision {after} is no longer kept: list, and watch from there")


def _encoded(event: Object) -> bytes:
    return msgspec.json.encode(event) + b"\n"
