"""Proxies that read a byte at a time, answer nothing, answer twice, or come back without end: others are told all."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from envoy.service.discovery.v3 import discovery_pb2

from meltemi.core.engine.engine import Engine
from meltemi.core.model.finding import Finding
from meltemi.core.model.proxy import Proxy, Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.xds.stream import MOST_UNANSWERED
from meltemi.shell.http2 import frames as wire
from meltemi.shell.http2.frames import Kind, Setting
from meltemi.shell.http2.headers import block
from meltemi.shell.measures import Measures
from meltemi.shell.publish import Derivations, Publisher
from meltemi.shell.rpc.messages import Messages, prefix
from meltemi.shell.servers.xds.server import SERVICE, XdsServer
from rpc_peer import Peer, run, until

BEGIN = block(
    [(":method", "POST"), (":scheme", "http"), (":path", f"/{SERVICE}/DeltaAggregatedResources"),
     ("content-type", "application/grpc"), ("te", "trailers")]
)  # fmt: skip
SIZE = 50_000
WIDE = 1 << 30


def body(e: Engine) -> Resource:
    version = str(e.read("version"))
    return Resource(type=ResourceType.CLUSTER, name="c", version=version, body=version.encode().ljust(SIZE))


def slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    return (Slot(type=ResourceType.CLUSTER, name="c", body=Call(function=body, args=())),)


def scope_of(e: Engine, proxy: Proxy) -> Scope:
    return Scope(role=proxy.role, namespace=proxy.namespace)


def nothing(e: Engine) -> tuple[Finding, ...]:
    return ()


class World:
    """A control plane with a socket for each proxy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine, self.measures = Engine(), Measures()
        derivations = Derivations(slots=slots, scope_of=scope_of, findings=nothing)
        self.publisher = Publisher(self.engine, derivations, measures=self.measures)
        self.server = XdsServer(self.publisher.arrive, self.publisher.connect, measures=self.measures)
        self.version = 0
        self.change()
        self.publisher.complete()

    def change(self) -> str:
        self.version += 1
        self.engine.put("version", f"v{self.version}")
        self.publisher.settle(self.version)
        return f"v{self.version}"

    async def open(self, name: str) -> Path:
        proxy = Proxy(role=Role.SIDECAR, id=f"{name}.ns", namespace="ns")
        path = self.folder / f"{name}.sock"
        await self.server.open(path, lambda: proxy)
        return path

    def said(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.measures.text().decode(), re.MULTILINE)
        assert found is not None
        return float(found[1])


@asynccontextmanager
async def world(folder: Path) -> AsyncGenerator[World]:
    one = World(folder)
    try:
        yield one
    finally:
        await one.server.close_all()


def request(**said: object) -> bytes:
    message = discovery_pb2.DeltaDiscoveryRequest(type_url=ResourceType.CLUSTER, **said)  # pyright: ignore[reportArgumentType]
    raw = message.SerializeToString()
    data = prefix(raw) + raw
    return wire.head(len(data), Kind.DATA, 0, 1) + data


class Client:
    """A proxy of frames, on a stream of its own."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._messages = Messages(1 << 24)
        self._ready: list[bytes] = []

    async def next(self) -> discovery_pb2.DeltaDiscoveryResponse:
        while not self._ready:
            frame = await self.peer.hear_kind(Kind.DATA)
            assert frame is not None
            self._ready += self._messages.read(frame.payload)
        return discovery_pb2.DeltaDiscoveryResponse.FromString(self._ready.pop(0))

    def answer(self, nonce: str) -> None:
        self.peer.say(request(response_nonce=nonce))

    async def get(self, version: str) -> None:
        """Read and answer until this version has come."""
        while True:
            sent = await self.next()
            self.answer(sent.nonce)
            if sent.resources[0].version == version:
                return


async def join(path: Path, window: int = WIDE) -> Client:
    peer = Peer(*await asyncio.open_unix_connection(path, limit=1 << 25))
    peer.say(wire.PREFACE, wire.settings_frame([(Setting.INITIAL_WINDOW_SIZE, window)]))
    peer.say(wire.window_frame(0, WIDE), wire.headers_frame(1, BEGIN, end=False), request())
    return Client(peer)


def test_attack_reading_a_byte_at_a_time(tmp_path: Path):
    async def body() -> None:
        async with world(tmp_path) as one:
            well, slow = await join(await one.open("well")), await join(await one.open("slow"), window=0)
            await well.get("v1")
            for _ in range(30):
                slow.peer.say(wire.window_frame(1, 1))
                frame = await slow.peer.hear_kind(Kind.DATA)
                assert frame is not None
                assert len(frame.payload) == 1
                await well.get(one.change())
            # It has the first response still, of which 30 bytes are read; no other was made for it.
            assert one.said('pilot_xds_pushes{type="cds"}') == 31 + 1
            slow.peer.say(wire.window_frame(1, WIDE - 1))

    run(body)


def test_attack_answering_nothing(tmp_path: Path):
    async def body() -> None:
        async with world(tmp_path) as one:
            well, deaf = await join(await one.open("well")), await join(await one.open("deaf"))
            await well.get("v1")
            nonces = [(await deaf.next()).nonce]
            for _ in range(3 * MOST_UNANSWERED):
                await well.get(one.change())
            while len(nonces) < MOST_UNANSWERED:
                nonces.append((await deaf.next()).nonce)
            assert one.said('pilot_xds_pushes{type="cds"}') == 1 + 3 * MOST_UNANSWERED + MOST_UNANSWERED
            deaf.answer(nonces[0])  # and the last state is there at once
            assert (await deaf.next()).resources[0].version == f"v{one.version}"

    run(body)


def test_attack_answering_everything_twice(tmp_path: Path):
    async def body() -> None:
        async with world(tmp_path) as one:
            well, twice = await join(await one.open("well")), await join(await one.open("twice"))
            for number in range(20):
                version = one.change() if number else "v1"
                await well.get(version)
                sent = await twice.next()
                assert sent.resources[0].version == version  # nothing is sent again for it
                twice.answer(sent.nonce)
                twice.answer(sent.nonce)
            await until(lambda: one.said('pilot_xds_expired_nonce{type="cds"}') == 20)
            assert one.said('pilot_xds_pushes{type="cds"}') == 40

    run(body)


def test_attack_coming_back_without_end(tmp_path: Path):
    """Three hundred that come, ask, and are gone before they are told anything, five times; some of them answer."""

    async def body() -> None:
        async with world(tmp_path) as one:
            well = await join(await one.open("well"))
            await well.get("v1")
            paths = [await one.open(f"p{number}") for number in range(300)]
            for _ in range(5):
                gone = [await join(path) for path in paths]
                await well.get(one.change())
                for client in gone[:10]:
                    await client.get(f"v{one.version}")
                for client in gone:
                    client.peer.close()
                await well.get(one.change())
            # Nothing is left of them: no stream, no place, no state of their own.
            await until(lambda: [session.proxy.id for session in one.publisher.sessions()] == ["well.ns"])
            await until(lambda: one.said("meltemi_xds_waiting") == 0)
            last = await join(paths[0])
            await last.get(f"v{one.version}")

    run(body)
