"""Trust/Follow over real sockets: told at once and at each change; a step waits until all have followed."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from msgspec.structs import replace

from meltemi.core.identity.rotation import Holding, Step, Trust, digest
from meltemi.core.model.units import Seconds
from meltemi.shell.authorities import AuthorityError
from meltemi.shell.identity_wire import FOLLOW, TRUST, decode_trust, encode_holding
from meltemi.shell.servers.ca.control import SHORT_AUTHORITY, SHORT_LEAF, BehindError, Control
from unit.ca.test_certificates import run
from unit.ca.world import World

POD = "cart.shop"


async def told() -> None:
    """All pods are known."""


def control(one: World, *expected: str) -> Control:
    return Control(
        one.authorities,
        one.service.followers,
        expected=lambda: frozenset(expected),
        told=told,
        now=one.now,
        usual_life=Seconds(86_400),
    )


class Agent:
    """What an agent's stream does; each call of it is one message."""

    def __init__(self, one: World, pod: str = "cart") -> None:
        self._channel = grpc.aio.insecure_channel(f"unix:{one.socket(pod)}")
        self._world = one
        self._stream: Any = self._channel.stream_stream(f"/{TRUST}/{FOLLOW}")()

    async def hear(self) -> Trust:
        return decode_trust(await self._stream.read())

    async def say(self, holding: Holding) -> None:
        await self._stream.write(encode_holding(holding))

    async def obey(self, trust: Trust) -> None:
        await self.say(Holding(roots=digest(trust.roots), issuer=trust.signer))

    async def leave(self) -> None:
        await self._channel.close()


async def until(one: World, true: Callable[[], bool]) -> None:
    """Agents are heard in their own time."""
    while not true():
        await one.service.followers.moved.wait()


def test_an_agent_is_told_at_once_and_at_each_change(tmp_path: Path):
    async def test(one: World) -> None:
        agent = Agent(one)
        assert await agent.hear() == one.authorities.trust
        await one.authorities.forward()
        assert await agent.hear() == one.authorities.trust
        await agent.leave()

    run(tmp_path, test)


def test_a_whole_rotation_waits_at_each_step_for_the_agent(tmp_path: Path):
    async def test(one: World) -> None:
        mesh, agent, seen = control(one, POD), Agent(one), list[Step]()
        for _ in range(3):
            trust = await agent.hear()
            with pytest.raises(BehindError) as late:
                await mesh.rotate(to=None, back=False, seconds=0.05)
            assert set(late.value.who) == {POD}
            await agent.obey(trust)
            await mesh.rotate(to=None, back=False, seconds=10)
            seen.append(one.authorities.rotation.step)
        assert seen == [Step.BOTH_TRUSTED, Step.NEW_SIGNS, Step.OLD_DROPPED]
        await agent.leave()

    run(tmp_path, test)


def test_of_two_who_rotate_at_a_time_the_second_waits_for_the_step_of_the_first(tmp_path: Path):
    async def test(one: World) -> None:
        mesh, agent = control(one, POD), Agent(one)
        await agent.obey(await agent.hear())
        async with asyncio.TaskGroup() as tasks:
            both = [tasks.create_task(_outcome(mesh)) for _ in range(2)]
        assert sorted(task.result() for task in both) == ["behind", "taken"]
        assert one.authorities.rotation.step is Step.BOTH_TRUSTED
        await agent.leave()

    async def _outcome(mesh: Control) -> str:
        try:
            await mesh.rotate(to=None, back=False, seconds=0.5)
        except BehindError:
            return "behind"
        return "taken"

    run(tmp_path, test)


def test_a_pod_that_serves_and_is_not_connected_holds_a_step_up(tmp_path: Path):
    """After a restart of the control plane nobody is connected for a moment: that is not to have followed."""

    async def test(one: World) -> None:
        with pytest.raises(BehindError) as late:
            await control(one, POD).rotate(to=None, back=False, seconds=0.05)
        assert late.value.who == {POD: "is not connected to the authority"}

    run(tmp_path, test)


def test_no_step_is_taken_before_the_pods_are_known(tmp_path: Path):
    """Nobody expected, nobody connected: right after a start that says nothing."""

    async def test(one: World) -> None:
        known = asyncio.Event()
        mesh = Control(
            one.authorities,
            one.service.followers,
            expected=frozenset,
            told=known.wait,
            now=one.now,
            usual_life=Seconds(86_400),
        )
        with pytest.raises(BehindError):
            await mesh.rotate(to=None, back=False, seconds=0.05)
        assert one.authorities.rotation.step is Step.STEADY
        known.set()
        await mesh.rotate(to=None, back=False, seconds=10)
        assert one.authorities.rotation.step is Step.BOTH_TRUSTED

    run(tmp_path, test)


def test_who_leaves_is_forgotten_and_who_comes_twice_speaks_last(tmp_path: Path):
    async def test(one: World) -> None:
        mesh, first = control(one), Agent(one)
        await first.obey(await first.hear())
        await mesh.followed(10)
        second = Agent(one)
        await second.hear()
        assert mesh.status()["behind"] == {POD: "has no roots yet"}
        await second.leave()
        await mesh.followed(10)
        await first.leave()
        await until(one, lambda: not one.service.followers.held)

    run(tmp_path, test)


def test_nobody_takes_back_what_has_not_begun(tmp_path: Path):
    async def test(one: World) -> None:
        with pytest.raises(AuthorityError, match="nothing to take back"):
            await control(one).rotate(to=None, back=True, seconds=1)

    run(tmp_path, test)


# fmt: off
LEFT = {
    "half of it":   (timedelta(hours=12), ""),
    "an hour":      (timedelta(hours=1), "ends at"),
    "nothing":      (timedelta(hours=-1), "has ended"),
}
# fmt: on


@pytest.mark.parametrize(("left", "said"), LEFT.values(), ids=LEFT)
@pytest.mark.parametrize("tells_begin", [True, False])
def test_a_short_rest_of_life_is_a_finding_on_the_pod(tmp_path: Path, left: timedelta, said: str, tells_begin: bool):
    async def test(one: World) -> None:
        mesh, agent = control(one), Agent(one)
        trust, ends = await agent.hear(), datetime.now(UTC) + left
        holding = Holding(roots=digest(trust.roots), issuer=trust.signer, serial="aa", not_after=ends)
        begins = ends - timedelta(hours=24) if tells_begin else None
        await agent.say(replace(holding, not_before=begins))
        await mesh.followed(10)
        await until(one, lambda: mesh.certificates()[POD]["serial"] == "aa")
        found = list(mesh.findings())
        assert [one.code for one in found] == ([SHORT_LEAF] if said else [])
        assert all(said in one.message and str(one.key) == "Pod shop/cart" for one in found)
        await agent.leave()

    run(tmp_path, test)


def test_an_authority_that_ends_soon_is_a_finding(tmp_path: Path):
    async def test(one: World) -> None:
        mesh = control(one)
        assert list(mesh.findings()) == []
        one.late = timedelta(days=3600)
        assert [one.code for one in mesh.findings()] == [SHORT_AUTHORITY]

    run(tmp_path, test)
