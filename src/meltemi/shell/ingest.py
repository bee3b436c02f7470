"""Carry what the store says into the engine, a quiet moment at a time.

Place:  shell/stores → [ingest] → engine inputs → publish.settle
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog

from meltemi.core.check.mesh import MAP_KEY, is_mesh_map
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.finding import Finding
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.ports.store import Batch, Change, ChangeKind, ConfigStore

log: Any = structlog.get_logger(__name__)

QUIET = Seconds(0.01)
"""A burst ends after so long without a change …"""
AT_MOST = Seconds(0.25)
"""… or so long after its first. Istio's 0.1 s and 10 s suit clusters whose pushes cost seconds."""

Checked = tuple[Document[Value] | None, Sequence[Finding]]


class Ingest:
    """Decodes objects, and knows which version of each is in force."""

    def __init__(
        self,
        engine: Engine,
        *,
        check: Callable[[Any, str], Checked],
        read_mesh: Callable[[bytes], MeshConfig],
        settle: Callable[[int], None],
        complete: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._check = check
        self._read_mesh = read_mesh
        self._settle = settle
        self._complete = complete
        self._keys: dict[tuple[str, str], set[Key]] = {}
        self._replayed: set[Key] | None = set()
        """Keys told since a replay began; None when it is complete."""

    async def run(self, store: ConfigStore) -> None:
        """Run until cancelled. Proxies are told once per burst, not once per change."""
        inbox: asyncio.Queue[Batch] = asyncio.Queue(maxsize=256)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_fill(store, inbox), name="ingest-fill")
            while True:
                await self._burst(inbox)

    async def _burst(self, inbox: "asyncio.Queue[Batch]") -> None:
        batch = await inbox.get()
        self._apply(batch)
        try:
            async with asyncio.timeout(AT_MOST):
                while True:
                    async with asyncio.timeout(QUIET):
                        batch = await inbox.get()
                    self._apply(batch)
        except TimeoutError:
            pass
        if self._replayed is None:
            self._settle(batch.revision)
            self._complete()

    def _apply(self, batch: Batch) -> None:
        if batch.restart:
            self._replayed = set()
        for change in batch.changes:
            self._take(change)
        if batch.complete and self._replayed is not None:
            for key in {key for keys in self._keys.values() for key in keys} - self._replayed:
                self._drop(key)
            self._replayed = None

    def _take(self, change: Change) -> None:
        key = change.object.key
        if change.kind is ChangeKind.DELETE:
            self._drop(key)
            return
        if self._replayed is not None:
            self._replayed.add(key)
        tree: dict[str, Any] = msgspec.json.decode(change.object.body)
        document, findings = self._check(tree, key.namespace)
        if document is None:
            # Its last sound version stays in force; the API shows the findings.
            log.warning("a document has errors", document=str(key), findings=len(findings))
            return
        self._engine.put(("doc", key), document)
        self._list(key, present=True)
        if is_mesh_map(key):
            self._mesh(tree)

    def _drop(self, key: Key) -> None:
        self._engine.put(("doc", key), None)
        self._list(key, present=False)
        if is_mesh_map(key):
            self._mesh({})

    def _list(self, key: Key, *, present: bool) -> None:
        keys = self._keys.setdefault((key.group, key.kind), set())
        if (key in keys) == present:
            return
        (keys.add if present else keys.discard)(key)
        self._engine.put(("docs", key.group, key.kind), frozenset(keys))

    def _mesh(self, tree: dict[str, Any]) -> None:
        data: dict[str, str] = tree.get("data") or {}
        text = data.get(MAP_KEY, "")
        self._engine.put(("mesh",), self._read_mesh(text.encode()))


async def _fill(store: ConfigStore, inbox: "asyncio.Queue[Batch]") -> None:
    async for batch in store.changes(after=0):
        await inbox.put(batch)
