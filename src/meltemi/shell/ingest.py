"""Carry what the store says into the engine, a quiet moment at a time.

Place:  shell/stores → [ingest] → ahead → engine inputs → publish.settle

Of a burst endpoints are settled first, and are on their way while routes are derived: where a pod has gone, requests
fail until its callers know.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog

from meltemi.core.check.closed import closed
from meltemi.core.check.mesh import MAP_KEY, is_mesh_map
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.ports.store import Batch, Change, ChangeKind, ConfigStore, History, Stored
from meltemi.shell.ahead import Ahead
from meltemi.shell.measures import Measures

log: Any = structlog.get_logger(__name__)

QUIET = Seconds(0.01)
"""A burst ends after so long without a change, or as long as the last one took to settle …"""
AT_MOST = Seconds(0.25)
"""… or so long after its first, or four times as long as the last one took to settle: where changes come without end,
a fifth of the time at most goes into telling. Istio's 0.1 s and 10 s suit clusters whose pushes cost seconds."""

UNSOUND = "M9003"
"""Code of the finding on a document whose last version is not in force."""

Checked = tuple[Document[Value] | None, Sequence[Finding]]


class Ingest:
    """Decodes objects, and knows which version of each is in force."""

    def __init__(
        self,
        engine: Engine,
        *,
        history: History,
        check: Callable[[Any, str], Checked],
        read_mesh: Callable[[bytes], MeshConfig],
        settle: Callable[[int, bool], None],
        complete: Callable[[], None],
        measures: Measures | None = None,
    ) -> None:
        """`settle`: (the store's revision, whether this is all of it)."""
        self._ahead = Ahead(engine)
        self._history = history
        self._check = check
        self._read_mesh = read_mesh
        self._settle = settle
        self._complete = complete
        self._measures = measures or Measures()
        self._keys: dict[tuple[str, str], set[Key]] = {}
        self._listed: dict[tuple[str, str], Key] = {}
        """Kinds of which something came or went in the batch, and the last that did."""
        self._unsound: dict[Key, Finding] = {}
        """What is said of documents whose last version is not in force."""
        self._replayed: set[Key] | None = set()
        """Keys told since a replay began; None when it is complete."""
        self._cost = 0.0
        """Seconds that the last burst took to settle: where changes come faster, waiting for the next saves more."""
        self._free = 0.0
        """From when on endpoints may go ahead again: a fifth of the time at most goes into telling them, too."""

    async def run(self, store: ConfigStore) -> None:
        """Run until cancelled. Proxies are told once per burst, not once per change."""
        inbox: asyncio.Queue[Batch] = asyncio.Queue(maxsize=256)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_fill(store, inbox), name="ingest-fill")
            while True:
                await self._burst(inbox)

    async def _burst(self, inbox: "asyncio.Queue[Batch]") -> None:
        batch = await inbox.get()
        now = asyncio.get_running_loop().time
        begin = last = now()
        at_most, quiet = begin + max(AT_MOST, 4 * self._cost), max(QUIET, self._cost)
        self._apply(batch, begin)
        while (end := min(last + quiet, at_most)) > now() or self._ahead.goes:
            due = min(end, max(self._ahead.since + QUIET, self._free)) if self._ahead.goes else end
            if more := await _within(inbox, due - now()):
                batch, last = more, now()
                self._apply(batch, last)
            elif self._ahead.goes:
                start = now()
                self._told(self._ahead.since, batch.revision, whole=False)
                await asyncio.sleep(0)  # what endpoints make is sent before the rest is derived
                self._free = now() + 4 * (now() - start)
        if self._replayed is None:
            self._ahead.release()
            self._cost = self._told(begin, batch.revision, whole=True)
            self._complete()

    def _told(self, since: float, revision: int, *, whole: bool) -> float:
        """Settle what is in the engine, gathered since a time; seconds that it took."""
        now = asyncio.get_running_loop().time
        start = now()
        self._measures.gathering(since)
        self._measures.gathered(start, whole=whole)
        self._ahead.settled()
        self._settle(revision, whole)
        return now() - start

    def _apply(self, batch: Batch, now: float) -> None:
        self._ahead.now = now
        if batch.restart:
            self._replayed = set()
        with self._measures.stage("check"):
            for change in batch.changes:
                self._take(change)
            self._put_lists()
        if batch.complete and self._replayed is not None:
            for key in {key for keys in self._keys.values() for key in keys} - self._replayed:
                self._drop(key)
            self._put_lists()
            self._replayed = None
        if self._replayed is not None:  # nothing is told before all is known
            self._ahead.release()
            self._ahead.settled()

    def _take(self, change: Change) -> None:
        key = change.object.key
        self._measures.changed(group=key.group, kind=key.kind, event=self._event(change))
        if change.kind is ChangeKind.DELETE:
            self._drop(key)
            return
        if self._replayed is not None:
            self._replayed.add(key)
        was = self._unsound.pop(key, None)
        if not self._put(change.object):
            self._go_back(change.object)
        if was or key in self._unsound:
            self._ahead.put(key, ("unsound",), tuple(self._unsound.values()))

    def _event(self, change: Change) -> str:
        if change.kind is ChangeKind.DELETE:
            return "delete"
        key = change.object.key
        return "update" if key in self._keys.get((key.group, key.kind), ()) else "add"

    def _put(self, stored: Stored) -> bool:
        """Put a version in force, unless it has errors."""
        key = stored.key
        tree: dict[str, Any] = msgspec.json.decode(stored.body)
        document, _ = self._check(tree, key.namespace)
        if document is None:
            return False
        self._enter(document)
        if is_mesh_map(key):
            self._mesh(key, tree)
        return True

    def _enter(self, document: Document[Value]) -> None:
        self._ahead.put(document.key, ("doc", document.key), document)
        self._list(document.key, present=True)

    def _shut(self, bad: Stored) -> bool:
        """Put in force that what an object guards is shut, if it guards anything."""
        document = closed(msgspec.json.decode(bad.body), namespace=bad.key.namespace or "default")
        if document is None or document.key != bad.key:
            return False
        self._enter(document)
        return True

    def _go_back(self, bad: Stored) -> None:
        """Put the last sound version of an object in force: the same one as long as it lasts, also after a restart."""
        older = [old for old in self._history.versions(bad.key) if old.revision < bad.revision]
        sound = next((old for old in older if self._put(old)), None)
        log.warning("a document has errors", document=str(bad.key), revision=bad.revision, in_force=sound is not None)
        if sound is not None:
            self._history.keep(bad.key, sound.revision)
        in_force = f"that of revision {sound.revision} is in force" if sound else "no version of it is in force"
        if sound is None and self._shut(bad):
            in_force += ", and all that it was for is refused"
        self._unsound[bad.key] = Finding(
            code=UNSOUND,
            severity=Severity.WARNING,
            key=bad.key,
            message=f"revision {bad.revision} of this document has errors: {in_force}",
            help="mend the errors and apply the document again",
        )

    def _drop(self, key: Key) -> None:
        if self._unsound.pop(key, None):
            self._ahead.put(key, ("unsound",), tuple(self._unsound.values()))
        self._ahead.put(key, ("doc", key), None)
        self._list(key, present=False)
        if is_mesh_map(key):
            self._mesh(key, {})

    def _list(self, key: Key, *, present: bool) -> None:
        keys = self._keys.setdefault((key.group, key.kind), set())
        if (key in keys) == present:
            return
        (keys.add if present else keys.discard)(key)
        self._listed[key.group, key.kind] = key

    def _put_lists(self) -> None:
        """Once for all changes of a batch: a list is as long as there are objects of its kind."""
        for kind, key in self._listed.items():
            self._ahead.put(key, ("docs", *kind), frozenset(self._keys[kind]))
        self._listed.clear()

    def _mesh(self, key: Key, tree: dict[str, Any]) -> None:
        data: dict[str, str] = tree.get("data") or {}
        text = data.get(MAP_KEY, "")
        self._ahead.put(key, ("mesh",), self._read_mesh(text.encode()))


async def _within(inbox: "asyncio.Queue[Batch]", seconds: float) -> Batch | None:
    """The next batch, if one comes in this time."""
    if seconds <= 0:
        return None
    try:
        async with asyncio.timeout(seconds):
            return await inbox.get()
    except TimeoutError:
        return None


async def _fill(store: ConfigStore, inbox: "asyncio.Queue[Batch]") -> None:
    async for batch in store.changes(after=0):
        await inbox.put(batch)
