"""Proxies that come back: they are read when it is their turn, and equal words in any order are one request."""

import asyncio
import random
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import grpc.aio
from envoy.service.discovery.v3 import discovery_pb2

from envoy_real import free_port
from meltemi.core.model.resource import ResourceType
from meltemi.core.xds.events import Request
from meltemi.shell.http2 import frames as wire
from meltemi.shell.http2.frames import FIRST_WINDOW, Kind
from meltemi.shell.http2.headers import block
from meltemi.shell.rpc.messages import prefix
from meltemi.shell.servers.xds.server import SERVICE, XdsServer
from rpc_peer import connect, run, until

METHOD = f"/{SERVICE}/DeltaAggregatedResources"
BEGIN = block(
    [(":method", "POST"), (":scheme", "http"), (":path", METHOD), ("content-type", "application/grpc"),
     ("te", "trailers")]
)  # fmt: skip
NAMES = [f"outbound|80||service-{number}.default.svc.cluster.local" for number in range(3000)]


class Heard:
    """A publisher that keeps what sessions are told."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.arrived: list[Hashable] = []
        self.turn = asyncio.Event()
        self.session = self
        self.left = 0

    async def arrive(self, of: Hashable) -> Callable[[], None]:
        self.arrived.append(of)
        await self.turn.wait()
        return self.leave

    def leave(self) -> None:
        self.left += 1

    async def connect(self, _identity: object, _node: Mapping[str, Any], _leave: object) -> "Heard":
        return self

    def on_request(self, request: Request) -> None:
        self.requests.append(request)

    def listen(self, wake: Callable[[], None]) -> None:
        del wake

    def take(self) -> list[bytes]:
        return []

    def close(self) -> None:
        return


def said(name: str = "") -> bytes:
    """What a proxy says that holds everything, in an order of its own; first its name."""
    names = random.sample(NAMES, len(NAMES))
    wanted = random.sample([*NAMES[:50], "*"], 51)
    message = discovery_pb2.DeltaDiscoveryRequest(
        type_url=ResourceType.CLUSTER, resource_names_subscribe=wanted,
        initial_resource_versions={each: f"version of {each}" for each in names},
    )  # fmt: skip
    if name:
        message.node.id = f"sidecar~127.0.0.1~{name}.ns~ns.svc.cluster.local"
    return message.SerializeToString()


def test_who_waits_for_his_turn_is_not_read():
    async def body() -> None:
        heard, port = Heard(), free_port()
        server = XdsServer(heard.arrive, heard.connect)
        await server.open_tcp(port)
        request = said("a")
        whole = prefix(request) + request
        frames = [whole[at : at + 16_000] for at in range(0, len(whole), 16_000)]
        framed = [wire.head(len(one), Kind.DATA, 0, 1) + one for one in frames]
        now = FIRST_WINDOW // 16_000
        try:
            peer = await connect(port, wire.headers_frame(1, BEGIN, end=False), *framed[:now])
            peer.say(wire.ping_frame(b"12345678", ack=False))
            seen: list[wire.Frame] = []
            while (frame := await peer.hear()) is not None and frame.kind != Kind.PING:
                seen.append(frame)
            assert len(heard.arrived) == 1
            assert not [one for one in seen if one.kind == Kind.WINDOW_UPDATE and one.stream]
            heard.turn.set()
            while (frame := await peer.hear_kind(Kind.WINDOW_UPDATE)) is not None and not frame.stream:
                pass
            peer.say(*framed[now : now + 10])
            while (frame := await peer.hear_kind(Kind.WINDOW_UPDATE)) is not None and not frame.stream:
                pass
            peer.say(*framed[now + 10 :])
            await until(lambda: len(heard.requests) == 1)
            assert heard.requests[0].initial.keys() == set(NAMES)
            peer.close()
            await until(lambda: heard.left == 1)
        finally:
            await server.close_all()

    run(body)


def test_equal_words_in_any_order_are_one_request():
    """Not only equal: nothing is kept twice, and nothing is compared name by name."""

    async def body() -> None:
        heard, port = Heard(), free_port()
        heard.turn.set()
        server = XdsServer(heard.arrive, heard.connect)
        await server.open_tcp(port)
        try:
            for number, name in enumerate("abc", 1):
                async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                    to: Any = channel
                    call = to.stream_stream(METHOD)()
                    await call.write(said(name))
                    await call.write(said())
                    await until(lambda many=2 * number: len(heard.requests) == many)
            one = heard.requests[0]
            assert one.initial == {each: f"version of {each}" for each in NAMES}
            assert set(one.subscribe) == {*NAMES[:50], "*"}
            assert all(other is one for other in heard.requests)
        finally:
            await server.close_all()

    run(body)
