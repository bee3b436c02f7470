"""A draft is a store as it will be; the store below learns of it by its writes alone."""

import asyncio
import json

import pytest

from fakes.store import FakeTogether
from meltemi.core.model.document import Key
from meltemi.ports.store import ConflictError, NotFoundError, Source, Stored
from meltemi.shell.stores.draft import Draft


def key(name: str, namespace: str = "default") -> Key:
    return Key(group="", kind="ConfigMap", namespace=namespace, name=name)


def said(stored: Stored) -> str:
    return json.loads(stored.body)["said"]


def body(said: str) -> bytes:
    return json.dumps({"said": said}).encode()


def test_what_is_written_is_seen_here_and_not_below() -> None:
    async def test() -> None:
        store = FakeTogether()
        old = await store.put(key("b"), body("old"), source=Source(file="b.yaml"))
        await store.put(key("c"), body("c"))
        draft = Draft(store)
        await draft.put(key("b"), body("new"), expected=old.revision)
        await draft.put(key("a"), body("a"))
        await draft.put(key("a", "other"), body("other"))
        await draft.delete(key("c"))

        found, _ = await draft.list("", "ConfigMap", "default")
        assert [(one.key.name, said(one), one.source.file) for one in found] == [("a", "a", ""), ("b", "new", "b.yaml")]
        assert json.loads(found[1].body)["metadata"]["uid"] == json.loads(old.body)["metadata"]["uid"]
        with pytest.raises(NotFoundError):
            await draft.get(key("c"))
        assert [said(one) for one in (await store.list("", "ConfigMap"))[0]] == ["old", "c"]

        await store.write_all(draft.writes)
        assert sorted(said(one) for one in store.objects.values()) == ["a", "new", "other"]

    asyncio.run(test())


def test_several_writes_of_one_object_become_one() -> None:
    async def test() -> None:
        store = FakeTogether()
        draft = Draft(store)
        await draft.put(key("a"), body("1"), expected=0)
        await draft.put(key("a"), body("2"), source=Source(file="a.yaml"))
        await draft.put(key("b"), body("b"))
        await draft.delete(key("b"))

        (write,) = draft.writes
        assert (write.body, write.expected, write.source) == (body("2"), 0, Source(file="a.yaml"))

    asyncio.run(test())


def test_who_writes_below_meanwhile_is_not_overwritten() -> None:
    async def test() -> None:
        store = FakeTogether()
        await store.put(key("a"), body("old"))
        draft = Draft(store)
        await draft.put(key("a"), body("ours"))
        await store.put(key("a"), body("theirs"))

        with pytest.raises(ConflictError):
            await store.write_all(draft.writes)
        with pytest.raises(ConflictError):
            await Draft(store).put(key("a"), body("ours"), expected=1)
        with pytest.raises(NotFoundError):
            await draft.delete(key("nobody"))

    asyncio.run(test())
