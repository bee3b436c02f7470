"""What the agent says that it holds: only what its Envoy has taken, since a rotation goes on when all hold."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from envoy.service.discovery.v3 import discovery_pb2
from google.rpc import status_pb2

from e2e.identity.conftest import identity, until, write_token
from fakes.authority import FakeAuthority
from meltemi.core.identity.rotation import digest
from meltemi.shell.agent.sds import SERVICE
from meltemi.shell.agent.secrets import AUTHORITIES
from unit.identity.pki import root

pytestmark = pytest.mark.e2e


class Slow:
    """An Envoy that answers when it is told to."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.aio.insecure_channel(f"unix:{socket}")
        asking: Any = self._channel
        self._stream: Any = asking.stream_stream(f"/{SERVICE}/DeltaSecrets")()

    async def want(self, name: str) -> None:
        await self._say(discovery_pb2.DeltaDiscoveryRequest(resource_names_subscribe=[name]))

    async def gets(self) -> str:
        return discovery_pb2.DeltaDiscoveryResponse.FromString(await self._stream.read()).nonce

    async def answer(self, nonce: str, error: str = "") -> None:
        detail = status_pb2.Status(message=error) if error else None
        await self._say(discovery_pb2.DeltaDiscoveryRequest(response_nonce=nonce, error_detail=detail))

    async def leave(self) -> None:
        await self._channel.close()

    async def _say(self, request: discovery_pb2.DeltaDiscoveryRequest) -> None:
        await self._stream.write(request.SerializeToString())


@pytest.mark.parametrize("error", ["", "it does not please me"], ids=["taken", "refused"])
def test_roots_are_held_once_envoy_has_taken_them(tmp_path: Path, error: str):
    async def test() -> None:
        write_token(tmp_path, "good")
        authority = FakeAuthority(tmp_path / "xds.sock")
        await authority.start()
        async with identity(authority):
            await until(authority.says_to_trust)
            envoy = Slow(tmp_path / "sds.sock")
            await envoy.want(AUTHORITIES)
            await envoy.answer(await envoy.gets())
            first, second = authority.signer, root(datetime.now(UTC))
            await authority.trust(first, second, signer=first)
            nonce = await envoy.gets()
            assert not authority.says_to_trust()
            await envoy.answer(nonce, error)
            if error:
                # What comes after a refusal is taken, and nothing was said in between.
                third = root(datetime.now(UTC))
                refused = digest(authority.roots)
                await authority.trust(first, third, signer=first)
                await envoy.answer(await envoy.gets())
                await until(authority.says_to_trust)
                assert all(one.roots != refused for one in authority.held)
            await until(authority.says_to_trust)
            await envoy.leave()
        await authority.stop()

    asyncio.run(asyncio.wait_for(test(), 60))
