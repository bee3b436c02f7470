"""What is shared by a crowd does to each of them what a stream of its own would do."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.xds.cohort import Cohort, Member, Steps
from meltemi.core.xds.events import Effect, Request, Send
from meltemi.core.xds.holdings import UNKNOWN_HOLD
from meltemi.core.xds.offer import Offer
from meltemi.core.xds.stream import Stream
from unit.xds.model import BAD, CDS, EDS, LDS, VHDS, ModelEnvoy
from unit.xds.test_model import Id, worlds

CROWD = 3
WORDS = ("send", "send", "answer", "answer", "answer", "time", "new offer", "reconnect")
STEPS = st.tuples(
    st.sampled_from([*range(CROWD), "all"]),
    st.one_of(worlds(), st.sampled_from(WORDS)),
)


class Crowd:
    """Envoys whose streams share an offer."""

    def __init__(self, most_steps: int) -> None:
        self.steps = Steps(most_steps)
        self.cohort = Cohort(Offer(), self.steps)
        self.world: dict[Id, Resource] = {}
        self.envoys = [ModelEnvoy(lambda: True) for _ in range(CROWD)]
        self.under_way: list[list[Send]] = [[] for _ in self.envoys]
        self.members = [Member(self.cohort) for _ in self.envoys]
        for envoy in self.envoys:
            envoy.connect()

    def took(self, who: int, effects: Sequence[Effect]) -> None:
        self.under_way[who] += [one for one in effects if isinstance(one, Send)]

    def change(self, world: dict[Id, Resource]) -> None:
        gone, self.world = self.world.keys() - world.keys(), world
        changed = self.cohort.offer.update(world.values(), gone)
        names = frozenset((kind, name) for kind, named in changed.items() for name in named)
        for who, member in enumerate(self.members):
            self.took(who, member.on_change(names, self.now))

    def replace_offer(self) -> None:
        offer = Offer()
        offer.update(self.world.values())
        self.cohort = Cohort(offer, self.steps)
        for who, member in enumerate(self.members):
            self.took(who, member.on_offer(self.cohort, self.now))

    @property
    def now(self) -> float:
        return self.envoys[0].now

    def step(self, who: int, what: str) -> None:
        envoy = self.envoys[who]
        match what:
            case "send" if self.under_way[who]:
                envoy.receive(self.under_way[who].pop(0))
                assert envoy.broken() == []
            case "answer" if envoy.requests:
                self.took(who, self.members[who].on_request(envoy.requests.pop(0), self.now))
            case "reconnect" if not envoy.warming:
                self.members[who].close()
                self.members[who] = Member(self.cohort)
                self.under_way[who] = []
                envoy.connect()
            case _:
                pass

    def do(self, who: int | str, what: dict[Id, Resource] | str) -> None:
        match what:
            case dict():
                self.change(what)
            case "new offer":
                self.replace_offer()
            case "time":
                self.pass_time(self.now + 0.7)
            case _:
                for one in range(CROWD) if isinstance(who, str) else (who,):
                    self.step(one, what)

    def pass_time(self, now: float) -> None:
        for who, member in enumerate(self.members):
            self.envoys[who].now = now
            self.took(who, member.on_time(now))

    def rest(self) -> None:
        for _ in range(400):
            if not any(self.under_way) and not any(envoy.requests for envoy in self.envoys):
                waits = [member.wake_at for member in self.members if member.wake_at is not None]
                if not waits:
                    return
                self.pass_time(max(self.now, *waits))
            for who in range(CROWD):
                self.step(who, "send")
                self.step(who, "answer")
        raise AssertionError("the crowd does not come to rest")


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=60), most=st.sampled_from([1, 3, 128]))
def test_each_of_a_crowd_is_served_as_if_it_were_alone(
    steps: list[tuple[int | str, dict[Id, Resource] | str]], most: int
) -> None:
    crowd = Crowd(most)
    for who, what in steps:
        crowd.do(who, what)
    crowd.rest()

    for envoy, member in zip(crowd.envoys, crowd.members, strict=True):
        held = {(kind, name): one.version for kind in ResourceType for name, one in envoy.has[kind].items()}
        sound = {i: one for i, one in crowd.world.items() if _is_sound(crowd.world, one)}
        assert {i: held.get(i) for i in sound if i[0] is not EDS} == {
            i: one.version for i, one in sound.items() if i[0] is not EDS
        }
        assert not envoy.warming
        assert member.current()


def _is_sound(world: dict[Id, Resource], one: Resource) -> bool:
    return BAD not in one.version and all(_is_sound(world, world[CDS, name]) for name in one.needs)


def _many(count: int) -> dict[Id, Resource]:
    made = [Resource(type=kind, name=f"c{n}", version="1", body=b"") for kind in (CDS, EDS) for n in range(count)]
    return {(one.type, one.name): one for one in made}


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[Stream]:
    """The states that were made."""
    made: list[Stream] = []
    copy = Stream.copy

    def noted(stream: Stream) -> Stream:
        made.append(stream)
        return copy(stream)

    monkeypatch.setattr(Stream, "copy", noted)
    return made


def test_who_comes_later_follows(copies: list[Stream]) -> None:
    crowd = Crowd(128)
    crowd.change(_many(20))
    crowd.do("all", "answer")
    assert len(copies) == 2  # hearing of the change, and asking
    assert [len(sends) for sends in crowd.under_way] == [1, 1, 1]
    assert crowd.under_way[0][0] is crowd.under_way[2][0]


def test_at_rest_all_are_in_one_state_in_whatever_order_they_answered(copies: list[Stream]) -> None:
    crowd = Crowd(128)
    crowd.change(_many(5))
    for who in (2, 0, 1):  # one after the other: who has answered all finds the state in which another one rests
        for order in ("answer", "send") if who else ("answer", "answer", "send"):
            crowd.step(who, order)
    crowd.rest()
    copies.clear()
    crowd.change(crowd.world | {(EDS, "c3"): Resource(type=EDS, name="c3", version="2", body=b"")})
    assert len(copies) == 1
    assert crowd.under_way[0] == crowd.under_way[1] == crowd.under_way[2]


def test_who_is_alone_copies_nothing(copies: list[Stream]) -> None:
    cohort = Cohort(Offer(), Steps())
    cohort.offer.update(_many(3).values())
    member = Member(cohort)
    member.on_request(Request(type=CDS, subscribe=("*",)), 0.0)
    copies.clear()
    member.on_request(Request(type=LDS, subscribe=("*",)), 0.0)
    member.on_request(Request(type=CDS, nonce="1"), 0.0)
    member.on_request(Request(type=VHDS), 0.0)
    assert len(copies) <= 1  # the first state is kept as it was, for the next one


def test_who_names_the_same_in_another_order_follows(copies: list[Stream]) -> None:
    cohort = Cohort(Offer(), Steps())
    cohort.offer.update(_many(3).values())
    held = {"c0": "1", "c1": "1", "c2": "1"}
    said = [
        Request(type=CDS, subscribe=("*",), initial=dict(order)) for order in (held.items(), reversed(held.items()))
    ]
    asked = [Request(type=EDS, subscribe=names) for names in (("c0", "c1", "c2"), ("c2", "c0", "c1"))]
    first, second = Member(cohort), Member(cohort)
    told = [*first.on_request(said[0], 0.0), *first.on_request(asked[0], 0.0)]
    copies.clear()
    assert [*second.on_request(said[1], 7.0), *second.on_request(asked[1], 7.0)] == told
    assert copies == []  # although it is seconds later: what it held may be needed for half a minute, and is for longer


def test_what_may_be_needed_of_an_earlier_stream_is_kept_long_enough(copies: list[Stream]) -> None:
    cohort = Cohort(Offer(), Steps())
    members = [Member(cohort) for _ in range(2)]
    for member, now in zip(members, (0.0, 14.9), strict=True):
        member.on_request(Request(type=CDS, subscribe=("*",), initial={"gone": "1"}), now)
    assert len(copies) == 1
    for member in members:
        assert member.on_time(14.9 + UNKNOWN_HOLD) == ()
        assert [one.removed for one in member.on_time(60.0) if isinstance(one, Send)] == [("gone",)]
