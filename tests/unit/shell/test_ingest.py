"""The last sound version of a document is in force, also after a restart."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from meltemi.core.check.validate import check_document
from meltemi.core.compose.authorization import action_of, authorization_head
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.finding import Finding
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.model.traffic.virtual_service import VirtualService
from meltemi.shell.ingest import Ingest
from meltemi.shell.stores.sqlite import SqliteStore

KEY = Key(group="networking.istio.io", kind="VirtualService", namespace="default", name="a")


def document(host: str) -> bytes:
    """Sound, unless the host is no host."""
    http = [{"route": [{"destination": {"host": "b"}}]}]
    return json.dumps({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "a", "namespace": "default"}, "spec": {"hosts": [host], "http": http},
    }).encode()  # fmt: skip


def ingest_of(engine: Engine, store: SqliteStore, settle: Callable[[int], None], complete: asyncio.Event) -> Ingest:
    return Ingest(
        engine,
        history=store,
        check=lambda tree, namespace: check_document(tree, namespace=namespace),
        read_mesh=lambda _: MeshConfig(),
        settle=lambda revision, _: settle(revision),
        complete=complete.set,
    )


async def started(store: SqliteStore) -> Engine:
    """The engine of a control plane that has just read the whole store."""
    engine, complete = Engine(), asyncio.Event()
    ingest = ingest_of(engine, store, lambda _: None, complete)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ingest.run(store))
        await complete.wait()
        running.cancel()
    return engine


def in_force(engine: Engine) -> tuple[str, ...]:
    found = cast("Document[VirtualService] | None", engine.read(("doc", KEY)))
    return found.spec.hosts if found else ()


def said(engine: Engine) -> list[str]:
    return [one.message for one in cast("tuple[Finding, ...]", engine.read(("unsound",)))]


def test_the_last_sound_version_is_in_force_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        with SqliteStore(tmp_path / "store.db") as store:
            for host in ("old", "good", "b_a_d..", "worse.."):
                last = await store.put(KEY, document(host))
            engine = await started(store)
        assert in_force(engine) == ("good",)
        assert said(engine) == [
            f"revision {last.revision} of this document has errors: that of revision {last.revision - 2} is in force"
        ]

    asyncio.run(run())


def test_the_last_sound_version_is_not_forgotten_by_compaction(tmp_path: Path) -> None:
    async def run() -> None:
        with SqliteStore(tmp_path / "store.db") as store:
            await store.put(KEY, document("good"))
            await store.put(KEY, document("b_a_d.."))
            await started(store)
            store.compact(keep=0)
        with SqliteStore(tmp_path / "store.db") as store:
            assert in_force(await started(store)) == ("good",)

    asyncio.run(run())


def test_a_version_from_before_a_deletion_is_not_in_force(tmp_path: Path) -> None:
    async def run() -> None:
        with SqliteStore(tmp_path / "store.db") as store:
            await store.put(KEY, document("good"))
            await store.delete(KEY)
            await store.put(KEY, document("b_a_d.."))
            engine = await started(store)
        assert in_force(engine) == ()
        assert "no version of it is in force" in said(engine)[0]

    asyncio.run(run())


def test_changes_that_come_faster_than_they_settle_are_gathered(tmp_path: Path) -> None:
    """Each comes after more than the quiet time of a burst, and before the last one would have settled alone."""
    settled: list[int] = []

    def settle(revision: int) -> None:
        settled.append(revision)
        time.sleep(0.06)

    async def run() -> int:
        with SqliteStore(tmp_path / "store.db") as store:
            complete = asyncio.Event()
            ingest = ingest_of(Engine(), store, settle, complete)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(ingest.run(store))
                await complete.wait()
                last = 0
                for number in range(40):
                    last = (await store.put(KEY, document(f"h{number}"))).revision
                    await asyncio.sleep(0.02)
                async with asyncio.timeout(20):
                    while settled[-1] < last:  # noqa: ASYNC110  (settle is no coroutine)
                        await asyncio.sleep(0.02)
                running.cancel()
            return last

    last = asyncio.run(run())

    assert settled[-1] == last
    assert len(settled) < 15


POLICY = Key(group="security.istio.io", kind="AuthorizationPolicy", namespace="default", name="p")


UNREADABLE: list[tuple[Any, dict[str, str], Any]] = [
    ({"rulez": []}, {}, (Action.DENY, (), False)),
    ({"rules": [{"to": []}], "selector": {"matchLabels": {"a": "b"}}}, {}, (Action.DENY, (("a", "b"),), False)),
    ({"rules": [{"to": []}], "selector": {"matchLabel": {"a": "b"}}}, {}, (Action.DENY, (), False)),
    ({"rules": [{"to": []}]}, {"istio.io/dry-run": "yes"}, (Action.DENY, (), False)),
    ({"rules": [{"to": []}]}, {"istio.io/dry-run": "true"}, (Action.DENY, (), True)),
    ("rules", {}, (Action.DENY, (), False)),
    ({"rules": [{"to": []}], "action": "AUDIT"}, {}, None),
]
"""(spec, annotations, what is in force: action, selector, dry run)."""


def policy(spec: object, annotations: dict[str, str] | None = None) -> bytes:
    meta = {"name": "p", "namespace": "default", "annotations": annotations or {}}
    whole = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": spec}
    return json.dumps(whole).encode()


@pytest.mark.parametrize(("spec", "annotations", "in_force"), UNREADABLE)
def test_what_an_unreadable_policy_guards_is_shut(
    tmp_path: Path, spec: object, annotations: dict[str, str], in_force: object
) -> None:
    async def run() -> None:
        with SqliteStore(tmp_path / "store.db") as store:
            await store.put(POLICY, policy(spec, annotations))
            engine = await started(store)
        assert action_and_place(engine) == in_force
        assert ("and all that it was for is refused" in said(engine)[0]) is (in_force is not None)

    asyncio.run(run())


def action_and_place(engine: Engine) -> object:
    head, action = engine.get(authorization_head, POLICY), engine.get(action_of, POLICY)
    return (action[0], head.selector, action[1]) if head and action else None


def test_a_sound_version_of_a_policy_stays_in_force(tmp_path: Path) -> None:
    async def run() -> None:
        with SqliteStore(tmp_path / "store.db") as store:
            await store.put(POLICY, policy({"rules": None}))
            await store.put(POLICY, policy({"rulez": None}))
            engine = await started(store)
        assert action_and_place(engine) == (Action.ALLOW, (), False)

    asyncio.run(run())
