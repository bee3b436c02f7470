"""Every ConfigStore, and the fake, keeps the promises of the port."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fakes.store import FakeStore
from kube_api import kube_api
from meltemi.core.model.document import Key
from meltemi.core.model.kinds import kind_of
from meltemi.ports.store import Batch, ChangeKind, ConfigStore, ConflictError, NotFoundError, Source
from meltemi.shell.servers.api.admission import Admission
from meltemi.shell.servers.api.app import create_app
from meltemi.shell.servers.api.serve import serve_unix
from meltemi.shell.stores.kube.client import KubeClient
from meltemi.shell.stores.kube.memory import Memory
from meltemi.shell.stores.kube.objects import collection
from meltemi.shell.stores.kube.store import KubeStore, opened
from meltemi.shell.stores.remote import RemoteStore
from meltemi.shell.stores.sqlite import SqliteStore

KEY = Key(group="networking.istio.io", kind="VirtualService", namespace="default", name="reviews")


@asynccontextmanager
async def fake(_: Path) -> AsyncGenerator[ConfigStore]:
    yield FakeStore()


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncGenerator[ConfigStore]:
    with SqliteStore(folder / "store.db") as store:
        yield store


@asynccontextmanager
async def remote(folder: Path) -> AsyncGenerator[ConfigStore]:
    """Through a real server; without validation, since the suite's objects are not sound."""
    socket = folder / "api.sock"
    with SqliteStore(folder / "store.db") as store:
        async with asyncio.TaskGroup() as tasks:
            app = create_app(store, admission=Admission(validate=lambda tree, namespace: ()))
            server = tasks.create_task(serve_unix(app, socket))
            yield RemoteStore(socket)
            server.cancel()


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """Of a real API server."""
    with kube_api(tmp_path_factory.mktemp("kube")) as api:
        yield api.kubeconfig


def kubernetes(kubeconfig: Path) -> "Maker":
    """Two kinds of a real API server, empty at the beginning."""

    @asynccontextmanager
    async def make(folder: Path) -> AsyncGenerator[ConfigStore]:
        kinds = [one for name in ("VirtualService", "Sidecar") if (one := kind_of(KEY.group, name))]
        async with KubeClient(kubeconfig) as client:
            for name in ("a", "b", "default"):
                with contextlib.suppress(ConflictError):
                    await client.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
                for kind in kinds:
                    await client.call("DELETE", collection(kind, name))
            with Memory(folder / "memory.db") as memory:
                async with opened(KubeStore(client, kinds, memory)) as store:
                    yield store

    return make


