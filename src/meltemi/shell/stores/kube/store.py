"""The Kubernetes store: the mesh's objects in a real API server.

Place:  shell/stores · implements ports.ConfigStore and History over kube-apiserver · used by control plane and node

Reads and writes go to the server; `changes` tells what watches of each kind have heard. A write returns when its own
change has been heard here too, so that who writes and then asks for changes from the beginning finds it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from meltemi.core.model.document import Key
from meltemi.core.model.kinds import Kind, KindRole, kind_or_unknown
from meltemi.ports.store import Batch, Change, ChangeKind, ConflictError, NotFoundError, RefusedError, Source, Stored
from meltemi.ports.tokens import TokenRefusedError
from meltemi.shell.stores.kube.cache import Cache
from meltemi.shell.stores.kube.client import APPLY_PATCH, KubeClient, decoded
from meltemi.shell.stores.kube.memory import Memory
from meltemi.shell.stores.kube.objects import Tree, addressed, collection, kind_at, path_of
from meltemi.shell.stores.kube.objects import stored as _stored
from meltemi.shell.stores.kube.reflector import Reflector
from meltemi.shell.stores.kube.writes import remove, write, write_status

BATCH = 500
"""Changes told at a time."""
HEARING = 5.0
"""Seconds that a write waits for the news of itself; the news come all the same."""
MANAGER = "meltemi"
"""Who owns the fields that are written by server-side apply."""


class KubeStore:
    """Kinds of one API server. Open with `opened`."""

    def __init__(self, client: KubeClient, kinds: Sequence[Kind], memory: Memory) -> None:
        self._client = client
        self._kinds = kinds
        self._memory = memory
        self._cache = Cache(kinds, source_of=memory.source, noted=self._note)

    async def follow(self) -> None:
        """Watch every kind until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for kind in self._kinds:
                tasks.create_task(Reflector(self._client, kind, self._cache).run(), name=f"kube: {kind.plural}")

    # === ConfigStore ===

    async def get(self, key: Key) -> Stored:
        """The object now. Raises NotFoundError."""
        try:
            tree = decoded(await self._client.call("GET", path_of(key)))
        except NotFoundError:
            await self._until(lambda: key not in self._cache.objects)
            raise
        return await self._heard(self._kept(tree, kind_at(key)))

    async def list(self, group: str, kind: str, namespace: str = "") -> tuple[tuple[Stored, ...], int]:
        """Objects of a kind, sorted by key, and the revision up to which `changes` has told when it has told them.

        Kinds that are followed come as they were heard last, without a question: a server takes 100 ms for a list that
        is sure to be the latest.
        """
        known = kind_or_unknown(group, kind, "v1")
        await self._until(lambda: self._cache.complete)
        if (found := self._cache.listed_of(known, namespace)) is None:
            found = await self._listed(known, namespace)
        return tuple(sorted(found, key=lambda one: one.key)), self._cache.newest

    async def _listed(self, kind: Kind, namespace: str) -> Sequence[Stored]:
        try:
            page = decoded(await self._client.call("GET", collection(kind, namespace)))
        except NotFoundError:
            return ()  # the server does not serve the kind: there is none of it
        return [self._kept(tree, kind) for tree in page.get("items") or ()]

    async def put(self, key: Key, body: bytes, *, source: Source | None = None, expected: int | None = None) -> Stored:
        """Create or replace, status and all. Raises ConflictError, RefusedError."""
        tree = addressed(key, body)
        await self._until(lambda: self._cache.complete)  # so that changes after this write can be told from here on
        before = self._memory.source(key)
        if source is not None:
            self._memory.place(key, source)
        try:
            written = await write(self._client, key, tree, expected)
        except Exception:
            self._memory.place(key, before)
            raise
        return await self._heard(self._kept(written, kind_at(key)))

    async def delete(self, key: Key, *, expected: int | None = None) -> Stored:
        """Remove for good; returns the last state. Raises NotFoundError, ConflictError."""
        return await self._delete(key, expected, grace=0)

    async def delete_gracefully(self, key: Key) -> Stored:
        """As a user deletes: a Pod is marked, and gone when `delete` is called. Raises NotFoundError."""
        return await self._delete(key, None, grace=None)

    async def changes(self, *, after: int) -> AsyncIterator[Batch]:
        """Every batch after a revision; see the port. Changes after the last batch's revision may be told again."""
        cache = self._cache
        await cache.changed(lambda: cache.complete)
        seen, epoch = after, cache.epoch
        if after and not cache.known(after):
            yield Batch(revision=0, changes=(), restart=True)
            seen = 0
        while True:
            if not seen:
                seen, epoch = cache.newest, cache.epoch
                for batch in _replay(tuple(cache.objects.values()), seen):
                    yield batch
            if epoch != cache.epoch or not cache.known(seen):
                yield Batch(revision=0, changes=(), restart=True)
                seen = 0
            elif told := cache.since(seen, BATCH):
                seen = told[-1][0]
                yield Batch(revision=seen, changes=tuple(change for _, change in told))
            else:
                await cache.beyond(seen, epoch)

    @property
    def newest(self) -> int:
        """The number of the last change that was told."""
        return self._cache.newest

    def known(self) -> Mapping[Key, Stored]:
        """Every object that has been heard of, as it was heard last."""
        return dict(self._cache.objects)

    # === History ===

    def versions(self, key: Key) -> Sequence[Stored]:
        """Versions that are remembered, newest first; see the port."""
        return self._memory.versions(key) if key in self._cache.objects else ()

    def keep(self, key: Key, revision: int) -> None:
        """See the port."""
        self._memory.keep(key, revision)

    # === beyond the port: what the node needs ===

    async def update_status(self, key: Key, status: Mapping[str, Any], *, expected: int | None = None) -> Stored:
        """Replace the status and nothing else. Raises NotFoundError, ConflictError, RefusedError."""
        written = await write_status(self._client, key, status, expected)
        return await self._heard(self._kept(written, kind_at(key)))

    async def apply_status(self, key: Key, status: Mapping[str, Any]) -> None:
        """Own these fields of the status, by server-side apply. Raises NotFoundError, RefusedError."""
        kind = kind_at(key)
        metadata = {"name": key.name, "namespace": key.namespace}
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": status}
        query = {"fieldManager": MANAGER, "force": "true"}
        await self._client.call("PATCH", f"{path_of(key)}/status", body, content_type=APPLY_PATCH, query=query)

    async def create_token(self, namespace: str, account: str, request: Mapping[str, Any]) -> str:
        """The token that a TokenRequest asks for. Raises TokenRefusedError."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        try:
            return str(decoded(await self._client.call("POST", path, request))["status"]["token"])
        except (NotFoundError, ConflictError, RefusedError, LookupError, msgspec.DecodeError) as problem:
            raise TokenRefusedError(f"ServiceAccount '{namespace}/{account}': {problem}") from problem

    # === the parts ===

    def _kept(self, tree: Tree, kind: Kind) -> Stored:
        one = _stored(tree, kind)
        return Stored(key=one.key, revision=one.revision, body=one.body, source=self._memory.source(one.key))

    async def _delete(self, key: Key, expected: int | None, *, grace: int | None) -> Stored:
        last = await self.get(key)
        if expected is not None and last.revision != expected:
            raise ConflictError(f"{key} is at revision {last.revision}, not at {expected}")
        await remove(self._client, key, expected, grace)
        await self._until(lambda: self._went(key, last.revision))
        return last

    def _went(self, key: Key, revision: int) -> bool:
        """Whether anything has been heard of an object since."""
        now = self._cache.objects.get(key)
        return now is None or now.revision != revision

    async def _heard(self, one: Stored) -> Stored:
        """The object with the number by which it is told."""
        await self._until(lambda: self._cache.shows(one.key, one.revision))
        known = self._cache.objects.get(one.key)
        return msgspec.structs.replace(one, told=known.told) if known else one

    async def _until(self, ready: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(HEARING):
                await self._cache.changed(ready)
        except TimeoutError:
            return

    def _note(self, change: Change) -> None:
        one = change.object
        if kind_at(one.key).role is not KindRole.MESH:
            return
        if change.kind is ChangeKind.DELETE:
            self._memory.forget(one.key)
        else:
            self._memory.remember(one, str(msgspec.json.decode(one.body)["metadata"]["uid"]))


@asynccontextmanager
async def opened(store: KubeStore) -> AsyncGenerator[KubeStore]:
    """The store, followed while the block runs."""
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(store.follow(), name="kube: follow")
        try:
            yield store
        finally:
            following.cancel()


def _replay(objects: Sequence[Stored], revision: int) -> list[Batch]:
    """The whole content, then an empty batch that says so."""
    ordered = sorted(objects, key=lambda one: one.revision)
    parts = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    batches = [
        Batch(revision=revision, changes=tuple(Change(kind=ChangeKind.PUT, object=one) for one in part))
        for part in parts
    ]
    return [*batches, Batch(revision=revision, changes=(), complete=True)]
