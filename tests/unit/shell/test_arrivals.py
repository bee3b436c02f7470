"""A crowd that comes at once is worked on some at a time; nobody is lost, and nobody holds the others up."""

import asyncio
from collections.abc import Callable

from meltemi.shell.arrivals import Arrivals

LONG = 3600.0


class Coming:
    """Proxies that come one after the other: who has got in, in order, and how each leaves."""

    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals = arrivals
        self.order: list[int] = []
        self.leave: dict[int, Callable[[], None]] = {}

    def begin(self, tasks: asyncio.TaskGroup, count: int) -> list[asyncio.Task[None]]:
        return [tasks.create_task(self.come(number, number)) for number in range(count)]

    async def come(self, number: int, of: object) -> None:
        self.leave[number] = await self.arrivals.enter(of)
        self.order.append(number)


async def calm() -> None:
    """Until nobody does anything any more, for the tasks that there are here."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_so_many_at_a_time_in_the_order_of_coming() -> None:
    async def run() -> None:
        coming = Coming(Arrivals(2, LONG))
        async with asyncio.TaskGroup() as tasks:
            coming.begin(tasks, 5)
            await calm()
            assert (coming.order, coming.arrivals.waiting) == ([0, 1], 3)
            coming.leave[1]()
            coming.leave[1]()  # a second time frees no second place
            await calm()
            assert (coming.order, coming.arrivals.waiting) == ([0, 1, 2], 2)
            coming.leave[0]()
            coming.leave[2]()
        assert coming.order == [0, 1, 2, 3, 4]

    asyncio.run(run())


def test_who_does_not_answer_holds_nobody_up() -> None:
    async def run() -> None:
        coming = Coming(Arrivals(1, 0.01))
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            coming.begin(tasks, 4)
        assert coming.order == [0, 1, 2, 3]

    asyncio.run(run())


def test_who_goes_while_he_waits_takes_no_place() -> None:
    async def run() -> None:
        coming = Coming(Arrivals(1, LONG))
        async with asyncio.TaskGroup() as tasks:
            each = coming.begin(tasks, 3)
            await calm()
            each[1].cancel()
            await calm()
            coming.leave[0]()
        assert (coming.order, coming.arrivals.waiting) == ([0, 2], 0)

    asyncio.run(run())


def test_attack_streams_without_number_one_caller_waits_for_himself() -> None:
    """A thousand streams of one proxy, all before anybody else's: they have one place, and others come between."""

    async def run() -> None:
        coming = Coming(Arrivals(2, LONG))
        async with asyncio.TaskGroup() as tasks:
            for number in range(1000):
                tasks.create_task(coming.come(number, "one"))
            others = [tasks.create_task(coming.come(number, number)) for number in range(1000, 1003)]
            await calm()
            assert coming.order == [0, 1000]
            coming.leave[0]()  # the caller's next stream comes after everybody who waits
            await calm()
            coming.leave[1000]()
            await calm()
            assert coming.order == [0, 1000, 1001, 1002]
            coming.leave[1001]()
            await calm()
            assert coming.order[-1] == 1
            assert all(one.done() for one in others)
            while len(coming.order) < 1003:
                coming.leave[coming.order[-1]]()
                await calm()
        assert sorted(coming.order) == list(range(1003))

    asyncio.run(run())


def test_attack_coming_and_going_leaves_no_place_taken() -> None:
    """Who goes in the very moment in which he is given a place gives it back."""

    async def run() -> None:
        coming = Coming(Arrivals(1, LONG))
        async with asyncio.TaskGroup() as tasks:
            for of in ("one", "two", "one", "two") * 50:
                task = tasks.create_task(coming.come(0, of))
                await asyncio.sleep(0)
                task.cancel()
            await calm()
            for leave in [*coming.leave.values()]:
                leave()
            tasks.create_task(coming.come(7, "other"))
            await calm()
            assert coming.order[-1] == 7
            coming.leave[7]()
        assert coming.arrivals.waiting == 0

    asyncio.run(run())
