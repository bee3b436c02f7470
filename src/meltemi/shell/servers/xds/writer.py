"""Write what a session has to say whenever its stream takes something.

Place:  shell/servers/xds · a Session ⇄ [writer] → shell/rpc

Callbacks and no task: what wakes a task costs as much as what it then writes (docs/design/0031).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from meltemi.shell.measures import Measures


class Speaker(Protocol):
    """Who has something to say."""

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` when there may be something to take."""
        ...

    def take(self) -> list[bytes]:
        """What there is to send now: what is not taken does not pile up."""
        ...


class Line(Protocol):
    """Where it is written to: a call."""

    @property
    def ready(self) -> bool:
        """Whether a message would be taken now."""
        ...

    def listen(self, then: Callable[[], None]) -> None:
        """Call `then` when `ready` may have changed."""
        ...

    def post(self, message: bytes) -> None:
        """Send a message."""
        ...

    def fail(self, problem: Exception) -> None:
        """The call ends with it."""
        ...


class Writer:
    """Of one stream. Who takes nothing is made nothing: the session is asked when its messages would be taken."""

    def __init__(self, speaker: Speaker, line: Line, measures: Measures) -> None:
        """Begins at once."""
        self._loop = asyncio.get_running_loop()
        self._speaker = speaker
        self._line = line
        self._measures = measures
        self._taken: deque[bytes] = deque()
        self._posted: float | None = None
        """When the message was handed over that is being sent."""
        self._turn: asyncio.Handle | None = None
        self._writing = False
        self._asked = False
        """Whether there may be something to take."""
        line.listen(self._go_on)
        speaker.listen(self._ask)
        self._ask()

    def close(self) -> None:
        """Write no more."""
        self._writing = True
        if self._turn is not None:
            self._turn.cancel()

    def _ask(self) -> None:
        self._asked = True
        self._go_on()

    def _go_on(self) -> None:
        """What happens at the same moment is written together."""
        if self._turn is None and not self._writing:
            self._turn = self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._turn, self._writing = None, True
        try:
            while self._line.ready and self._next():
                self._posted = time.monotonic()
                self._line.post(self._taken.popleft())
        except Exception as problem:  # a fault of ours in one stream must not end the others
            self._line.fail(problem)
            return
        self._writing = False

    def _next(self) -> bool:
        if self._posted is not None:
            self._measures.written(time.monotonic() - self._posted)
            self._posted = None
        if not self._taken and self._asked:
            self._asked = False
            self._taken.extend(self._speaker.take())
        return bool(self._taken)
