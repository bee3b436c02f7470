"""Keep the status of every document as the mesh sees it.

Place:  shell/kube · findings and progress of publish → core/crds/status → [statuses] → kube-apiserver, by apply
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
import structlog

from meltemi.core.crds.status import Progress, is_urgent, status_of
from meltemi.core.model.document import Key
from meltemi.core.model.shown import Resource, Shown
from meltemi.core.model.value import Value
from meltemi.ports.store import NotFoundError, RefusedError, Stored
from meltemi.shell.stores.kube.store import KubeStore

log: Any = structlog.get_logger(__name__)

QUIET = 0.5
"""Seconds between two looks: what lasts shorter, as a proxy that is about to answer, is not worth a write."""
MOST = 50
"""Statuses written in one round: who waits for a new document must not wait for a thousand others."""
CALM = 5.0
"""Seconds without proxies that come or go, after which their number is written: it is in every status."""

Tree = Mapping[str, Any]


class Mesh(Protocol):
    """What is known of documents and proxies."""

    def stamp(self) -> object:
        """Something that is equal as long as nothing has changed."""
        ...

    async def findings(self) -> Sequence[Shown]:
        """All of them."""
        ...

    def progress(self) -> Callable[[int], Progress]:
        """How far the proxies are now, with each store revision."""
        ...


class _Wanted(Value, frozen=True, kw_only=True):
    key: Key
    told: int
    status: dict[str, Any]
    urgent: bool


class Statuses:
    """Writes what has changed."""

    def __init__(self, store: KubeStore, mesh: Mesh, ours: Callable[[Key], bool]) -> None:
        """`ours`: whether an object has a status that we write."""
        self._store = store
        self._mesh = mesh
        self._ours = ours
        self._asked: dict[Key, tuple[str, int]] = {}
        """What an object asks for, and the number with which it came: our own writes make later ones."""
        self._judged: dict[Key, object] = {}
        """What the status of an object was last made from: equal, it need not be made again."""
        self._connected: int = 0
        self._calm_at = 0.0
        """When proxies will have stopped coming and going for long enough."""

    async def run(self) -> None:
        """Run until cancelled, half of the time at most."""
        loop = asyncio.get_running_loop()
        before: object = None
        left = False
        while True:
            began, stamp = loop.time(), self._mesh.stamp()
            if left or stamp != before:
                before = stamp
                left = await self._round(began)
            await asyncio.sleep(max(QUIET, loop.time() - began))

    async def _round(self, now: float) -> bool:
        """Write what cannot wait, the youngest first, then what can if it may; returns whether something is left."""
        progress = self._mesh.progress()
        connected = progress(0).connected
        if connected != self._connected:
            self._connected, self._calm_at = connected, now + CALM
        wanted = await self._wanted(progress)
        due = [one for one in wanted if one.urgent or now >= self._calm_at]
        due.sort(key=lambda one: (one.urgent, one.told), reverse=True)
        for one in due[:MOST]:
            await self._write(one.key, one.status)
        return len(wanted) > len(due[:MOST])

    async def _wanted(self, progress: Callable[[int], Progress]) -> list["_Wanted"]:
        said: dict[Resource, list[Shown]] = defaultdict(list)
        for one in await self._mesh.findings():
            if one.resource:
                said[one.resource].append(one)
        known = {key: stored for key, stored in self._store.known().items() if self._ours(key)}
        for memory in (self._asked, self._judged):
            for key in memory.keys() - known.keys():
                memory.pop(key)
        made = (self._made(stored, said.get(_resource(key), []), progress) for key, stored in known.items())
        return [one for one in made if one is not None]

    def _made(self, stored: Stored, findings: Sequence[Shown], progress: Callable[[int], Progress]) -> "_Wanted | None":
        """A status that the object does not have yet."""
        asked = self._asked.get(stored.key, ("", 0))[1]
        if self._judged.get(stored.key) == (stored.revision, progress(asked), findings):
            return None
        tree: Tree = msgspec.json.decode(stored.body)
        reached = progress(self._revision(stored, tree))
        wanted = status_of(tree, findings, reached, now=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        old: Tree = tree.get("status") or {}
        if wanted == old:
            self._judged[stored.key] = (stored.revision, reached, findings)
            return None
        return _Wanted(key=stored.key, told=stored.told, status=wanted, urgent=is_urgent(wanted, old))

    async def _write(self, key: Key, status: Tree) -> None:
        try:
            await self._store.apply_status(key, status)
        except (NotFoundError, RefusedError) as problem:
            log.info("a status was not written", document=str(key), why=str(problem))

    def _revision(self, stored: Stored, tree: Tree) -> int:
        """With which the object came to ask for what it asks for."""
        asks = f"{tree['metadata'].get('uid')} {tree['metadata'].get('generation')}"
        if self._asked.get(stored.key, ("", 0))[0] != asks:
            self._asked[stored.key] = (asks, stored.told)
        return self._asked[stored.key][1]


def _resource(key: Key) -> Resource:
    return Resource(kind=key.kind, namespace=key.namespace, name=key.name)
