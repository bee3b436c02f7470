"""What a reflector does when the server forgets, breaks off, or says what cannot be."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, cast

from meltemi.core.model.kinds import Kind, kind_of
from meltemi.ports.store import ChangeKind, NotFoundError, Stored
from meltemi.shell.stores.kube.client import GoneError, KubeClient
from meltemi.shell.stores.kube.reflector import Reflector


def rules() -> Kind:
    found = kind_of("networking.istio.io", "VirtualService")
    assert found
    return found


def item(name: str, revision: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default", "resourceVersion": str(revision)}}


def event(kind: str, tree: object) -> bytes:
    return json.dumps({"type": kind, "object": tree}).encode()


Watch = Sequence[bytes | Exception]


class Server:
    """Answers lists and watches as a test says, and notes what was asked; then it is silent."""

    def __init__(self, lists: Sequence[object], watches: Sequence[Watch]) -> None:
        self._lists = list(lists)
        self._watches = list(watches)
        self.asked: list[str] = []
        self.silent = asyncio.Event()

    async def call(self, method: str, path: str, *, query: Mapping[str, str]) -> bytes:
        self.asked.append(f"list {query.get('continue', '')}".strip())
        answer = self._lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer).encode()

    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        self.asked.append(f"watch {query['resourceVersion']}")
        if not self._watches:
            self.silent.set()
            await asyncio.Event().wait()
        for line in self._watches.pop(0):
            if isinstance(line, Exception):
                raise line
            yield line


class Heard:
    """Notes what a reflector tells."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def listed(self, kind: Kind, objects: Sequence[Stored], revision: int) -> None:
        self.said.append(("listed", [one.key.name for one in objects], revision))

    def heard(self, kind: Kind, change: ChangeKind, one: Stored) -> None:
        self.said.append((change.value, one.key.name, one.revision))

    def reached(self, kind: Kind, revision: int) -> None:
        self.said.append(("reached", revision))


def listing(*items: dict[str, Any], at: int, more: str = "") -> dict[str, Any]:
    return {"items": items, "metadata": {"resourceVersion": str(at), "continue": more}}


def followed(make: Callable[[], Server]) -> tuple[Server, list[object]]:
    """Run a reflector until the server has nothing more to say."""
    heard = Heard()

    async def run() -> Server:
        server = make()
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(Reflector(cast("KubeClient", server), rules(), heard).run())
            async with asyncio.timeout(20):
                await server.silent.wait()
            task.cancel()
        return server

    return asyncio.run(run()), heard.said


def test_a_list_in_pages_and_a_watch_from_there() -> None:
    server, said = followed(
        lambda: Server(
            [listing(item("a", 3), at=9, more="next"), listing(item("b", 4), at=9)],
            [[event("ADDED", item("c", 10)), event("DELETED", item("a", 11))]],
        )
    )

    assert said == [("listed", ["a", "b"], 9), ("put", "c", 10), ("delete", "a", 11)]
    assert server.asked == ["list", "list next", "watch 9", "watch 11"]


def test_a_bookmark_is_gone_on_from() -> None:
    bookmark = event("BOOKMARK", {"metadata": {"resourceVersion": "50"}})
    server, said = followed(lambda: Server([listing(at=9)], [[bookmark]]))

    assert said == [("listed", [], 9), ("reached", 50)]
    assert server.asked[-1] == "watch 50"


def test_a_broken_watch_goes_on_where_it_was() -> None:
    broken = [event("ADDED", item("a", 10)), ConnectionError("reset")]
    server, said = followed(lambda: Server([listing(at=9)], [broken, [ConnectionError("refused")], []]))

    assert said == [("listed", [], 9), ("put", "a", 10)]
    assert server.asked == ["list", "watch 9", "watch 10", "watch 10", "watch 10"]


def test_what_is_forgotten_is_listed_anew() -> None:
    told = event("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
    server, said = followed(
        lambda: Server([listing(at=9), listing(at=20), listing(at=30)], [[told], [GoneError("at once")]])
    )

    assert said == [("listed", [], 9), ("listed", [], 20), ("listed", [], 30)]
    assert server.asked == ["list", "watch 9", "list", "watch 20", "list", "watch 30"]


def test_a_page_that_is_forgotten_begins_the_list_anew() -> None:
    _, said = followed(
        lambda: Server([listing(item("a", 1), at=9, more="x"), GoneError("expired"), listing(at=20)], [])
    )

    assert said == [("listed", [], 20)]


def test_lines_that_cannot_be_read_lose_nothing() -> None:
    server, said = followed(lambda: Server([listing(at=9)], [[b"{torn"], [event("ADDED", item("a", 10))]]))

    assert said == [("listed", [], 9), ("put", "a", 10)]
    assert server.asked[:3] == ["list", "watch 9", "watch 9"]


def test_a_kind_that_is_not_served_is_asked_for_again() -> None:
    _, said = followed(lambda: Server([NotFoundError("no such kind"), listing(item("a", 3), at=9)], []))

    assert said == [("listed", [], 0), ("listed", ["a"], 9)]


def test_revisions_that_come_out_of_order_are_not_gone_back_to() -> None:
    server, _ = followed(
        lambda: Server([listing(at=9)], [[event("MODIFIED", item("a", 12)), event("MODIFIED", item("b", 11))]])
    )

    assert server.asked[-1] == "watch 12"
