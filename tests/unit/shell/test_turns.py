"""Large responses take turns; small ones do not wait, and who reads slowly holds nobody up."""

import asyncio

from meltemi.shell.servers.xds.turns import LARGE, Turns


async def _write(turns: Turns, size: int, read: asyncio.Event) -> None:
    async with turns.turn(size):
        await read.wait()


def test_large_ones_take_turns_and_small_ones_do_not_wait() -> None:
    asyncio.run(_large_ones_take_turns())


async def _large_ones_take_turns() -> None:
    turns, first, now = Turns(at_once=1, patience=60), asyncio.Event(), asyncio.Event()
    now.set()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_write(turns, LARGE, first))
        await asyncio.sleep(0)
        waiting = tasks.create_task(_write(turns, LARGE, now))
        await _write(turns, LARGE - 1, now)
        assert not waiting.done()
        first.set()
    await _write(turns, LARGE, now)


def test_the_turn_of_a_slow_reader_goes_to_the_next_and_only_once() -> None:
    asyncio.run(_slow_reader())


async def _slow_reader() -> None:
    turns, slow_read, now = Turns(at_once=1, patience=0.01), asyncio.Event(), asyncio.Event()
    now.set()
    async with asyncio.TaskGroup() as tasks:
        slow = tasks.create_task(_write(turns, LARGE, slow_read))
        await asyncio.sleep(0)
        await _write(turns, LARGE, now)
        assert not slow.done()
        slow_read.set()
    await _one_at_a_time(turns, now)


async def _one_at_a_time(turns: Turns, now: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:
        read = asyncio.Event()
        tasks.create_task(_write(turns, LARGE, read))
        await asyncio.sleep(0)
        next_ = tasks.create_task(_write(turns, LARGE, now))
        await asyncio.sleep(0)
        assert not next_.done()
        read.set()
