"""What the Kubernetes store survives: each time it must hold exactly what a fresh one finds."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from kube_api import KubeApi, kube_api
from meltemi.core.model.document import Key
from meltemi.core.model.kinds import kind_of
from meltemi.ports.store import ChangeKind, ConfigStore, ConflictError
from meltemi.shell.stores.kube.client import KubeClient
from meltemi.shell.stores.kube.memory import Memory
from meltemi.shell.stores.kube.store import KubeStore, opened

GROUP = "networking.istio.io"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[KubeApi]:
    with kube_api(tmp_path_factory.mktemp("kube")) as api:
        yield api


@asynccontextmanager
async def store_of(api: KubeApi, folder: Path) -> AsyncGenerator[KubeStore]:
    kinds = [one for name in ("VirtualService", "DestinationRule") if (one := kind_of(GROUP, name))]
    async with KubeClient(api.kubeconfig) as client:
        with Memory(folder.with_name(f"{folder.name}.db")) as memory:
            async with opened(KubeStore(client, kinds, memory)) as store:
                yield store


def rule(name: str, host: str) -> tuple[Key, bytes]:
    key = Key(group=GROUP, kind="VirtualService", namespace="default", name=name)
    return key, json.dumps({"spec": {"hosts": [host]}}).encode()


class Follower:
    """Somebody who applies batches, as ingest does."""

    def __init__(self) -> None:
        self.objects: dict[Key, str] = {}
        self._coming: dict[Key, str] | None = {}
        self._changed = asyncio.Event()
        self.restarts = 0

    async def run(self, store: ConfigStore) -> None:
        async for batch in store.changes(after=0):
            if batch.restart:
                self._coming, self.restarts = {}, self.restarts + 1
            target = self.objects if self._coming is None else self._coming
            for change in batch.changes:
                if change.kind is ChangeKind.PUT:
                    target[change.object.key] = json.loads(change.object.body)["spec"]["hosts"][0]
                else:
                    target.pop(change.object.key, None)
            if batch.complete and self._coming is not None:
                self.objects, self._coming = self._coming, None
            self._changed.set()

    async def shows(self, wanted: dict[Key, str]) -> None:
        async with asyncio.timeout(60):
            while self._coming is not None or self.objects != wanted:
                self._changed.clear()
                await self._changed.wait()


async def fresh(api: KubeApi, folder: Path) -> dict[Key, str]:
    """What somebody finds who begins now."""
    async with store_of(api, folder) as store:
        found: dict[Key, str] = {}
        async for batch in store.changes(after=0):
            for change in batch.changes:
                found[change.object.key] = json.loads(change.object.body)["spec"]["hosts"][0]
            if batch.complete:
                break
        return found


@asynccontextmanager
async def followed(api: KubeApi, folder: Path) -> AsyncGenerator[tuple[KubeStore, Follower]]:
    """A store, and somebody who has been told all that was there."""
    follower = Follower()
    async with store_of(api, folder / "long") as store, asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follower.run(store))
        await follower.shows(await fresh(api, folder / "first"))
        yield store, follower
        following.cancel()


async def write_elsewhere(api: KubeApi, folder: Path, *rules: tuple[str, str | None]) -> None:
    """As another client would: None deletes."""
    async with store_of(api, folder / "other") as store:
        for name, host in rules:
            key, body = rule(name, host or "")
            if host is None:
                await store.delete(key)
            else:
                await store.put(key, body)


def test_the_server_is_killed_and_comes_back(api: KubeApi, tmp_path: Path) -> None:
    async def test() -> None:
        async with followed(api, tmp_path) as (store, follower):
            await write_elsewhere(api, tmp_path, ("killed-a", "1"), ("killed-b", "1"))
            api.kill("kube-apiserver")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(store.put(*rule("killed-c", "while away")))
                await asyncio.sleep(0.5)
                api.start("kube-apiserver")
            await write_elsewhere(api, tmp_path, ("killed-a", "2"), ("killed-b", None))
            await follower.shows(await fresh(api, tmp_path / "fresh"))
            assert follower.objects[rule("killed-a", "")[0]] == "2"
            assert rule("killed-b", "")[0] not in follower.objects
            assert rule("killed-c", "")[0] in follower.objects

    asyncio.run(test())


def test_history_is_compacted_while_nobody_listens(api: KubeApi, tmp_path: Path) -> None:
    """The watch cannot go on (410): the store lists anew, and tells only what is different."""

    async def test() -> None:
        async with followed(api, tmp_path) as (store, follower):
            await store.put(*rule("compacted-stays", "1"))
            await store.put(*rule("compacted-goes", "1"))
            api.kill("kube-apiserver")
            await jump(api)
            api.start("kube-apiserver")
            await api.ready()
            await write_elsewhere(api, tmp_path, ("compacted-goes", None), ("compacted-new", "1"))
            await follower.shows(await fresh(api, tmp_path / "fresh"))
            assert follower.restarts == 0

    asyncio.run(test())


async def jump(api: KubeApi) -> None:
    """Many revisions of something else, then everything before the last is forgotten, as hours would do it."""
    pki = api.files.pki
    kube = api.settings.kube
    assert kube
    etcd = f"https://127.0.0.1:{kube.etcd_port}"
    async with EtcdGateway(etcd, pki.crt("etcd-ca"), pki.crt("etcd-client"), pki.key("etcd-client")) as gateway:
        revision = 0
        for number in range(50):
            revision = await gateway.put("/meltemi-test", str(number))
        await gateway.compact(revision)


class EtcdGateway:
    """etcd's JSON gateway."""

    def __init__(self, url: str, authority: Path, certificate: Path, key: Path) -> None:
        import ssl

        import httpx2

        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key)
        self._http = httpx2.AsyncClient(base_url=url, verify=context, trust_env=False)

    async def __aenter__(self) -> "EtcdGateway":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def put(self, key: str, value: str) -> int:
        import base64

        words = {"key": base64.b64encode(key.encode()).decode(), "value": base64.b64encode(value.encode()).decode()}
        return await self._call("/v3/kv/put", words)

    async def compact(self, revision: int) -> None:
        await self._call("/v3/kv/compaction", {"revision": str(revision), "physical": True})

    async def _call(self, path: str, body: object) -> int:
        answer = await self._http.post(path, content=msgspec.json.encode(body))
        assert answer.status_code == 200, answer.text
        return int(answer.json()["header"]["revision"])


