"""What requests cost is told, wherever they wait, fail or are given up."""

import asyncio
import time
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from meltemi.shell.servers.api.spent import counted

BURNT = 0.005
"""Seconds of CPU."""


def burn() -> None:
    end = time.thread_time() + BURNT
    while time.thread_time() < end:
        pass


async def ask(handler: Any, path: str = "/api") -> float:
    told: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await handler()

    try:
        await counted(app, told.append)({"type": "http", "path": path}, _nothing, _nothing)
    finally:
        assert path == "/metrics" or sum(told) >= BURNT
    return sum(told)


async def _nothing(*_: Any) -> Any:
    return None


def test_what_is_spent_before_and_after_a_wait_is_counted_and_what_others_spend_is_not() -> None:
    async def run() -> tuple[float, float]:
        waits, others = asyncio.Event(), 0.0

        async def handler() -> None:
            burn()
            await waits.wait()
            burn()

        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(ask(handler))
            await asyncio.sleep(0)
            for _ in range(20):
                before = time.thread_time()
                burn()
                others += time.thread_time() - before
            waits.set()
        return asked.result(), others

    spent, others = asyncio.run(run())
    assert 2 * BURNT <= spent < others


def test_who_asks_for_the_measures_is_not_counted() -> None:
    async def handler() -> None:
        burn()

    assert asyncio.run(ask(handler, "/metrics")) == 0


def test_a_failure_is_the_callers() -> None:
    async def handler() -> None:
        burn()
        await asyncio.sleep(0)
        raise ValueError("so")

    with pytest.raises(ValueError, match="so"):
        asyncio.run(ask(handler))


def test_what_is_given_up_hears_of_it() -> None:
    heard: list[str] = []

    async def handler() -> None:
        burn()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(ask(handler))
            await asyncio.sleep(0)
            asked.cancel()

    asyncio.run(run())
    assert heard == ["cancelled"]
