"""A proxy that does not read costs bounded memory and delays nobody, over real gRPC."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from envoy.service.discovery.v3 import discovery_pb2

from envoy_real import free_port
from meltemi.core.engine.engine import Engine
from meltemi.core.model.finding import Finding
from meltemi.core.model.proxy import Proxy, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.shell import session
from meltemi.shell.publish import Derivations, Publisher
from meltemi.shell.servers.xds.server import SERVICE, XdsServer

SIZE = 4 << 20
"""Of one response: more than transport and kernel take of one that does not read."""
VERSIONS = "abcdefghijklmnopqrst"
WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.max_receive_message_length", -1))


def body(e: Engine) -> Resource:
    version = str(e.read("version"))
    return Resource(type=ResourceType.CLUSTER, name="c", version=version, body=version.encode() * SIZE)


def slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    return (Slot(type=ResourceType.CLUSTER, name="c", body=Call(function=body, args=())),)


def scope_of(e: Engine, proxy: Proxy) -> Scope:
    return Scope(role=proxy.role, namespace=proxy.namespace)


def nothing(e: Engine) -> tuple[Finding, ...]:
    return ()


class Client:
    """A stream of one proxy, which reads when it is told to."""

    def __init__(self, call: Any, asked: "asyncio.Queue[bytes]") -> None:
        self._call = call
        self._asked = asked

    async def next(self) -> str:
        """Read one response, answer it, and say its version."""
        sent = discovery_pb2.DeltaDiscoveryResponse.FromString(await self._call.read())
        answer = discovery_pb2.DeltaDiscoveryRequest(type_url=ResourceType.CLUSTER, response_nonce=sent.nonce)
        self._asked.put_nowait(answer.SerializeToString())
        return sent.resources[0].version


@asynccontextmanager
async def client(port: int, name: str) -> AsyncGenerator[Client]:
    """Connected, and asking for all clusters."""
    asked: asyncio.Queue[bytes] = asyncio.Queue()
    first = discovery_pb2.DeltaDiscoveryRequest(type_url=ResourceType.CLUSTER)
    first.node.id = f"sidecar~127.0.0.1~{name}.ns~ns.svc.cluster.local"
    asked.put_nowait(first.SerializeToString())

    async def requests() -> AsyncIterator[bytes]:
        while True:
            yield await asked.get()

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=WINDOW) as channel:
        yield Client(channel.stream_stream(f"/{SERVICE}/DeltaAggregatedResources")(requests()), asked)


def test_who_does_not_read_delays_nobody_and_is_sent_the_last_state(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    take = session.Session.take

    def noting(self: session.Session) -> list[bytes]:
        found = take(self)
        taken.append(self.proxy.id)
        return found

    monkeypatch.setattr(session.Session, "take", noting)

    async def run() -> None:
        engine, port = Engine(), free_port()
        publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=nothing))
        server = XdsServer(publisher.arrive, publisher.connect)
        engine.put("version", VERSIONS[0])
        publisher.settle(1)
        publisher.complete()
        await server.open_tcp(port)
        try:
            async with asyncio.timeout(60), client(port, "stuck") as stuck, client(port, "well") as well:
                assert await stuck.next() == await well.next() == VERSIONS[0]
                for revision, version in enumerate(VERSIONS[1:], 2):
                    engine.put("version", version)
                    publisher.settle(revision)
                    assert await well.next() == version
                # It was given what fits into the transport, and nothing waits for it but names.
                assert taken.count("stuck.ns") < len(VERSIONS) / 2
                while await stuck.next() != VERSIONS[-1]:
                    pass
        finally:
            await server.close_all()

    asyncio.run(run())
