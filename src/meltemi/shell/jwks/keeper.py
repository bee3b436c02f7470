"""Keep issuers' keys fresh: fetch what is wanted, again and again, and tell what changed.

Place:  compose/request_authentication key_sources → [keeper] → engine input ("keys", KeySource)

Keys that came once stay in force until others come: a server that is down takes nothing away, nor does a restart.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog
from msgspec import structs

from meltemi.core.model.security.keys import KeySet, KeySource
from meltemi.core.model.units import Seconds
from meltemi.ports.key_sets import KeySetMemory
from meltemi.shell.jwks.fetch import FetchError

log: Any = structlog.get_logger(__name__)

FIRST_PAUSE = Seconds(1)
"""After a first failure; twice as long after each that follows …"""
LONGEST_PAUSE = Seconds(300)
"""… up to this, or to the usual interval where that is shorter."""

Fetch = Callable[[KeySource, Seconds], Awaitable[KeySet]]
Tell = Callable[[KeySource, KeySet | None], None]


class Keeper:
    """A task for each source."""

    def __init__(self, memory: KeySetMemory, *, fetch: Fetch, tell: Tell, every: Seconds) -> None:
        """`tell` hears what is known of a source as soon as it changes, and None when nobody wants it any more; of what
        was remembered it hears at once."""
        self._memory = memory
        self._fetch = fetch
        self._tell = tell
        self._every = every
        self._wanted: dict[KeySource, Seconds] = {}
        self._known = dict(memory.key_sets())
        self._news = asyncio.Event()
        for source, found in self._known.items():
            tell(source, found)

    def want(self, sources: Iterable[tuple[KeySource, Seconds]]) -> None:
        """From now on these, and how long a fetch of each may take. All others are forgotten."""
        self._wanted = dict(sources)
        self._news.set()

    async def run(self) -> None:
        """Fetch until cancelled."""
        running: dict[KeySource, asyncio.Task[None]] = {}
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
                    running[source] = tasks.create_task(self._follow(source), name=f"keys of {source.uri}")

    def _end(self, source: KeySource, task: "asyncio.Task[None] | None") -> None:
        if task:
            task.cancel()
        self._known.pop(source, None)
        self._tell(source, None)

    async def _follow(self, source: KeySource) -> None:
        failures = 0
        while True:
            try:
                found = await self._fetch(source, self._wanted[source])
            except FetchError as why:
                found, failures = self._failed(source, str(why)), failures + 1
            except Exception as fault:  # a stranger's answer must not end the control plane
                log.exception("keys could not be read", source=source.uri)
                found, failures = self._failed(source, type(fault).__name__), failures + 1
            else:
                failures = 0
                self._memory.remember(source, found)
            if found != self._known.get(source):
                self._known[source] = found
                log.info("keys", source=source.uri, fault=found.fault)
                self._tell(source, found)
            await asyncio.sleep(self._pause(failures))

    def _pause(self, failures: int) -> float:
        """Seconds to the next fetch, after so many failures in a row."""
        if not failures:
            return self._every
        return min(self._every, LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 16))

    def _failed(self, source: KeySource, why: str) -> KeySet:
        """The last keys, and why there are no newer ones."""
        return structs.replace(self._known.get(source, KeySet()), fault=why)
