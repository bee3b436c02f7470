"""What is offered where something was refused."""

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.xds.events import Refused
from meltemi.core.xds.offer import Offer
from meltemi.core.xds.refusals import MOST, Refusals

HOST, LISTENER = ResourceType.VIRTUAL_HOST, ResourceType.LISTENER


def made(version: str, kind: ResourceType = HOST) -> Resource:
    return Resource(type=kind, name="n", version=version, body=version.encode())


def refuse(offer: Offer, version: str, kind: ResourceType = HOST) -> bool:
    """Whether the offer is another one now."""
    return bool(offer.refuse(Refused(resource=made(version, kind), reason="no")))


def offered(offer: Offer, kind: ResourceType = HOST) -> str:
    return offer.of(kind)["n"].version


def said(offer: Offer) -> list[str]:
    return [one.resource.version for one in offer.refused.values()]


def test_a_scope_that_comes_later_gets_what_was_accepted_before():
    refusals = Refusals()
    first = Offer(refusals=refusals)
    first.update([made("1")])
    first.update([made("2")])
    assert refuse(first, "2")

    later = Offer(refusals=refusals)
    later.update([made("2")])

    assert offered(first) == offered(later) == "1"
    assert said(first) == said(later) == ["2"]


def test_so_does_one_after_a_restart():
    before, after = Refusals(), Refusals()
    offer = Offer(refusals=before)
    offer.update([made("1")])
    offer.update([made("2")])
    refuse(offer, "2")

    after.learn(before.take_news())
    offer = Offer(refusals=after)
    offer.update([made("2")])

    assert (offered(offer), said(offer)) == ("1", ["2"])
    assert after.take_news() == []


def test_what_says_who_may_lets_nobody_in_where_it_is_refused():
    """The version before would let in whom the new one keeps out."""
    rules = Resource(type=ResourceType.EXTENSION, name="n", version="2", body=b"2", refused=b"nobody")
    for before in ([], [made("1", ResourceType.EXTENSION)]):
        offer = Offer()
        offer.update(before)
        offer.update([rules])

        assert offer.refuse(Refused(resource=rules, reason="no"))

        assert offer.of(ResourceType.EXTENSION)["n"].body == b"nobody"
        assert not offer.is_stopped(ResourceType.EXTENSION, "n")
        assert said(offer) == ["2"]
        offer.update([made("3", ResourceType.EXTENSION)])
        assert offered(offer, ResourceType.EXTENSION) == "3"


def test_other_bytes_are_offered():
    offer = Offer()
    offer.update([made("1")])
    offer.update([made("2")])
    refuse(offer, "2")

    assert offer.update([made("3")]) == {HOST: {"n"}}

    assert (offered(offer), said(offer)) == ("3", [])


def test_bytes_that_come_back_are_still_refused_and_the_newest_that_was_accepted_takes_their_place():
    refusals = Refusals()
    offer = Offer(refusals=refusals)
    for version in ("1", "2"):
        offer.update([made(version)])
    refuse(offer, "2")
    offer.update([made("3")])
    offer.answered()

    assert offer.update([made("2")]) == {}

    assert (offered(offer), said(offer)) == ("3", ["2"])
    later = Offer(refusals=refusals)
    later.update([made("2")])
    assert offered(later) == "3"


def test_what_is_refused_and_under_way_takes_no_place():
    """2 was never accepted: it is not what 3, which is known to be refused, falls back to."""
    refusals = Refusals()
    other = Offer(refusals=refusals)
    other.update([made("3")])
    refuse(other, "3")
    offer = Offer(refusals=refusals)
    for version in ("1", "2", "3"):
        offer.update([made(version)])

    assert offered(offer) == "1"


def test_where_nothing_was_before_nothing_is_sent():
    refusals = Refusals()
    offer = Offer(refusals=refusals)
    offer.update([made("1")])
    assert not refuse(offer, "1")

    later = Offer(refusals=refusals)
    later.update([made("1")])

    assert offer.is_stopped(HOST, "n")
    assert later.is_stopped(HOST, "n")
    assert said(later) == ["1"]
    later.update([made("2")])
    assert not later.is_stopped(HOST, "n")
    assert refuse(later, "2") is False  # 1 is no stand-in: it was refused too
    later.update([], [(HOST, "n")])
    assert not later.is_stopped(HOST, "n")


def test_a_listener_that_one_proxy_refuses_is_offered_to_other_scopes():
    refusals = Refusals()
    offer = Offer(refusals=refusals)
    offer.update([made("1", LISTENER)])
    refuse(offer, "1", LISTENER)
    later = Offer(refusals=refusals)
    later.update([made("1", LISTENER)])

    assert not offer.is_stopped(LISTENER, "n")
    assert not later.is_stopped(LISTENER, "n")
    assert said(later) == refusals.take_news() == []


def test_the_oldest_are_forgotten():
    refusals = Refusals()
    for n in range(MOST + 1):
        offer = Offer(refusals=refusals)
        offer.update([made(str(n))])
        refuse(offer, str(n))

    assert refusals.of(made("0")) is None
    assert refusals.of(made("1")) is not None
    assert len(refusals.known) == MOST
