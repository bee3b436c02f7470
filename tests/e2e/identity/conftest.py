"""An authority, an agent's identity, and what the tests wait for."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fakes.authority import FakeAuthority
from meltemi.shell.agent.identity import Identity
from meltemi.shell.agent.settings import read


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for a condition, asked in a thread; the limit is only there so that a failing test ends."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  -- another process is asked
            await asyncio.sleep(0.02)


@asynccontextmanager
async def identity(authority: FakeAuthority, **env: str) -> AsyncGenerator[Identity]:
    """The agent's side of a pod, next to the authority's socket."""
    folder = authority.socket.parent
    told = {
        "MELTEMI_XDS_SOCKET": str(authority.socket),
        "MELTEMI_SDS_SOCKET": str(folder / "sds.sock"),
        "MELTEMI_TOKEN": str(folder / "token"),
    }
    own = Identity(read(role="sidecar", domain="", env=told | env))
    async with own.kept():
        yield own


def write_token(folder: Path, text: str) -> None:
    """As the node does."""
    (folder / "token").write_text(text)
