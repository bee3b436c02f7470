"""Endpoints of a burst are told before the rest of it is derived, and the end is the same whatever goes ahead."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

import grpc.aio
import hypothesis.strategies as st
from envoy.service.discovery.v3 import discovery_pb2
from hypothesis import given, settings

from envoy_real import free_port
from meltemi.core.check.validate import check_document
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.proxy import Proxy, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.ports.store import Batch, Change, ChangeKind, ConfigStore, Stored
from meltemi.shell.ingest import Ingest
from meltemi.shell.publish import Derivations, Publisher
from meltemi.shell.servers.xds.server import SERVICE, XdsServer
from rpc_peer import run

GROUPS = {
    "VirtualService": ("networking.istio.io", "networking.istio.io/v1"),
    "ProxyConfig": ("networking.istio.io", "networking.istio.io/v1beta1"),
    "EndpointSlice": ("discovery.k8s.io", "discovery.k8s.io/v1"),
    "Service": ("", "v1"),
}


def key(kind: str, name: str = "a") -> Key:
    return Key(group=GROUPS[kind][0], kind=kind, namespace="default", name=name)


def spec(kind: str, value: int) -> dict[str, Any]:
    """Value 13 is no sound document of its kind, where a kind can be unsound."""
    match kind:
        case "VirtualService":
            route = [{"route": [{"destination": {"host": "b"}}]}]
            return {"spec": {"hosts": ["b_a_d.." if value == 13 else f"h{value}"], "http": route}}
        case "EndpointSlice":
            address = "nowhere" if value == 13 else f"10.0.0.{value}"
            return {"addressType": "IPv4", "endpoints": [{"addresses": [address]}], "ports": [{"port": 80}]}
        case "Service":
            return {"spec": {"ports": [{"name": "http", "port": 80 + value}]}}
        case _:
            return {"spec": {"concurrency": value}}


def put(kind: str, value: int, *, name: str = "a", revision: int = 1) -> Change:
    meta = {"name": name, "namespace": "default", "labels": {"kubernetes.io/service-name": name}}
    tree = {"apiVersion": GROUPS[kind][1], "kind": kind, "metadata": meta, **spec(kind, value)}
    return Change(
        kind=ChangeKind.PUT, object=Stored(key=key(kind, name), revision=revision, body=json.dumps(tree).encode())
    )


def deleted(kind: str, name: str = "a") -> Change:
    return Change(kind=ChangeKind.DELETE, object=Stored(key=key(kind, name), revision=1, body=b"{}"))


class Told:
    """A store that tells what it is given, and remembers no older versions."""

    def __init__(self, *batches: Batch) -> None:
        self.batches: asyncio.Queue[Batch] = asyncio.Queue()
        for one in batches:
            self.batches.put_nowait(one)

    async def changes(self, *, after: int) -> AsyncIterator[Batch]:
        del after
        while True:
            yield await self.batches.get()

    def versions(self, _: Key) -> Sequence[Stored]:
        return ()

    def keep(self, _key: Key, _revision: int) -> None:
        return


def ingest_of(engine: Engine, store: Any, settle: Callable[[int, bool], None]) -> Ingest:
    return Ingest(
        engine, history=store, check=lambda tree, namespace: check_document(tree, namespace=namespace),
        read_mesh=lambda _: MeshConfig(), settle=settle, complete=lambda: None,
    )  # fmt: skip


def told(*bursts: Sequence[Change]) -> list[tuple[int, bool, dict[str, bool]]]:
    """Each settling after the start: revision, whether it was whole, and which of these the engine had: by kind."""
    found: list[tuple[int, bool, dict[str, bool]]] = []

    async def body() -> None:
        engine, done = Engine(), asyncio.Event()

        def settle(revision: int, whole: bool) -> None:
            found.append((revision, whole, {kind: engine.read(("doc", key(kind))) is not None for kind in GROUPS}))
            if whole:
                done.set()

        store = Told(Batch(revision=1, changes=(), complete=True))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(ingest_of(engine, store, settle).run(cast("ConfigStore", store)))
            await done.wait()
            for revision, changes in enumerate(bursts, 2):
                done.clear()
                store.batches.put_nowait(Batch(revision=revision, changes=tuple(changes)))
                await done.wait()
            running.cancel()

    run(body)
    return found[1:]


def has(*kinds: str) -> dict[str, bool]:
    return {kind: kind in kinds for kind in GROUPS}


def test_endpoints_are_settled_before_the_rest_of_a_burst():
    both = [put("VirtualService", 1), put("EndpointSlice", 1)]
    assert told(both) == [(2, False, has("EndpointSlice")), (2, True, has("EndpointSlice", "VirtualService"))]


def test_endpoints_alone_are_a_burst_as_any():
    assert told([put("EndpointSlice", 1)]) == [(2, True, has("EndpointSlice"))]


def test_routes_alone_are_a_burst_as_any():
    assert told([put("VirtualService", 1)]) == [(2, True, has("VirtualService"))]


def test_endpoints_wait_for_their_service():
    """Made with it, they are told with it; deleted with it, it is not first a service without endpoints."""
    whole = [put("Service", 1), put("EndpointSlice", 1)]
    assert told(whole, [deleted("Service"), deleted("EndpointSlice")]) == [
        (2, True, has("Service", "EndpointSlice")), (3, True, has()),
    ]  # fmt: skip


def test_endpoints_that_come_before_their_service_are_facts_already():
    assert told([put("EndpointSlice", 1), put("Service", 1)]) == [
        (2, False, has("EndpointSlice")), (2, True, has("Service", "EndpointSlice")),
    ]  # fmt: skip


def test_what_the_injector_asks_for_is_there_with_endpoints():
    all_of_it = [put("VirtualService", 1), put("ProxyConfig", 1), put("EndpointSlice", 1)]
    assert told(all_of_it)[0] == (2, False, has("EndpointSlice", "ProxyConfig"))


KINDS = st.sampled_from(sorted(GROUPS))
CHANGES = st.one_of(
    st.builds(put, KINDS, st.integers(0, 13), name=st.sampled_from("ab")),
    st.builds(deleted, KINDS, st.sampled_from("ab")),
)
INPUTS = [("unsound",), ("mesh",)] + [
    name
    for kind in GROUPS
    for name in (("docs", GROUPS[kind][0], kind), ("doc", key(kind, "a")), ("doc", key(kind, "b")))
]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(CHANGES, max_size=6), min_size=1, max_size=5))
def test_the_end_is_what_it_would_be_one_by_one(bursts: list[list[Change]]):
    def inputs(batches: Sequence[Sequence[Change]]) -> dict[object, object]:
        engine = Engine()

        async def body() -> None:
            done, last = asyncio.Event(), len(batches) + 1

            def settle(revision: int, whole: bool) -> None:
                if whole and revision == last:
                    done.set()

            told = [Batch(revision=number, changes=tuple(one)) for number, one in enumerate(batches, 2)]
            store = Told(Batch(revision=1, changes=(), complete=True), *told)
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(ingest_of(engine, store, settle).run(cast("ConfigStore", store)))
                await done.wait()
                running.cancel()

        run(body)
        return {name: engine.read(name) for name in INPUTS}

    at_once = [[one for burst in bursts for one in burst]]
    assert inputs(bursts) == inputs(at_once) == by_hand(at_once[0])


def by_hand(changes: Sequence[Change]) -> dict[object, object]:
    """Each in a replay of its own: nothing goes ahead there, for nothing is told."""
    engine = Engine()
    ingest = ingest_of(engine, Told(), lambda _, __: None)
    apply: Any = ingest._apply  # pyright: ignore[reportPrivateUsage]
    apply(Batch(revision=1, changes=tuple(changes)), 0.0)
    return {name: engine.read(name) for name in INPUTS}


# === over a stream ===


def cluster(e: Engine) -> Resource:
    """What routes are made of: it depends on the VirtualService."""
    return resource(ResourceType.CLUSTER, "c", e.read(("doc", key("VirtualService"))))


def endpoints(e: Engine) -> Resource:
    return resource(ResourceType.ENDPOINTS, "e", e.read(("doc", key("EndpointSlice"))))


def resource(kind: ResourceType, name: str, document: object) -> Resource:
    version = str(hash(document))
    return Resource(type=kind, name=name, version=version, body=version.encode())


def slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    return (
        Slot(type=ResourceType.CLUSTER, name="c", body=Call(function=cluster, args=())),
        Slot(type=ResourceType.ENDPOINTS, name="e", body=Call(function=endpoints, args=())),
    )


def scope_of(e: Engine, proxy: Proxy) -> Scope:
    return Scope(role=proxy.role, namespace=proxy.namespace)


def nothing(e: Engine) -> tuple[Finding, ...]:
    return ()


def test_a_stream_gets_endpoints_before_clusters_of_the_same_burst():
    """In one go a stream gets clusters first."""

    async def body() -> None:
        engine, port = Engine(), free_port()
        publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=nothing))
        store = Told(Batch(revision=1, changes=(put("VirtualService", 1), put("EndpointSlice", 1)), complete=True))

        def settle(revision: int, whole: bool) -> None:
            publisher.settle(revision, whole=whole)
            if whole:
                publisher.complete()

        server = XdsServer(publisher.arrive, publisher.connect)
        await server.open_tcp(port)
        async with asyncio.TaskGroup() as tasks, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            running = tasks.create_task(ingest_of(engine, store, settle).run(cast("ConfigStore", store)))
            to: Any = channel
            call = to.stream_stream(f"/{SERVICE}/DeltaAggregatedResources")()

            async def say(kind: str, *names: str, nonce: str = "") -> None:
                asked = discovery_pb2.DeltaDiscoveryRequest(
                    type_url=kind, resource_names_subscribe=names, response_nonce=nonce
                )
                asked.node.id = "sidecar~127.0.0.1~p.ns~ns.svc.cluster.local"
                await call.write(asked.SerializeToString())

            async def hear(many: int) -> list[str]:
                heard: list[str] = []
                for _ in range(many):
                    got = discovery_pb2.DeltaDiscoveryResponse.FromString(await call.read())
                    heard.append(got.type_url)
                    await say(got.type_url, nonce=got.nonce)
                return heard

            await say(ResourceType.CLUSTER, "*")
            assert await hear(1) == [ResourceType.CLUSTER]
            await say(ResourceType.ENDPOINTS, "e")
            assert await hear(1) == [ResourceType.ENDPOINTS]
            await say(ResourceType.LISTENER, "*")
            assert await hear(1) == [ResourceType.LISTENER]
            store.batches.put_nowait(Batch(revision=2, changes=(put("VirtualService", 2), put("EndpointSlice", 2))))
            assert await hear(2) == [ResourceType.ENDPOINTS, ResourceType.CLUSTER]
            await publisher.wait_for(2)
            assert engine.read(("doc", key("VirtualService"))) is not None
            running.cancel()
        await server.close_all()

    run(body)
