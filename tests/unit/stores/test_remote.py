"""The store of another process survives that process."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from meltemi.core.model.document import Key
from meltemi.ports.store import ChangeKind
from meltemi.shell.stores.remote import RefusedError, RemoteStore
from unit.api.conftest import start

POD = Key(group="", kind="Pod", namespace="default", name="web")
RULE = Key(group="networking.istio.io", kind="VirtualService", namespace="default", name="web")
BODY = json.dumps({"spec": {"containers": [{"name": "c", "image": "i"}]}}).encode()


def again(process: subprocess.Popen[bytes], state: Path) -> subprocess.Popen[bytes]:
    """Kill a server and start the next."""
    process.kill()
    process.wait()
    return start(state)


def test_a_watch_goes_on_over_a_kill_without_repetition(tmp_path: Path) -> None:
    process = start(tmp_path)

    async def test() -> list[str]:
        nonlocal process
        store = RemoteStore(tmp_path / "api.sock")
        seen: list[str] = []
        async with asyncio.timeout(30):
            async for batch in store.changes(after=0):
                seen += [change.object.key.name for change in batch.changes]
                if batch.complete:
                    process = await asyncio.to_thread(again, process, tmp_path)
                    await store.put(POD, BODY)
                if "web" in seen:
                    return seen
        return seen

    try:
        assert asyncio.run(test()) == ["default", "kube-system", "web"]
    finally:
        process.kill()


def test_calls_wait_for_the_server(tmp_path: Path) -> None:
    async def test() -> bool:
        store = RemoteStore(tmp_path / "api.sock")
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(30):
            call = tasks.create_task(store.put(POD, BODY))
            process = await asyncio.to_thread(start, tmp_path)
            revision = (await call).revision
        process.kill()
        return revision > 0

    assert asyncio.run(test())


def test_status_is_written_alone_and_pods_leave_gracefully(tmp_path: Path) -> None:
    process = start(tmp_path)

    async def test() -> None:
        store = RemoteStore(tmp_path / "api.sock")
        await store.put(POD, BODY, expected=0)
        status = await store.update_status(POD, {"phase": "Running"})
        assert json.loads(status.body)["spec"]["containers"]

        await store.delete_gracefully(POD)
        assert "deletionTimestamp" in json.loads((await store.get(POD)).body)["metadata"]
        await store.delete(POD)
        assert (await store.list("", "Pod"))[0] == ()

    try:
        asyncio.run(test())
    finally:
        process.kill()


def test_an_unsound_object_is_refused(tmp_path: Path) -> None:
    process = start(tmp_path)

    async def test() -> None:
        with pytest.raises(RefusedError, match="hosts"):
            await RemoteStore(tmp_path / "api.sock").put(RULE, b'{"spec": {"hosts": 7}}')

    try:
        asyncio.run(test())
    finally:
        process.kill()


def test_a_deletion_is_told(tmp_path: Path) -> None:
    process = start(tmp_path)

    async def test() -> ChangeKind:
        store = RemoteStore(tmp_path / "api.sock")
        made = await store.put(POD, BODY)
        await store.delete(POD)
        batch = await anext(aiter(store.changes(after=made.revision)))
        return batch.changes[0].kind

    try:
        assert asyncio.run(test()) is ChangeKind.DELETE
    finally:
        process.kill()
