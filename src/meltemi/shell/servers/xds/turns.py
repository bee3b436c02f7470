"""Large responses are written a few at a time, so that a crowd that connects at once does not fill the memory.

Place:  shell/servers/xds · under server

gRPC copies what it is given to write, for each stream, until the other side has read it: 500 proxies times a megabyte.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

LARGE = 64 << 10
"""Bytes from which on a response waits for a turn."""
AT_ONCE = 16
"""Large responses that are written at a time: enough to keep the readers busy."""
PATIENCE = 1.0
"""Seconds after which a slow reader's turn goes to the next one: it delays nobody further."""


class Turns:
    """Who may write a large response now, in the order of asking."""

    def __init__(self, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._patience = patience

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncGenerator[None]:
        """Around the writing of so many bytes."""
        if size < LARGE:
            yield
            return
        await self._free.acquire()
        end = asyncio.get_running_loop().call_later(self._patience, self._free.release)
        try:
            yield
        finally:
            if end.when() > asyncio.get_running_loop().time():
                end.cancel()
                self._free.release()
