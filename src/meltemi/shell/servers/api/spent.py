"""What requests cost: the CPU time of parsing them and of answering them, told as it is spent.

Place:  servers/api/serve · around the app and uvicorn's protocol → shell/measures
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

Spent = Callable[[float], None]
"""Takes seconds of CPU."""
MEASURES = "/metrics"
"""Who asks for the measures is not counted among what is measured: two readings differ by what happened between."""


def counted(app: ASGIApp, spent: Spent) -> ASGIApp:
    """The app, with what each of its requests spends; while one waits, others spend."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == MEASURES:
            await app(scope, receive, send)
        else:
            await _Steps(app(scope, receive, send), spent)  # pyright: ignore[reportArgumentType]  (an async function)

    return call


def counting(spent: Spent) -> type[asyncio.Protocol]:
    """uvicorn's protocol, with what reading requests spends."""

    class Counting(AutoHTTPProtocol):
        def data_received(self, data: bytes) -> None:
            start = time.thread_time()
            try:
                super().data_received(data)
            finally:
                spent(time.thread_time() - start)

    return Counting


class _Steps:
    """A coroutine, counted from one wait to the next."""

    def __init__(self, work: Coroutine[Any, Any, None], spent: Spent) -> None:
        self._work = work
        self._spent = spent

    def __await__(self) -> Generator[Any, Any, None]:
        go: Callable[[Any], Any] = self._work.send
        what: BaseException | None = None
        while True:
            try:
                waited = self._step(go, what)
            except StopIteration:
                return
            try:
                yield waited
            except BaseException as problem:
                go, what = self._work.throw, problem
            else:
                go, what = self._work.send, None

    def _step(self, go: Callable[[Any], Any], what: BaseException | None) -> Any:
        start = time.thread_time()
        try:
            return go(what)
        finally:
            self._spent(time.thread_time() - start)
