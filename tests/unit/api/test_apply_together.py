"""Over a store that writes several objects together, an `apply` is one write."""

import asyncio
import json
from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Any

import pytest

from fakes.store import FakeTogether
from meltemi.core.model.document import Key
from meltemi.ports.store import ConflictError, Stored, Write
from meltemi.shell.servers.api.admission import Admission
from meltemi.shell.servers.api.apply import ApplyRequest, Item, apply
from meltemi.shell.servers.api.namespaces import first_namespaces
from meltemi.shell.servers.api.objects import Objects
from meltemi.shell.servers.api.problem import ATTEMPTS, ApiError


class Counting(FakeTogether):
    """Counts writes, and refuses so many of them at their end."""

    def __init__(self, refused: int = 0) -> None:
        super().__init__()
        self.refused = refused
        self.asked: list[int] = []

    async def write_all(self, writes: Sequence[Write]) -> tuple[Stored, ...]:
        self.asked.append(len(writes))
        if self.refused:
            self.refused -= 1
            raise ConflictError("somebody else wrote")
        return await super().write_all(writes)


async def ready(store: Counting) -> Objects:
    await first_namespaces(store)
    nothing = Admission(validate=lambda tree, namespace: (), service_cidr=IPv4Network("198.19.0.0/24"))
    return Objects(store, nothing)


def service(name: str, **spec: Any) -> Item:
    spec = {"ports": [{"port": 80}], **spec}
    return Item(object={"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})


def address(store: FakeTogether, name: str) -> str:
    key = Key(group="", kind="Service", namespace="default", name=name)
    return json.loads(store.objects[key].body)["spec"]["clusterIP"]


def test_all_objects_are_one_write_and_addresses_differ() -> None:
    async def test() -> None:
        store = Counting()
        objects = await ready(store)
        answer = await apply(objects, ApplyRequest(objects=(service("a"), service("b"), service("c"))))

        assert store.asked == [3]
        assert [(one.name, one.result, one.revision) for one in answer.results] == [
            ("a", "created", 3),
            ("b", "created", 4),
            ("c", "created", 5),
        ]
        assert len({address(store, name) for name in "abc"}) == 3
        await apply(objects, ApplyRequest(objects=(service("d"),)))
        assert len({address(store, name) for name in "abcd"}) == 4

    asyncio.run(test())


def test_an_object_that_is_said_twice_is_what_is_said_last() -> None:
    async def test() -> None:
        store = Counting()
        objects = await ready(store)
        twice = (service("a"), service("a", selector={"app": "web"}))
        answer = await apply(objects, ApplyRequest(objects=twice))

        assert store.asked == [1]
        assert [(one.result, one.revision) for one in answer.results] == [("created", 3), ("configured", 3)]
        again = await apply(objects, ApplyRequest(objects=(twice[1],)))
        assert [one.result for one in again.results] == ["unchanged"]

    asyncio.run(test())


def test_others_writes_in_between_are_tried_again_and_nothing_is_half_there() -> None:
    async def test() -> None:
        store = Counting(refused=1)
        objects = await ready(store)
        await apply(objects, ApplyRequest(objects=(service("a"), service("b"))))
        assert store.asked == [2, 2]

        store.refused = ATTEMPTS
        with pytest.raises(ApiError) as refusal:
            await apply(objects, ApplyRequest(objects=(service("c"), service("d"))))
        assert refusal.value.code == 409
        assert {key.name for key in store.objects if key.kind == "Service"} == {"a", "b"}

    asyncio.run(test())


def test_a_dry_run_writes_nothing() -> None:
    async def test() -> None:
        store = Counting()
        answer = await apply(await ready(store), ApplyRequest(objects=(service("a"), service("b")), dry_run=True))

        assert [one.result for one in answer.results] == ["created", "created"]
        assert store.asked == []
        assert {key.kind for key in store.objects} == {"Namespace"}

    asyncio.run(test())
