"""One task that waits for what callbacks tell.

Place:  shell/http2 · used by exchange, and by shell/rpc
"""

import asyncio


class Waiter:
    """Who waits looks again when woken: what he waits for may not have come."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Until `wake`; raises what `fail` was given."""
        self._future = asyncio.get_running_loop().create_future()
        try:
            await self._future
        finally:
            self._future = None

    def wake(self) -> None:
        """Something has changed. Nothing where nobody waits."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def fail(self, problem: Exception) -> None:
        """The wait ends with it. Nothing where nobody waits."""
        if self._future is not None and not self._future.done():
            self._future.set_exception(problem)
