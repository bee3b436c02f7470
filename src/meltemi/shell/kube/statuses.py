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

from meltemi.core.crds.status import Progress, status_of
from meltemi.core.model.document import Key
from meltemi.core.model.shown import Resource, Shown
from meltemi.ports.store import NotFoundError, RefusedError, Stored
from meltemi.shell.stores.kube.store import KubeStore

log: Any = structlog.get_logger(__name__)

QUIET = 0.5
"""Seconds between two looks: what lasts shorter, as a proxy that is about to answer, is not worth a write."""

Tree = Mapping[str, Any]


class Mesh(Protocol):
    """What is known of documents and proxies."""

    def stamp(self) -> object:
        """Something that is equal as long as nothing has changed."""
        ...

    async def findings(self) -> Sequence[Shown]:
        """All of them."""
        ...

    def progress(self, revision: int) -> Progress:
        """How far the proxies are with a store revision."""
        ...


class Statuses:
    """Writes what has changed."""

    def __init__(self, store: KubeStore, mesh: Mesh, ours: Callable[[Key], bool]) -> None:
        """`ours`: whether an object has a status that we write."""
        self._store = store
        self._mesh = mesh
        self._ours = ours
        self._written: dict[Key, tuple[str, int]] = {}
        """What an object asks for, and the revision with which it came: our own writes make later ones."""

    async def run(self) -> None:
        """Run until cancelled."""
        before: object = None
        while True:
            await asyncio.sleep(QUIET)
            stamp = self._mesh.stamp()
            if stamp != before:
                before = stamp
                await self._round()

    async def _round(self) -> None:
        said: dict[Resource, list[Shown]] = defaultdict(list)
        for one in await self._mesh.findings():
            if one.resource:
                said[one.resource].append(one)
        known = {key: stored for key, stored in self._store.known().items() if self._ours(key)}
        self._written = {key: of for key, of in self._written.items() if key in known}
        for key, stored in known.items():
            await self._write(stored, said.get(_resource(key), []))

    async def _write(self, stored: Stored, findings: Sequence[Shown]) -> None:
        tree: Tree = msgspec.json.decode(stored.body)
        progress = self._mesh.progress(self._revision(stored, tree))
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = status_of(tree, findings, progress, now=now)
        if wanted == tree.get("status"):
            return
        try:
            await self._store.apply_status(stored.key, wanted)
        except (NotFoundError, RefusedError) as problem:
            log.info("a status was not written", document=str(stored.key), why=str(problem))

    def _revision(self, stored: Stored, tree: Tree) -> int:
        """With which the object came to ask for what it asks for."""
        asks = f"{tree['metadata'].get('uid')} {tree['metadata'].get('generation')}"
        if self._written.get(stored.key, ("", 0))[0] != asks:
            self._written[stored.key] = (asks, stored.told)
        return self._written[stored.key][1]


def _resource(key: Key) -> Resource:
    return Resource(kind=key.kind, namespace=key.namespace, name=key.name)
