"""An authority that keeps the promises of docs/design/0007 on one pod's socket, and can be told to misbehave."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from cryptography import x509

from meltemi.core.identity.authority import Authority
from meltemi.core.identity.certificate import sign
from meltemi.core.identity.csr import Caller, Leaf, Policy, decide
from meltemi.core.identity.rotation import Holding, Trust, digest
from meltemi.shell import identity_wire as wire
from unit.identity.pki import root

CALLER = Caller(namespace="shop", service_account="cart", workload="cart-v1")


class FakeAuthority:
    """Signs whatever a known token asks for; `life` and `begun` bend the time in which a certificate is good."""

    def __init__(self, socket: Path, *, token: str = "good") -> None:
        self.socket = socket
        self.token = token
        self.signer: Authority = root(datetime.now(UTC))
        self.roots: tuple[str, ...] = self.signer.roots
        self.life = timedelta(hours=24)
        self.begun = timedelta(0)
        """How long ago certificates begin."""
        self.foreign_key = False
        """Give certificates for another key than was asked for."""
        self.serials: list[str] = []
        self.refusals = 0
        self.held: list[Holding] = []
        self._moved = asyncio.Condition()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen, also again."""
        self.socket.unlink(missing_ok=True)
        self._server = server = grpc.aio.server()
        create: dict[str, Any] = {wire.CREATE: grpc.unary_unary_rpc_method_handler(self._create)}
        follow: dict[str, Any] = {wire.FOLLOW: grpc.stream_stream_rpc_method_handler(self._follow)}
        server.add_generic_rpc_handlers((
            grpc.method_handlers_generic_handler(wire.CERTIFICATES, create),
            grpc.method_handlers_generic_handler(wire.TRUST, follow),
        ))  # fmt: skip
        server.add_insecure_port(f"unix:{self.socket}")
        await server.start()

    async def stop(self) -> None:
        """Die."""
        if self._server:
            await self._server.stop(None)
            self._server = None

    async def trust(self, *roots: Authority, signer: Authority) -> None:
        """From now on these are trusted, and this one signs."""
        async with self._moved:
            self.roots = tuple(pem for one in roots for pem in one.roots)
            self.signer = signer
            self._moved.notify_all()

    def says_to_trust(self) -> bool:
        """Whether the agent last said that it trusts what it was told."""
        return bool(self.held) and self.held[-1].roots == digest(self.roots)

    async def _create(self, data: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
        said = dict(context.invocation_metadata() or ())
        if said.get(wire.AUTHORIZATION) != wire.BEARER + self.token:
            self.refusals += 1
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is not good")
        request, now = wire.decode_request(data), datetime.now(UTC)
        leaf = decide(request.csr.encode(), CALLER, Policy(), asked=request.life, now=now)
        assert isinstance(leaf, Leaf), leaf
        serial = x509.random_serial_number()
        pem = sign(self._bent(leaf, now), self.signer, serial=serial)
        self.serials.append(f"{serial:x}")
        return wire.encode_response([pem.decode(), *self.signer.intermediates, "".join(self.roots)])

    def _bent(self, leaf: Leaf, now: datetime) -> Leaf:
        begins = now - self.begun
        key = _other_key() if self.foreign_key else leaf.public_key
        return Leaf(
            identity=leaf.identity, dns=leaf.dns, public_key=key, not_before=begins, not_after=begins + self.life
        )

    async def _follow(self, said: AsyncIterator[bytes], context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell(context))
            async for data in said:
                self.held.append(wire.decode_holding(data))
            telling.cancel()

    async def _tell(self, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        async with self._moved:
            while True:
                trust = Trust(roots=self.roots, signer=self.signer.name)
                await context.write(wire.encode_trust(trust))
                await self._moved.wait()


def _other_key() -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from unit.identity.pki import p256

    return p256().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
