"""The controllers make what is missing, replace what ends, and take away what has lost its owner."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from meltemi.core.model.document import Key
from meltemi.core.node.settings import NodeSettings
from meltemi.shell.runtime.controllers import run_controllers
from meltemi.shell.servers.api.app import create_app
from meltemi.shell.servers.api.namespaces import first_namespaces
from meltemi.shell.servers.api.serve import serve_unix
from meltemi.shell.stores.remote import RemoteStore
from meltemi.shell.stores.sqlite import SqliteStore


class Cluster:
    """The API with a kubelet that makes every pod ready at once, and ends it when that is asked for."""

    def __init__(self, store: RemoteStore) -> None:
        self.store = store

    async def apply(self, kind: str, name: str, *, group: str = "", namespace: str = "default", **tree: Any) -> None:
        metadata = {"name": name, "namespace": namespace, **tree.pop("metadata", {})}
        version = f"{group}/v1" if group else "v1"
        body = msgspec.json.encode({"apiVersion": version, "kind": kind, "metadata": metadata, **tree})
        await self.store.put(Key(group=group, kind=kind, namespace=namespace, name=name), body)

    async def trees(self, kind: str, group: str = "") -> list[dict[str, Any]]:
        found, _ = await self.store.list(group, kind)
        return [msgspec.json.decode(one.body) for one in found]

    async def names(self, kind: str, group: str = "") -> list[str]:
        return [tree["metadata"]["name"] for tree in await self.trees(kind, group)]

    async def kubelet(self) -> None:
        while True:
            for number, pod in enumerate(await self.trees("Pod")):
                if "deletionTimestamp" in pod["metadata"]:
                    await self.store.delete(key_of(pod))
                elif "status" not in pod and pod["spec"].get("nodeName"):
                    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}
                    status = {"phase": "Running", "podIP": f"198.18.0.{number + 2}", "conditions": [ready]}
                    await self.put({**pod, "status": status})
            await asyncio.sleep(0.01)

    async def put(self, tree: dict[str, Any]) -> None:
        await self.store.put(key_of(tree), msgspec.json.encode(tree))

    async def until(self, check: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.timeout(10):
            while not await check():  # noqa: ASYNC110 (asks a store, which has no event to wait for)
                await asyncio.sleep(0.01)


def key_of(tree: dict[str, Any]) -> Key:
    meta = tree["metadata"]
    return Key(group="", kind=tree["kind"], namespace=meta["namespace"], name=meta["name"])


@asynccontextmanager
async def running(folder: Path) -> AsyncGenerator[Cluster]:
    """Controllers that work through the real API."""
    socket = folder / "api.sock"
    with SqliteStore(folder / "store.db") as store:
        await first_namespaces(store)
        cluster = Cluster(RemoteStore(socket))
        async with asyncio.TaskGroup() as tasks:
            started = [
                tasks.create_task(serve_unix(create_app(store), socket)),
                tasks.create_task(run_controllers(cluster.store, NodeSettings())),
                tasks.create_task(cluster.kubelet()),
            ]
            yield cluster
            for task in started:
                task.cancel()


def deployment(version: str, replicas: int = 2) -> dict[str, Any]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": version}]}}
    return {"group": "apps", "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}}


async def settled(cluster: Cluster, version: str, replicas: int) -> bool:
    pods = await cluster.trees("Pod")
    images = [pod["spec"]["containers"][0]["image"] for pod in pods]
    (web,) = await cluster.trees("Deployment", "apps")
    return images == [version] * replicas and web.get("status", {}).get("availableReplicas") == replicas


def test_a_deployment_becomes_pods_and_rolls_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as cluster:
            await cluster.apply("Deployment", "web", **deployment("one"))
            await cluster.until(lambda: settled(cluster, "one", 2))
            await cluster.apply("Deployment", "web", **deployment("two", 3))
            await cluster.until(lambda: settled(cluster, "two", 3))
            assert len(await cluster.names("ReplicaSet", "apps")) == 2

    asyncio.run(story())


def test_a_lost_pod_is_replaced(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as cluster:
            await cluster.apply("Deployment", "web", **deployment("one"))
            await cluster.until(lambda: settled(cluster, "one", 2))
            lost = (await cluster.names("Pod"))[0]
            await cluster.store.delete_gracefully(Key(group="", kind="Pod", namespace="default", name=lost))
            await cluster.until(lambda: replaced(cluster, lost))

    async def replaced(cluster: Cluster, lost: str) -> bool:
        return lost not in await cluster.names("Pod") and await settled(cluster, "one", 2)

    asyncio.run(story())


def test_a_deployment_takes_its_pods_along(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as cluster:
            await cluster.apply("Deployment", "web", **deployment("one"))
            await cluster.apply("Pod", "bare", spec={"containers": [{"name": "c", "image": "i"}]})
            await cluster.until(lambda: settled_names(cluster, 3))
            await cluster.store.delete(Key(group="apps", kind="Deployment", namespace="default", name="web"))
            await cluster.until(lambda: settled_names(cluster, 1))
            assert await cluster.names("Pod") == ["bare"]

    async def settled_names(cluster: Cluster, count: int) -> bool:
        return len(await cluster.names("Pod")) == count

    asyncio.run(story())


def test_a_namespace_takes_everything_along(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as cluster:
            await cluster.apply("Namespace", "shop", namespace="")
            await cluster.apply("Deployment", "web", namespace="shop", **deployment("one"))
            await cluster.until(lambda: inside(cluster, "Pod", ""))
            await cluster.store.delete(Key(group="", kind="Namespace", namespace="", name="shop"))
            await cluster.until(lambda: empty(cluster))

    async def inside(cluster: Cluster, kind: str, group: str) -> tuple[object, ...]:
        return (await cluster.store.list(group, kind, "shop"))[0]

    async def empty(cluster: Cluster) -> bool:
        kinds = (("Pod", ""), ("ReplicaSet", "apps"), ("Deployment", "apps"), ("ServiceAccount", ""))
        return not any([await inside(cluster, *kind) for kind in kinds])

    asyncio.run(story())


def test_a_service_gets_the_addresses_of_its_pods(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as cluster:
            await cluster.apply("Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80}]})
            await cluster.apply("Deployment", "web", **deployment("one"))
            await cluster.until(lambda: ready(cluster, 2))

    async def ready(cluster: Cluster, count: int) -> bool:
        slices = await cluster.trees("EndpointSlice", "discovery.k8s.io")
        return len([e for s in slices for e in s["endpoints"] if e["conditions"]["ready"]]) == count

    asyncio.run(story())
