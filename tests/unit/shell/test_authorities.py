"""shell/authorities: a root is made once and never lost; what is told was kept before."""

import asyncio
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from fakes.keys import FakeKeys
from meltemi.core.identity.authority import Parts
from meltemi.core.identity.rotation import Step
from meltemi.shell.authorities import ROTATION, Authorities, AuthorityError
from unit.identity.pki import NOW, intermediate, loaded, root, root_parts

LATER = NOW + timedelta(days=4000)


async def opened(keys: FakeKeys, now: datetime = NOW) -> Authorities:
    authorities = Authorities(keys, now=lambda: now)
    await authorities.open("cluster.local")
    return authorities


def test_the_root_of_the_first_start_is_that_of_the_next():
    async def test() -> None:
        keys = FakeKeys()
        first, second = await opened(keys), await opened(keys)
        assert first.trust == second.trust
        assert first.trust.roots == first.signer.roots

    asyncio.run(test())


def test_a_start_that_was_cut_short_is_gone_on_with():
    async def test() -> None:
        keys = FakeKeys()
        first = await opened(keys)
        del keys.kept[ROTATION]
        assert (await opened(keys)).trust == first.trust

    asyncio.run(test())


@pytest.mark.parametrize("spoiled", [b"", b"{}", b'{"old": "authority-0.json"}'])
def test_no_root_is_made_over_one_that_cannot_be_read(spoiled: bytes):
    async def test() -> None:
        keys = FakeKeys()
        await opened(keys)
        keys.kept[ROTATION] = spoiled
        before = dict(keys.kept)
        with pytest.raises(AuthorityError):
            await opened(keys)
        assert keys.kept == before

    asyncio.run(test())


def test_an_expired_root_does_not_keep_the_mesh_from_starting():
    async def test() -> None:
        keys = FakeKeys()
        first = await opened(keys)
        assert (await opened(keys, LATER)).trust == first.trust

    asyncio.run(test())


def test_each_step_outlives_a_restart_and_can_be_taken_back():
    async def test() -> None:
        keys = FakeKeys()
        one = await opened(keys)
        seen = [one.trust]
        for step in (Step.BOTH_TRUSTED, Step.NEW_SIGNS, Step.OLD_DROPPED):
            assert (await one.forward()).step is step
            one = await opened(keys)
            assert one.rotation.step is step
            seen.append(one.trust)
        assert len({trust.signer for trust in seen}) == 2
        assert set(seen[1].roots) == {*seen[0].roots, *seen[3].roots}
        for trust in reversed(seen[:-1]):
            await one.back()
            assert one.trust == trust
        with pytest.raises(AuthorityError):
            await one.back()

    asyncio.run(test())


def test_what_was_made_for_a_rotation_that_was_taken_back_is_used_by_the_next():
    async def test() -> None:
        one = await opened(FakeKeys())
        first = await one.forward()
        await one.back()
        assert await one.forward() == first

    asyncio.run(test())


def test_followers_are_woken():
    async def test() -> None:
        one = await opened(FakeKeys())
        waiting = one.changed
        await one.forward()
        assert waiting.is_set()
        assert not one.changed.is_set()

    asyncio.run(test())


def test_a_rotation_leads_to_what_was_given():
    async def test() -> None:
        keys, parts = FakeKeys(), intermediate(root())
        one = await opened(keys)
        for _ in range(3):
            await one.forward(parts if one.rotation.resting else None)
        assert one.signer.name == loaded(parts).name
        assert one.trust.roots == (parts.root_cert,)

    asyncio.run(test())


def test_an_intermediate_of_the_same_root_takes_over_at_once():
    async def test() -> None:
        one, above = await opened(FakeKeys()), root()
        first, second = intermediate(above), intermediate(above)
        await one.replace(first)
        await one.plug(second)
        assert (one.signer.name, one.rotation.step) == (loaded(second).name, Step.STEADY)

    asyncio.run(test())


def _another_root() -> Parts:
    return root_parts()


# fmt: off
REFUSED = {
    "another root":         (_another_root(), "another root"),
    "another's key":        (replace(_another_root(), ca_key=_another_root().ca_key), "is not the key"),
}
# fmt: on


@pytest.mark.parametrize(("parts", "said"), REFUSED.values(), ids=REFUSED)
def test_plugging_in_changes_nothing_where_it_is_refused(parts: Parts, said: str):
    async def test() -> None:
        keys = FakeKeys()
        one = await opened(keys)
        before = dict(keys.kept)
        with pytest.raises(AuthorityError, match=said):
            await one.plug(parts)
        assert keys.kept == before

    asyncio.run(test())


def test_no_second_rotation_begins_while_one_is_under_way():
    async def test() -> None:
        one = await opened(FakeKeys())
        await one.forward()
        with pytest.raises(AuthorityError, match="under way"):
            await one.forward(root_parts())
        with pytest.raises(AuthorityError, match="under way"):
            await one.plug(root_parts())

    asyncio.run(test())
