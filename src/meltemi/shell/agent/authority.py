"""The authority, as the agent calls it: over the pod's own socket, by gRPC.

Place:  shell/agent · certificates → [authority] → servers/ca
Source: docs/design/0007
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from meltemi.core.identity.rotation import Holding, Trust
from meltemi.core.model.units import Seconds
from meltemi.shell import identity_wire as wire

LIMIT = 10.0
"""Seconds in which the authority must answer."""
_OPTIONS = (
    # A restarted control plane is found at once: it is on the same machine.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)


class NotGivenError(Exception):
    """The authority does not answer, or refuses; another try may succeed."""


class AbsentError(NotGivenError):
    """Who answers is no authority, or the pod has no token: there may never be a certificate."""


class Authority:
    """One connection, made again when it breaks. Needs a running loop."""

    def __init__(self, socket: str, token: Path, taken: Callable[[], Awaitable[None]]) -> None:
        """`token`: the file that is read for each certificate, since the node writes it anew.

        `taken` returns when Envoy has what the agent has: nothing is to be said to be held before.
        """
        self._channel = grpc.aio.insecure_channel(f"unix:{socket}", options=_OPTIONS)
        self._token = token
        self.taken = taken
        self._create: Any = self._channel.unary_unary(f"/{wire.CERTIFICATES}/{wire.CREATE}")
        self._stream: Any = self._channel.stream_stream(f"/{wire.TRUST}/{wire.FOLLOW}")

    async def certificate(self, csr: str, life: int) -> tuple[str, ...]:
        """The leaf, intermediates, and the root last, as PEM. Raises NotGivenError."""
        asked = wire.encode_request(wire.CertificateRequest(csr=csr, life=Seconds(life)))
        proof = ((wire.AUTHORIZATION, wire.BEARER + self._read_token()),)
        try:
            return wire.decode_response(await self._create(asked, metadata=proof, timeout=LIMIT))
        except (grpc.aio.AioRpcError, ValueError) as problem:
            raise _not_given(problem) from problem

    def follow(self) -> "Following":
        """A new stream of what is to be trusted."""
        return Following(self._stream())

    async def close(self) -> None:
        """End the connection."""
        await self._channel.close()

    def _read_token(self) -> str:
        try:
            return self._token.read_text().strip()
        except OSError as problem:
            raise AbsentError(f"the pod has no token: {problem}") from problem


class Following:
    """One stream: the agent says what it holds, the authority whom to trust."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def say(self, holding: Holding) -> None:
        """What the agent holds now. Raises NotGivenError."""
        try:
            await self._call.write(wire.encode_holding(holding))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as problem:
            raise _not_given(problem) from problem

    async def hear(self) -> Trust:
        """Whom to trust: at once, then at each change. Raises NotGivenError when the stream ends."""
        try:
            data = await self._call.read()
            if not isinstance(data, bytes):
                raise NotGivenError("the authority ended the stream")
            return wire.decode_trust(data)
        except grpc.aio.AioRpcError as problem:
            raise _not_given(problem) from problem
        except ValueError as problem:
            raise NotGivenError(f"the authority says what cannot be read: {problem}") from problem

    def end(self) -> None:
        """Leave the stream."""
        self._call.cancel()


def _not_given(problem: Exception) -> NotGivenError:
    if not isinstance(problem, grpc.aio.AioRpcError):
        return NotGivenError(repr(problem))
    kind = AbsentError if problem.code() is grpc.StatusCode.UNIMPLEMENTED else NotGivenError
    return kind(f"{problem.code().name}: {problem.details()}")