def test_the_last_sound_version_outlives_the_process(api: KubeApi, tmp_path: Path) -> None:
    async def test() -> None:
        key, good = rule("versions", "good")
        async with store_of(api, tmp_path / "one") as store:
            one = await store.put(key, good)
            store.keep(key, one.revision)
            for number in range(10):
                await store.put(*rule("versions", f"bad-{number}"))
        async with store_of(api, tmp_path / "one") as store:
            async for batch in store.changes(after=0):
                if batch.complete:
                    break
            versions = store.versions(key)
            assert [json.loads(version.body)["spec"]["hosts"][0] for version in (versions[0], versions[-1])] == [
                "bad-9",
                "good",
            ]

    asyncio.run(test())


def test_a_pod_is_bound_and_its_status_is_a_resource_of_its_own(api: KubeApi, tmp_path: Path) -> None:
    async def test() -> None:
        account = Key(group="", kind="ServiceAccount", namespace="default", name="default")
        key = Key(group="", kind="Pod", namespace="default", name="bound")
        pod = {"spec": {"containers": [{"name": "a", "image": "a"}]}}
        kinds = [one for name in ("Pod", "ServiceAccount") if (one := kind_of("", name))]
        async with KubeClient(api.kubeconfig) as client:
            with Memory(tmp_path / "memory.db") as memory:
                async with opened(KubeStore(client, kinds, memory)) as store:
                    with contextlib.suppress(ConflictError):
                        await store.put(account, b"{}", expected=0)
                    made = await store.put(key, json.dumps(pod).encode(), expected=0)
                    tree = json.loads(made.body)
                    tree["spec"]["nodeName"] = "meltemi"
                    bound = await store.put(key, json.dumps(tree).encode(), expected=made.revision)
                    assert json.loads(bound.body)["spec"]["nodeName"] == "meltemi"
                    told = await store.update_status(key, {"phase": "Running"})
                    assert json.loads(told.body)["status"]["phase"] == "Running"
                    with pytest.raises(ConflictError):
                        await store.update_status(key, {"phase": "Failed"}, expected=made.revision)
                    token = await store.create_token("default", "default", {"spec": {"audiences": ["istio-ca"]}})
                    assert token.count(".") == 2
                    await store.delete(key)

    asyncio.run(test())