Maker = Callable[[Path], AbstractAsyncContextManager[ConfigStore]]
MAKERS: dict[str, Maker] = {"fake": fake, "sqlite": sqlite, "remote": remote}
Run = Callable[[Callable[[ConfigStore], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=[*MAKERS, "kubernetes"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Run a coroutine with a fresh store of each maker."""
    name = request.param
    maker = MAKERS[name] if name in MAKERS else kubernetes(request.getfixturevalue("kubeconfig"))

    def with_store(test: Callable[[ConfigStore], Coroutine[Any, Any, None]]) -> None:
        async def body() -> None:
            async with maker(tmp_path) as store, asyncio.timeout(20):
                await test(store)

        asyncio.run(body())

    return with_store


def rule(hosts: str = "reviews", **metadata: str) -> bytes:
    return json.dumps(
        {"kind": "VirtualService", "metadata": {"name": "reviews", **metadata}, "spec": {"hosts": [hosts]}}
    ).encode()


async def first(store: ConfigStore, changes: int, *, after: int = 0) -> list[Batch]:
    """Batches until so many changes came and, from 0 on, the replay is complete."""
    got: list[Batch] = []
    async for batch in store.changes(after=after):
        got.append(batch)
        complete = bool(after) or any(one.complete for one in got)
        if complete and sum(len(one.changes) for one in got) >= changes:
            break
    return got


def test_what_is_put_is_got(run: Run) -> None:
    async def test(store: ConfigStore) -> None:
        put = await store.put(KEY, rule())
        metadata = json.loads((await store.get(KEY)).body)["metadata"]

        assert metadata["resourceVersion"] == str(put.revision)
        assert metadata["uid"]
        assert metadata["creationTimestamp"]
        assert metadata["generation"] == 1

    run(test)


def test_identity_is_kept_and_generation_counts_specs(run: Run) -> None:
    async def test(store: ConfigStore) -> None:
        one = json.loads((await store.put(KEY, rule())).body)["metadata"]
        same = json.loads((await store.put(KEY, rule(label="x"))).body)["metadata"]
        other = json.loads((await store.put(KEY, rule("other"))).body)["metadata"]

        assert one["uid"] == same["uid"] == other["uid"]
        assert [one["generation"], same["generation"], other["generation"]] == [1, 1, 2]

    run(test)


def test_a_writer_that_saw_an_older_revision_is_refused(run: Run) -> None:
    async def test(store: ConfigStore) -> None:
        one = await store.put(KEY, rule(), expected=0)
        await store.put(KEY, rule("b"), expected=one.revision)
        for expected in (0, one.revision, 999):
            with pytest.raises(ConflictError):
                await store.put(KEY, rule("c"), expected=expected)
        with pytest.raises(ConflictError):
            await store.delete(KEY, expected=one.revision)

    run(test)


def test_what_is_deleted_is_gone(run: Run) -> None:
    async def test(store: ConfigStore) -> None:
        await store.put(KEY, rule())
        await store.delete(KEY)
        with pytest.raises(NotFoundError):
            await store.get(KEY)
        with pytest.raises(NotFoundError):
            await store.delete(KEY)

    run(test)


def test_lists_are_sorted_and_of_one_namespace(run: Run) -> None:
    async def test(store: ConfigStore) -> None:
        for namespace, name in (("b", "x"), ("a", "z"), ("a", "y")):
            await store.put(Key(group=KEY.group, kind="Sidecar", namespace=namespace, name=name), b"{}")
        last = await store.put(KEY, rule())
        every, revision = await store.list(KEY.group, "Sidecar")
        own, _ = await store.list(KEY.group, "Sidecar", "a")

        assert [(one.key.namespace, one.key.name) for one in every] == [("a", "y"), ("a", "z"), ("b", "x")]
        assert [one.key.name for one in own] == ["y", "z"]
        assert revision >= last.revision

    run(test)


def test_changes_arrive_in_order_and_without_gaps(run: Run) -> None:
    async def test(store: ConfigStore) -> None:
        start = await store.put(KEY, rule("0"))
        puts = [await store.put(KEY, rule(host)) for host in "123"]
        await store.delete(KEY)
        got = [change for batch in await first(store, 4, after=start.revision) for change in batch.changes]

        assert [json.loads(change.object.body)["spec"]["hosts"][0] for change in got[:3]] == ["1", "2", "3"]
        assert [change.kind for change in got] == [ChangeKind.PUT] * 3 + [ChangeKind.DELETE]
        assert [change.object.revision for change in got[:3]] == [put.revision for put in puts]
        assert got[2].object.revision < got[3].object.revision

    run(test)


def test_a_replay_tells_what_exists_and_says_that_it_is_complete(run: Run) -> None:
    async def test(store: ConfigStore) -> None:
        await store.put(KEY, rule("old"))
        put = await store.put(KEY, rule("new"))
        got = await first(store, 1)

        assert [json.loads(c.object.body)["spec"]["hosts"] for b in got for c in b.changes] == [["new"]]
        assert [batch.complete for batch in got] == [False, True]
        assert [c.object.revision for b in got for c in b.changes] == [put.revision]

    run(test)


def test_an_empty_store_is_complete_at_once(run: Run) -> None:
    async def test(store: ConfigStore) -> None:
        assert (await first(store, 0))[-1].complete

    run(test)


def test_a_watch_waits_for_the_next_write(run: Run) -> None:
    async def test(store: ConfigStore) -> None:
        seen: list[str] = []

        async def watch() -> None:
            async for batch in store.changes(after=0):
                seen.extend(change.object.key.name for change in batch.changes)
                if seen:
                    return

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch())
            await asyncio.sleep(0.05)
            await store.put(KEY, rule())

        assert seen == ["reviews"]

    run(test)


def test_the_source_map_stays_until_another_comes(run: Run) -> None:
    async def test(store: ConfigStore) -> None:
        await store.put(KEY, rule(), source=Source(file="a.yaml", places={"spec": (3, 1, 4)}))
        await store.put(KEY, rule("b"))

        assert (await store.get(KEY)).source.places["spec"] == (3, 1, 4)

    run(test)
