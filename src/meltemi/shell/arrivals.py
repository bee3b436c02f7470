"""Proxies that connect are worked on some at a time, so that a crowd that comes back at once is no storm.

Place:  shell · under publish

Who waits has been told nothing and holds what he held; what he says is read when his turn comes, and until then he may
send little. A place is free again when its proxy has answered for all that it was told, or when it has had its time:
who is slow, or does not answer at all, delays the next one by that and no more. Of streams that are one caller's, one
has a place at a time: who opens a thousand, or comes back every moment, waits for himself.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable

AT_ONCE = 32
"""Proxies that are told everything at a time: enough to keep two CPUs and the readers busy, and few hold bytes."""
PATIENCE = 1.0
"""Seconds after which the place of one that has not answered goes to the next."""

Leave = Callable[[], None]
"""Gives a place back. Called again, that does nothing."""


class Arrivals:
    """Who may be told everything now: callers by turns, streams of one caller in the order of coming."""

    def __init__(self, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        self._free = at_once
        self._patience = patience
        self._inside: set[Hashable] = set()
        self._queues: dict[Hashable, deque[asyncio.Future[None]]] = {}
        """Of callers, the one whose turn is next first."""

    @property
    def waiting(self) -> int:
        """Streams without a place."""
        return sum(map(len, self._queues.values()))

    async def enter(self, of: Hashable) -> Leave:
        """Wait for a place for a stream of a caller."""
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(of, deque()).append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._dequeue(of, turn)
            else:
                self._leave(of)
            raise
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                end.cancel()
                self._leave(of)

        end = asyncio.get_running_loop().call_later(self._patience, leave)
        return leave

    def _admit(self) -> None:
        while self._free:
            of = next((one for one in self._queues if one not in self._inside), None)
            if of is None:
                return
            turn = self._queues[of][0]
            self._dequeue(of, turn)
            if not turn.done():  # who was cancelled in this very moment takes none
                self._free -= 1
                self._inside.add(of)
                turn.set_result(None)

    def _dequeue(self, of: Hashable, turn: asyncio.Future[None]) -> None:
        queue = self._queues.get(of, ())
        if turn in queue:
            self._queues[of].remove(turn)
            if not queue:
                del self._queues[of]

    def _leave(self, of: Hashable) -> None:
        self._free += 1
        self._inside.discard(of)
        if of in self._queues:  # its other streams come after everybody who waits
            self._queues[of] = self._queues.pop(of)
        self._admit()
