"""Statuses are written when they have something new to say, and no oftener."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from meltemi.core.crds.status import Progress
from meltemi.core.model.document import Key
from meltemi.core.model.shown import Shown
from meltemi.ports.store import Stored
from meltemi.shell.kube import statuses
from meltemi.shell.kube.statuses import Statuses
from meltemi.shell.stores.kube.store import KubeStore


class Store:
    """Holds documents, and notes what is written; as a server it answers a write with a new revision."""

    def __init__(self) -> None:
        self.objects: dict[Key, Stored] = {}
        self.newest = 0
        self.written: list[str] = []

    def put(self, name: str, *, generation: int = 1, status: object = None) -> None:
        self.newest += 1
        key = Key(group="networking.istio.io", kind="VirtualService", namespace="default", name=name)
        metadata = {"name": name, "namespace": "default", "uid": name, "generation": generation}
        body = json.dumps({"metadata": metadata, "status": status}).encode()
        self.objects[key] = Stored(key=key, revision=self.newest, body=body, told=self.newest)

    def known(self) -> Mapping[Key, Stored]:
        return dict(self.objects)

    async def apply_status(self, key: Key, status: Mapping[str, Any]) -> None:
        programmed = next(one["message"] for one in status["conditions"] if one["type"] == "Programmed")
        self.written.append(f"{key.name} {programmed}")
        generation = json.loads(self.objects[key].body)["metadata"]["generation"]
        self.put(key.name, generation=generation, status=status)


class Mesh:
    """Of which a test says how many proxies there are and who owes an answer."""

    def __init__(self) -> None:
        self.connected = 2
        self.late_from = 0
        """Revisions from here on lack an answer; 0: none does."""

    def stamp(self) -> object:
        return object()

    async def findings(self) -> Sequence[Shown]:
        return ()

    def progress(self) -> Callable[[int], Progress]:
        def at(revision: int) -> Progress:
            late = bool(self.late_from) and revision >= self.late_from
            return Progress(acknowledged=self.connected - late, connected=self.connected)

        return at


def rounds(test: Callable[[Store, Mesh, Callable[[float], Any]], Any]) -> None:
    """Run a test that calls for rounds at times of its own."""
    store, mesh = Store(), Mesh()
    made = Statuses(cast("KubeStore", store), mesh, lambda key: True)
    round_at: Callable[[float], Any] = made._round  # pyright: ignore[reportPrivateUsage]  (its clock)
    asyncio.run(test(store, mesh, round_at))


def test_a_document_gets_one_status_as_long_as_nothing_changes() -> None:
    async def test(store: Store, mesh: Mesh, round_at: Callable[[float], Any]) -> None:
        store.put("a")
        for now in range(20):
            await round_at(now)
        assert store.written == ["a 2/2"]

    rounds(test)


def test_our_own_write_makes_no_proxy_have_it() -> None:
    async def test(store: Store, mesh: Mesh, round_at: Callable[[float], Any]) -> None:
        store.put("a")
        mesh.late_from = 1
        await round_at(0)
        mesh.late_from = 1  # still: the status made revision 2, and the proxy owes the answer to revision 1
        await round_at(1)
        mesh.late_from = 0
        await round_at(2)
        assert store.written == ["a 1/2", "a 2/2"]

    rounds(test)


def test_proxies_that_come_and_go_are_counted_when_it_is_calm() -> None:
    async def test(store: Store, mesh: Mesh, round_at: Callable[[float], Any]) -> None:
        store.put("a")
        await round_at(0)
        for now in range(1, 5):
            mesh.connected += 1
            assert await round_at(now)
        assert store.written == ["a 2/2"]
        await round_at(4 + statuses.CALM)
        assert store.written == ["a 2/2", "a 6/6"]

    rounds(test)


def test_who_waits_for_a_new_document_does_not_wait_for_the_others() -> None:
    async def test(store: Store, mesh: Mesh, round_at: Callable[[float], Any]) -> None:
        for number in range(3 * statuses.MOST):
            store.put(f"old-{number}")
        assert await round_at(0)
        store.put("new")
        await round_at(1)
        assert store.written[statuses.MOST] == "new 2/2"
        assert len(store.written) == 2 * statuses.MOST

    rounds(test)


def test_a_change_of_what_is_asked_for_counts_anew() -> None:
    async def test(store: Store, mesh: Mesh, round_at: Callable[[float], Any]) -> None:
        store.put("a")
        await round_at(0)
        status = json.loads(next(iter(store.objects.values())).body)["status"]
        store.put("a", generation=2, status=status)
        mesh.late_from = store.newest
        await round_at(1)
        assert store.written == ["a 2/2", "a 1/2"]

    rounds(test)
