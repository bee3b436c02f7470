"""What a real Envoy is sent: only what differs, also where it lived through the control plane's end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from envoy.service.discovery.v3 import discovery_pb2

from e2e.xds_push.test_xds_push import (
    Mesh,
    behind,  # pyright: ignore[reportUnusedImport]  # a fixture
    cluster,
    envoy,
    front,
    host,
    resource,
    run,
    serves,
    status,
    warming,
)
from envoy_real import free_port
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.xds.events import Request
from meltemi.shell import session
from meltemi.shell.servers.xds.server import XdsServer

__all__ = ["behind"]
PROXY = Proxy(role=Role.SIDECAR, id="p.ns", namespace="ns", addresses=("127.0.0.1",))


class Sent:
    """Every response since `clear`, as written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.raw: list[bytes] = []
        encode = session.response

        def noting(send: Any) -> bytes:
            self.raw.append(encode(send))
            return self.raw[-1]

        monkeypatch.setattr(session, "response", noting)

    def names(self) -> list[str]:
        """Of resources, by type; removals with a minus."""
        told: list[str] = []
        for raw in self.raw:
            one = discovery_pb2.DeltaDiscoveryResponse.FromString(raw)
            kind = one.type_url.rpartition(".")[2]
            told += [f"{kind} {r.name}" for r in one.resources] + [f"{kind} -{name}" for name in one.removed_resources]
        return sorted(told)

    def bytes(self) -> int:
        return sum(len(raw) for raw in self.raw)

    def clear(self) -> None:
        self.raw.clear()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    return Sent(monkeypatch)


def changed(name: str) -> Resource:
    """Another version of a cluster of `warming`."""
    eds: dict[str, Any] = {"edsConfig": {"ads": {}, "resourceApiVersion": "V3"}}
    message: dict[str, Any] = {"name": name, "type": "EDS", "edsClusterConfig": eds, "connectTimeout": "3s"}
    return resource(ResourceType.CLUSTER, name, message)


async def answers(port: int, wanted: int) -> bool:
    try:
        return await asyncio.to_thread(status, port) == wanted
    except OSError:
        return False


@asynccontextmanager
async def another_control_plane(folder: Path, *made: Resource) -> AsyncGenerator[Mesh]:
    """One that was started from nothing, on the socket of the old one."""
    mesh = Mesh()
    mesh.offer(*made)
    mesh.publisher.complete()
    server = XdsServer(mesh.publisher.arrive, mesh.publisher.connect)
    await server.open(folder / "xds.sock", lambda: PROXY)
    try:
        async with asyncio.timeout(60):
            while not mesh.publisher.proxies():  # noqa: ASYNC110 -- the publisher has no event for this
                await asyncio.sleep(0.05)
        await mesh.answered()
        yield mesh
    finally:
        await server.close_all()


@pytest.mark.e2e
def test_a_change_of_one_virtual_host_sends_only_that(tmp_path: Path, behind: int, sent: Sent) -> None:
    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        mesh.offer(*front(port), cluster("c0", behind), *(host(f"h{n}", "c0", f"h{n}") for n in range(200)))
        async with envoy(mesh, tmp_path):
            whole = sent.bytes()
            sent.clear()
            mesh.offer(host("h7", "c0", "other"))
            await mesh.answered()

            assert sent.names() == ["VirtualHost 80/h7"]
            assert sent.bytes() * 50 < whole
            assert await serves(port, "other")
            assert status(port, "h7") == 404

    run(scenario)


@pytest.mark.e2e
def test_virtual_hosts_come_and_go_unasked(tmp_path: Path, behind: int) -> None:
    """Envoy asks for them once, for all tables, and takes what it is sent thereafter."""

    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        mesh.offer(*front(port), cluster("c0", behind), host("h", "c0"))
        async with envoy(mesh, tmp_path):
            assert await serves(port)
            mesh.offer(host("i", "c0", "added"), removed=((ResourceType.VIRTUAL_HOST, "80/h"),))
            await mesh.answered()
            assert await serves(port, "added")
            assert status(port) == 404

    run(scenario)


@pytest.mark.e2e
def test_a_virtual_host_goes_only_where_its_own_name_is_the_resources(tmp_path: Path, behind: int) -> None:
    """A removal by any other name is acknowledged, and removes nothing."""

    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        routes = [{"match": {"prefix": "/"}, "route": {"cluster": "c0"}}]
        message: dict[str, Any] = {"name": "short", "domains": ["here"], "routes": routes}
        short = resource(ResourceType.VIRTUAL_HOST, "80/short", message, ("c0",))
        mesh.offer(*front(port), cluster("c0", behind), short)
        async with envoy(mesh, tmp_path):
            assert await serves(port)
            mesh.offer(host("i", "c0", "added"), removed=((ResourceType.VIRTUAL_HOST, "80/short"),))
            await mesh.answered()
            assert await serves(port, "added")
            assert status(port) == 200

    run(scenario)


@pytest.mark.e2e
def test_a_table_that_comes_later_has_its_hosts(tmp_path: Path, behind: int) -> None:
    async def scenario() -> None:
        mesh, port, later = Mesh(), free_port(), free_port()
        mesh.offer(*front(port), cluster("c0", behind), host("h", "c0"))
        async with envoy(mesh, tmp_path):
            mesh.offer(*front(later, "81"), host("h", "c0", table="81"))
            await mesh.answered()
            assert await serves(later)

    run(scenario)


