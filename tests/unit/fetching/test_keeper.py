"""Keys stay in force until others come, whatever becomes of their server or of the control plane."""

import asyncio
from collections.abc import Awaitable, Callable

from fakes.fetched import FakeFetched
from meltemi.core.model.security.keys import KeySet, KeySource
from meltemi.core.model.units import Seconds
from meltemi.shell.fetching.keeper import Keeper, Ways
from meltemi.shell.fetching.web import FetchError
from meltemi.shell.jwks.fetch import failed

ONE, TWO = KeySource(uri="https://one"), KeySource(uri="https://two")
PATIENCE = Seconds(5)
DOWN = "the server answers 503"


Memory = FakeFetched[KeySource, KeySet]


class World:
    """A keeper, a server that says what `says` says, and what is in force."""

    def __init__(self, memory: Memory | None = None, every: float | None = 0.001) -> None:
        self.asked = asyncio.Event()
        self.every = None if every is None else Seconds(every)
        self.memory = memory or Memory()
        self.says: dict[KeySource, str | Exception] = {}
        self.fetched = 0
        self.patience: list[Seconds] = []
        self.in_force: dict[KeySource, KeySet] = {}
        self.told = 0
        ways = Ways(fetch=self._fetch, failed=failed, every=self._every)
        self.keeper = Keeper(self.memory, ways, self._tell)

    def _every(self, _: KeySource) -> Seconds | None:
        return self.every

    async def _fetch(self, source: KeySource, patience: Seconds) -> KeySet:
        self.fetched += 1
        self.asked.set()
        self.patience.append(patience)
        said = self.says[source]
        if isinstance(said, Exception):
            raise said
        return KeySet(jwks=said)

    def _tell(self, source: KeySource, found: KeySet | None) -> None:
        self.told += 1
        self.asked.set()
        if found is None:
            self.in_force.pop(source, None)
        else:
            self.in_force[source] = found

    async def fetches(self, count: int = 2) -> None:
        """Let so many fetches pass."""
        end = self.fetched + count
        await self.until(lambda: self.fetched >= end)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Looks after each fetch."""
        while not condition():
            self.asked.clear()
            await self.asked.wait()


def play(world: World, act: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.keeper.run())
            async with asyncio.timeout(30):
                await act()
            running.cancel()

    asyncio.run(run())


def test_keys_follow_their_server_and_are_told_once() -> None:
    async def act() -> None:
        world.says = {ONE: "old", TWO: "two"}
        world.keeper.want([(ONE, PATIENCE), (TWO, PATIENCE)])
        await world.fetches(10)
        assert world.in_force == {ONE: KeySet(jwks="old"), TWO: KeySet(jwks="two")}
        assert world.told == 2
        world.says[ONE] = "new"
        await world.until(lambda: world.in_force[ONE] == KeySet(jwks="new"))
        assert world.told == 3

    world = World()
    play(world, act)
    assert world.memory.known() == {ONE: KeySet(jwks="new"), TWO: KeySet(jwks="two")}


def test_a_server_that_is_down_takes_nothing_away() -> None:
    async def act() -> None:
        world.says = {ONE: "old", TWO: FetchError(DOWN)}
        world.keeper.want([(ONE, PATIENCE), (TWO, PATIENCE)])
        await world.until(lambda: world.in_force == {ONE: KeySet(jwks="old"), TWO: KeySet(fault=DOWN)})
        world.says[ONE] = FetchError(DOWN)
        await world.until(lambda: world.in_force[ONE] == KeySet(jwks="old", fault=DOWN))
        world.says[ONE] = ZeroDivisionError("a fault of ours")
        await world.until(lambda: world.in_force[ONE] == KeySet(jwks="old", fault="ZeroDivisionError"))
        world.says[ONE] = "new"
        await world.until(lambda: world.in_force[ONE] == KeySet(jwks="new"))

    world = World()
    play(world, act)


def test_a_restart_takes_nothing_away() -> None:
    """What was remembered is told before anything is fetched."""
    memory = Memory()
    memory.remember(ONE, KeySet(jwks="old"))
    memory.remember(TWO, KeySet(jwks="two"))
    world = World(memory)
    assert world.in_force == memory.known()

    async def act() -> None:
        world.says = {ONE: FetchError(DOWN)}
        world.keeper.want([(ONE, PATIENCE)])
        await world.until(lambda: world.in_force == {ONE: KeySet(jwks="old", fault=DOWN)})

    play(world, act)
    assert memory.known() == {ONE: KeySet(jwks="old")}


def test_what_nobody_wants_is_forgotten_and_fetched_no_more() -> None:
    async def act() -> None:
        world.says = {ONE: "one"}
        world.keeper.want([(ONE, PATIENCE)])
        await world.until(lambda: bool(world.in_force))
        world.keeper.want([])
        await world.until(lambda: not world.in_force)
        count = world.fetched
        for _ in range(10):
            await asyncio.sleep(0.001)
        assert world.fetched == count

    world = World()
    play(world, act)
    assert world.memory.known() == {}


def test_patience_is_what_the_rules_say_now() -> None:
    async def act() -> None:
        world.says = {ONE: "one"}
        world.keeper.want([(ONE, PATIENCE)])
        await world.fetches()
        world.keeper.want([(ONE, Seconds(7))])
        await world.until(lambda: world.patience[-1] == Seconds(7))

    world = World()
    play(world, act)
    assert world.patience[0] == PATIENCE


def test_what_does_not_change_is_fetched_once() -> None:
    """Also over a restart; where it fails, until it comes."""
    memory = Memory()

    async def come() -> None:
        world.says = {ONE: FetchError(DOWN)}
        world.keeper.want([(ONE, PATIENCE)])
        await world.until(lambda: world.in_force == {ONE: KeySet(fault=DOWN)})
        world.says = {ONE: "one"}
        await world.until(lambda: world.in_force == {ONE: KeySet(jwks="one")})
        await stay(2)

    async def stay(fetched: int = 0) -> None:
        world.keeper.want([(ONE, PATIENCE)])
        for _ in range(10):
            await asyncio.sleep(0.001)
        assert world.fetched == fetched

    world = World(memory, every=None)
    play(world, come)
    world = World(memory, every=None)
    play(world, stay)
    assert world.in_force == {ONE: KeySet(jwks="one")}
