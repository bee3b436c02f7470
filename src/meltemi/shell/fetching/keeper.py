"""Keep fresh what documents name by address: fetch what is wanted, again where it may change, and tell what changed.

Place:  sources, as compose names them → [keeper] → engine inputs

What came once stays in force until something else comes: a server that is down takes nothing away, nor does a restart.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

import structlog

from meltemi.core.model.units import Seconds
from meltemi.ports.fetched import FetchedMemory
from meltemi.shell.fetching.web import FetchError

log: Any = structlog.get_logger(__name__)

FIRST_PAUSE = Seconds(1)
"""After a first failure; twice as long after each that follows …"""
LONGEST_PAUSE = Seconds(300)
"""… up to this, or to the usual interval where that is shorter."""

Source = TypeVar("Source")
Terms = TypeVar("Terms")
Found = TypeVar("Found")


class Ways(NamedTuple, Generic[Source, Terms, Found]):
    """What is particular to a kind of thing that is fetched."""

    fetch: Callable[[Source, Terms], Awaitable[Found]]
    """Raises FetchError."""
    failed: Callable[[Found | None, FetchError], Found]
    """What is known when a fetch failed: what was known before, and why."""
    every: Callable[[Source], Seconds | None]
    """How long what came is good for; None: for ever."""


class Keeper(Generic[Source, Terms, Found]):
    """A task for each source."""

    def __init__(
        self,
        memory: FetchedMemory[Source, Found],
        ways: Ways[Source, Terms, Found],
        tell: Callable[[Source, Found | None], None],
    ) -> None:
        """`tell` hears what is known of a source as soon as it changes, and None when nobody wants it any more; of what
        was remembered it hears at once."""
        self._memory = memory
        self._ways = ways
        self._tell = tell
        self._wanted: dict[Source, Terms] = {}
        self._known = dict(memory.known())
        self._news = asyncio.Event()
        for source, found in self._known.items():
            tell(source, found)

    def want(self, sources: Iterable[tuple[Source, Terms]]) -> None:
        """From now on these, and on what terms each is fetched. All others are forgotten."""
        self._wanted = dict(sources)
        self._news.set()

    async def run(self) -> None:
        """Fetch until cancelled."""
        running: dict[Source, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._news.wait()
                self._news.clear()
                ended = (running.keys() | self._known.keys()) - self._wanted.keys()
                for source in ended:
                    self._end(source, running.pop(source, None))
                if ended:
                    self._memory.keep_only(self._wanted.keys())
                for source in self._wanted.keys() - running.keys():
                    running[source] = tasks.create_task(self._follow(source))

    def _end(self, source: Source, task: "asyncio.Task[None] | None") -> None:
        if task:
            task.cancel()
        self._known.pop(source, None)
        self._tell(source, None)

    async def _follow(self, source: Source) -> None:
        failures = 0
        if self._ways.every(source) is None and source in self._known:
            return  # it came once, and does not change
        while True:
            failures = await self._step(source, failures)
            pause = self._pause(source, failures)
            if pause is None:
                return
            await asyncio.sleep(pause)

    async def _step(self, source: Source, failures: int) -> int:
        """One fetch. Returns how many have failed in a row, this one among them."""
        try:
            found = await self._ways.fetch(source, self._wanted[source])
        except FetchError as why:
            found, failures = self._ways.failed(self._known.get(source), why), failures + 1
        except Exception as fault:  # a stranger's answer must not end the control plane
            log.exception("what was fetched could not be read", source=source)
            why = FetchError(type(fault).__name__)
            found, failures = self._ways.failed(self._known.get(source), why), failures + 1
        else:
            failures = 0
            self._memory.remember(source, found)
        if found != self._known.get(source):
            self._known[source] = found
            log.info("fetched", source=source, failures=failures)
            self._tell(source, found)
        return failures

    def _pause(self, source: Source, failures: int) -> float | None:
        """Seconds to the next fetch, after so many failures in a row; None where there is none."""
        every = self._ways.every(source)
        if not failures:
            return every
        return min(every or LONGEST_PAUSE, LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 16))
