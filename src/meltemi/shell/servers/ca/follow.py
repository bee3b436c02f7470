"""Trust/Follow: every agent is told whom to trust and who signs, and says what it holds.

Place:  servers/ca · agents ⇄ [follow] ⇄ authorities; read by rotations, `status` and findings
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from meltemi.core.identity.rotation import Holding
from meltemi.shell.authorities import Authorities
from meltemi.shell.identity_wire import FOLLOW, TRUST, decode_holding, encode_trust
from meltemi.shell.rpc.call import Call
from meltemi.shell.rpc.server import Methods
from meltemi.shell.rpc.status import Refused, Status

log: Any = structlog.get_logger(__name__)

WhoFollows = Callable[[Call], str | None]
"""The proxy behind a stream, `pod.namespace`; None where it is not known."""


class Followers:
    """What every connected proxy says that it holds."""

    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities
        self._held: dict[str, dict[object, Holding]] = {}
        """Streams of a proxy in the order of their beginning: the last one speaks for it."""
        self.moved = asyncio.Event()
        """Set, and made anew, when somebody has said something, or has gone."""

    @property
    def held(self) -> Mapping[str, Holding]:
        """Of every connected proxy."""
        return {name: list(streams.values())[-1] for name, streams in self._held.items()}

    def methods(self, who: WhoFollows) -> Methods:
        """The service for one port."""

        async def follow(call: Call) -> None:
            name = who(call)
            if name is None:
                raise Refused(Status.PERMISSION_DENIED, "it is not known which pod this is")
            await self._serve(name, call)

        return {f"/{TRUST}/{FOLLOW}": follow}

    async def _serve(self, name: str, call: Call) -> None:
        stream = object()

        def hear(data: bytes) -> None:
            try:
                self._note(name, stream, decode_holding(data))
            except ValueError as problem:
                log.warning("what a proxy says cannot be read", proxy=name, reason=str(problem))

        self._note(name, stream, Holding())
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(self._tell(call))
                await call.each(hear)
                telling.cancel()
        finally:
            self._forget(name, stream)

    async def _tell(self, call: Call) -> None:
        """At once, and at each change; what was overtaken by another change is left out."""
        while True:
            changed = self._authorities.changed
            await call.write(encode_trust(self._authorities.trust))
            await changed.wait()

    def _note(self, name: str, stream: object, holding: Holding) -> None:
        self._held.setdefault(name, {})[stream] = holding
        self._wake()

    def _forget(self, name: str, stream: object) -> None:
        streams = self._held[name]
        del streams[stream]
        if not streams:
            del self._held[name]
        self._wake()

    def _wake(self) -> None:
        self.moved.set()
        self.moved = asyncio.Event()
