"""Secret discovery for the Envoy beside: a gRPC server on a socket that only the proxy's user may open.

Place:  shell/agent · secrets → [sds] ⇄ Envoy (cluster `sds-grpc`)
Source: Istio's place and name of the socket; Envoy, api/envoy/service/secret/v3/sds.proto
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from meltemi.shell.agent.log import log
from meltemi.shell.agent.sds_wire import read_delta, read_full
from meltemi.shell.agent.secrets import NAMES, Answered, Secrets, Stream
from meltemi.shell.sockets import short

SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"


class SdsServer:
    """All streams of the Envoy beside."""

    def __init__(self, secrets: Secrets) -> None:
        """Nothing listens yet."""
        self._secrets = secrets
        self._streams: set[Stream] = set()
        self._moved = asyncio.Event()
        """Set, and made anew, when Envoy has answered or gone."""
        self.accepted, self.refused = 0, 0
        """Responses that Envoy took, and that it did not."""

    @property
    def is_current(self) -> bool:
        """Whether Envoy holds the present version of every secret that it wants."""
        return all(stream.is_current for stream in self._streams)

    async def taken(self) -> None:
        """Wait until Envoy has taken the present version of every secret that it wants; refused ones are not taken."""
        while not all(stream.has_all for stream in self._streams):
            await self._moved.wait()

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncGenerator[None]:
        """Serve on a socket while the block runs. A socket that an earlier agent left is replaced. Raises OSError."""
        _clear(path)
        server = grpc.aio.server()
        handlers: dict[str, Any] = {
            "StreamSecrets": grpc.stream_stream_rpc_method_handler(partial(self._serve, delta=False)),
            "DeltaSecrets": grpc.stream_stream_rpc_method_handler(partial(self._serve, delta=True)),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        with short(path) as address:
            server.add_insecure_port(f"unix:{address}")
            await server.start()
            _protect(path)
            try:
                yield
            finally:
                await server.stop(None)

    async def _serve(
        self, requests: AsyncIterator[bytes], context: "grpc.aio.ServicerContext[bytes, bytes]", *, delta: bool
    ) -> None:
        stream = Stream(self._secrets, delta=delta, told=self._told)
        self._streams.add(stream)
        read = read_delta if delta else read_full
        try:
            with self._secrets.watched() as news:
                async with asyncio.TaskGroup() as tasks:
                    writing = tasks.create_task(_write(stream, news, context))
                    async for raw in requests:
                        before = stream.wanted
                        stream.hear(read(raw))
                        self._wake()
                        _note_strangers(before, stream.wanted)
                        news.set()
                    writing.cancel()
        finally:
            self._streams.discard(stream)
            self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _told(self, answer: Answered) -> None:
        names = ",".join(answer.versions)
        if answer.error:
            self.refused += 1
            log("finding: envoy refuses a secret, and goes on with the one before", secret=names, reason=answer.error)
        elif answer.versions:
            self.accepted += 1
            log("envoy has taken a secret", secret=names)


async def _write(stream: Stream, news: asyncio.Event, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
    while True:
        await news.wait()
        news.clear()
        while (response := stream.due()) is not None:
            await context.write(response)


def _note_strangers(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    for name in after:
        if name not in before and name not in NAMES:
            log("finding: envoy asks the agent for a secret that is not the workload's own", secret=name)


def _clear(path: Path) -> None:
    path.unlink(missing_ok=True)


def _protect(path: Path) -> None:
    path.chmod(0o600)