@pytest.mark.e2e
@pytest.mark.parametrize("hosts", [(), (host("h", "bad"),)], ids=["none", "none that can be used"])
def test_a_table_without_hosts_does_not_keep_its_listener_waiting(
    tmp_path: Path, behind: int, hosts: tuple[Resource, ...]
) -> None:
    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        mesh.offer(*front(port), cluster("bad", behind, connectTimeout="-1s"), *hosts)
        async with envoy(mesh, tmp_path):
            async with asyncio.timeout(10):  # Envoy itself would wait for 15 s
                while not await answers(port, 404):  # noqa: ASYNC110 -- Envoy has no event for this
                    await asyncio.sleep(0.05)

    run(scenario)


@pytest.mark.e2e
def test_a_table_lost_and_back_has_its_hosts_again(tmp_path: Path, behind: int) -> None:
    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        listener, table = front(port)
        mesh.offer(listener, table, cluster("c0", behind), host("h", "c0"))
        async with envoy(mesh, tmp_path):
            assert await serves(port)
            mesh.offer(removed=((ResourceType.LISTENER, listener.name), (ResourceType.ROUTES, table.name)))
            await mesh.answered()
            mesh.offer(*front(again := free_port()))
            await mesh.answered()
            assert await serves(again)

    run(scenario)


@pytest.mark.e2e
def test_a_change_of_endpoints_sends_only_those(tmp_path: Path, behind: int, sent: Sent) -> None:
    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        mesh.offer(*front(port), *warming("c0", free_port()), *warming("c1", behind), host("h", "c0"))
        async with envoy(mesh, tmp_path):
            sent.clear()
            mesh.offer(warming("c0", behind)[1])
            await mesh.answered()
            assert sent.names() == ["ClusterLoadAssignment c0"]
            assert await serves(port)

    run(scenario)


@pytest.mark.e2e
def test_a_changed_cluster_brings_its_endpoints_and_serves_at_once(tmp_path: Path, behind: int, sent: Sent) -> None:
    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        made, endpoints = warming("c0", behind)
        mesh.offer(*front(port), made, endpoints, host("h", "c0"))
        async with envoy(mesh, tmp_path):
            sent.clear()
            mesh.offer(changed("c0"), host("h", "c0", "after"))
            await mesh.answered()
            assert sent.names() == ["Cluster c0", "ClusterLoadAssignment c0", "VirtualHost 80/h"]
            assert await serves(port, "after")

    run(scenario)


@pytest.mark.e2e
def test_a_new_cluster_brings_its_endpoints_before_they_are_asked_for(
    tmp_path: Path, behind: int, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not so while Envoy starts: it says that this is over by asking for listeners."""
    asked: list[ResourceType] = []
    take = session.Session.on_request

    def noting(self: session.Session, request: Request) -> None:
        asked.append(request.type)
        take(self, request)

    monkeypatch.setattr(session.Session, "on_request", noting)

    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        mesh.offer(*front(port), *warming("c0", behind), host("h", "c0"))
        async with envoy(mesh, tmp_path):
            assert asked.index(ResourceType.ENDPOINTS) < asked.index(ResourceType.LISTENER)
            sent.clear()
            mesh.offer(*warming("c1", behind), host("new", "c1", "new"))
            await mesh.answered()
            assert sent.names() == ["Cluster c1", "ClusterLoadAssignment c1", "VirtualHost 80/new"]
            assert await serves(port, "new")

    run(scenario)


@pytest.mark.e2e
def test_after_a_restart_only_the_difference_is_sent(tmp_path: Path, behind: int, sent: Sent) -> None:
    async def scenario() -> None:
        mesh, port = Mesh(), free_port()
        hosts = [host(f"h{n}", "c0", f"h{n}") for n in range(100)]
        made, endpoints = warming("c0", behind)
        common = (*front(port), endpoints, *hosts[1:])
        mesh.offer(*common, made, hosts[0])
        async with envoy(mesh, tmp_path) as server:
            whole = sent.bytes()
            await server.close_all()
            assert await serves(port, "h7")
            sent.clear()
            async with another_control_plane(tmp_path, *common, changed("c0"), host("h0", "c0", "new")) as _:
                assert sent.names() == ["Cluster c0", "ClusterLoadAssignment c0", "VirtualHost 80/h0"]
                assert sent.bytes() * 10 < whole
                assert await serves(port, "new")
                assert await serves(port, "h7")

    run(scenario)


@pytest.mark.e2e
def test_a_refusal_is_told_once_and_clears_when_mended(tmp_path: Path, behind: int) -> None:
    async def scenario() -> None:
        mesh, port, other = Mesh(), free_port(), free_port()
        mesh.offer(*front(port), *(cluster(f"c{n}", behind) for n in range(4)), host("h", "c0"))
        async with envoy(mesh, tmp_path):
            bad = front(other, "81", listenerFilters=[{"name": "no.such.filter"}])
            mesh.offer(*bad, cluster("c1", behind, connectTimeout="-1s"), cluster("c9", behind), host("x", "c9", "x"))
            await mesh.answered()
            assert sorted(one.message.split("'")[1] for one in mesh.publisher.findings()) == ["c1", "l81"]
            assert await serves(port, "x")

            mesh.offer(*front(other, "81"), cluster("c1", behind), host("h", "c1", table="81"))
            await mesh.answered()
            assert mesh.publisher.findings() == ()
            assert await serves(other)

    run(scenario)
