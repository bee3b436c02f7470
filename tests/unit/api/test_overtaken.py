"""In a store that others write too, a change is made of what is there, however often somebody is faster."""

import asyncio
import json
from typing import Any

import pytest

from fakes.store import FakeStore
from meltemi.core.model.document import Key
from meltemi.core.model.kinds import kind_of
from meltemi.ports.store import Source, Stored
from meltemi.shell.servers.api.admission import Admission
from meltemi.shell.servers.api.apply import ApplyRequest, Item, apply
from meltemi.shell.servers.api.namespaces import first_namespaces
from meltemi.shell.servers.api.objects import Objects
from meltemi.shell.servers.api.paths import Target
from meltemi.shell.servers.api.problem import ATTEMPTS, ApiError

KEY = Key(group="networking.istio.io", kind="VirtualService", namespace="default", name="web")
MERGE = "application/merge-patch+json"


class Busy(FakeStore):
    """Somebody else writes a status just before each of our writes, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def put(self, key: Key, body: bytes, *, source: Source | None = None, expected: int | None = None) -> Stored:
        if key == KEY and expected and self.times:
            self.times -= 1
            tree: dict[str, Any] = json.loads(self.objects[key].body)
            await super().put(key, json.dumps(tree | {"status": {"others": self.times}}).encode())
        return await super().put(key, body, source=source, expected=expected)


def target() -> Target:
    kind = kind_of(KEY.group, KEY.kind)
    assert kind
    return Target(kind=kind, group=KEY.group, version="v1", namespace="default", name="web")


def tree(timeout: str) -> dict[str, Any]:
    route = {"route": [{"destination": {"host": "web"}}], "timeout": timeout}
    metadata = {"name": "web", "namespace": "default"}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata,
            "spec": {"hosts": ["web"], "http": [route]}}  # fmt: skip


async def ready(times: int) -> tuple[Objects, Busy]:
    store = Busy(times)
    await first_namespaces(store)
    objects = Objects(store, Admission(validate=lambda tree, namespace: ()))
    await apply(objects, ApplyRequest(objects=(Item(object=tree("1s")),)))
    return objects, store


def stored(store: Busy) -> dict[str, Any]:
    return json.loads(store.objects[KEY].body)


def test_a_patch_and_a_file_take_the_others_status_along() -> None:
    async def test() -> None:
        objects, store = await ready(3)
        await objects.patch(target(), {"spec": {"hosts": ["patched"]}}, MERGE)
        assert (stored(store)["spec"]["hosts"], stored(store)["status"]) == (["patched"], {"others": 0})
        store.times = 3
        answer = await apply(objects, ApplyRequest(objects=(Item(object=tree("2s")),)))
        assert [one.result for one in answer.results] == ["configured"]
        assert (stored(store)["spec"]["http"][0]["timeout"], stored(store)["status"]) == ("2s", {"others": 0})

    asyncio.run(test())


def test_it_ends_where_others_never_rest() -> None:
    async def test() -> None:
        objects, _ = await ready(2 * ATTEMPTS)
        with pytest.raises(ApiError) as refusal:
            await objects.patch(target(), {"spec": {"hosts": ["patched"]}}, MERGE)
        assert refusal.value.code == 409

    asyncio.run(test())
