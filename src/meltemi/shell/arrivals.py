"""Proxies that connect are worked on some at a time, so that a crowd that comes back at once is no storm.

Place:  shell · under publish

Who waits has been told nothing and holds what he held; nothing of what he said is lost, for it is read when his turn
comes. A place is free again when its proxy has answered for all that it was told, or when it has had its time: who is
slow, or does not answer at all, delays the next one by that and no more.
"""

import asyncio
from collections.abc import Callable

AT_ONCE = 64
"""Proxies that are told everything at a time: enough to keep two CPUs and the readers busy."""
PATIENCE = 1.0
"""Seconds after which the place of one that has not answered goes to the next."""


class Arrivals:
    """Who may be told everything now, in the order of coming."""

    def __init__(self, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._patience = patience
        self.waiting = 0

    async def enter(self) -> Callable[[], None]:
        """Wait for a place; what gives it back. Called again, that does nothing."""
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        held = True

        def leave() -> None:
            nonlocal held
            if held:
                held = False
                end.cancel()
                self._free.release()

        end = asyncio.get_running_loop().call_later(self._patience, leave)
        return leave
