"""Whatever happens in whatever order, a small honest Envoy never has a route to a cluster that it cannot use, and at
rest it holds the offer, but for what it refuses."""

from collections.abc import Iterable
from itertools import cycle

from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.units import Seconds
from meltemi.core.xds.events import Effect, Send
from meltemi.core.xds.offer import Offer
from meltemi.core.xds.stream import Stream
from unit.xds.model import BAD, CDS, EDS, LDS, RDS, VHDS, ModelEnvoy

CLUSTERS, TABLES, HOSTS = ("a", "b", "c"), ("80", "81"), ("h", "i")
VERSIONS = st.sampled_from(["1", "2", "3", BAD])
Id = tuple[ResourceType, str]


@st.composite
def worlds(draw: st.DrawFn) -> dict[Id, Resource]:
    """Clusters with endpoints, listeners with tables of their names, and hosts that go to one of the clusters."""
    clusters = draw(st.lists(st.sampled_from(CLUSTERS), unique=True, min_size=1))
    tables = draw(st.lists(st.sampled_from(TABLES), unique=True))
    made = [Resource(type=CDS, name=name, version=draw(VERSIONS), body=b"") for name in clusters]
    made += [Resource(type=EDS, name=name, version=draw(st.sampled_from("12")), body=b"") for name in clusters]
    made += [Resource(type=kind, name=name, version="1", body=b"") for name in tables for kind in (LDS, RDS)]
    for name in [f"{table}/{host}" for table in tables for host in HOSTS]:
        if draw(st.booleans()):
            to, version = draw(st.sampled_from(clusters)), draw(VERSIONS)
            hold = Seconds(draw(st.sampled_from([0.0, 3.0])))
            # equal bytes have equal versions: what a host names is part of its version
            full = f"{version}>{to}+{hold}"
            body = name.partition("/")[2].encode()
            made.append(Resource(type=VHDS, name=name, version=full, body=body, needs=frozenset([to]), hold=hold))
    return {(one.type, one.name): one for one in made}


STEPS = st.one_of(
    worlds(), st.sampled_from(["send", "send", "answer", "answer", "answer", "time", "new offer", "reconnect"])
)


class Wire:
    """The stream, the Envoy, and what is under way between them in both directions."""

    def __init__(self, takes: list[bool]) -> None:
        chosen = cycle(takes)
        self.envoy = ModelEnvoy(lambda: next(chosen))
        self.world: dict[Id, Resource] = {}
        self.offer = Offer()
        self.connect()

    def connect(self) -> None:
        self.stream = Stream(offer=self.offer)
        self.under_way: list[Send] = []
        self.envoy.connect()

    def took(self, effects: list[Effect]) -> None:
        self.under_way += [one for one in effects if isinstance(one, Send)]

    def change(self, world: dict[Id, Resource]) -> None:
        gone, self.world = self.world.keys() - world.keys(), world
        self.took(self.stream.on_change(self.update(gone), self.envoy.now))

    def update(self, gone: Iterable[Id] = ()) -> dict[ResourceType, set[str]]:
        """Offer the world."""
        return self.offer.update(self.world.values(), gone)

    def receive(self, send: Send) -> None:
        """The Envoy hears what the stream said."""
        self.envoy.receive(send)

    def say(self) -> None:
        """The stream hears what the Envoy said."""
        self.took(self.stream.on_request(self.envoy.requests.pop(0), self.envoy.now))

    def step(self, what: "dict[Id, Resource] | str") -> None:
        match what:
            case dict():
                self.change(what)
            case "send" if self.under_way:
                self.receive(self.under_way.pop(0))
                assert self.envoy.broken() == []
            case "answer" if self.envoy.requests:
                self.say()
            case "time":
                self.envoy.now += 2
                self.took(self.stream.on_time(self.envoy.now))
            case "new offer":
                self.offer = Offer()
                self.update()
                self.took(self.stream.on_offer(self.offer, self.envoy.now))
            case "reconnect" if not self.envoy.warming:
                self.connect()
            case _:
                pass

    def rest(self) -> None:
        for _ in range(400):
            if not (self.under_way or self.envoy.requests):
                if self.stream.wake_at is None:
                    return
                self.envoy.now = self.stream.wake_at
                self.took(self.stream.on_time(self.envoy.now))
            self.step("send")
            self.step("answer")
        raise AssertionError("the stream does not come to rest")

    def sound(self, one: Resource) -> bool:
        """Nothing about it, nor about what it names, is refused."""
        return BAD not in one.version and all(self.sound(self.world[CDS, name]) for name in one.needs)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, min_size=10, max_size=40), takes=st.lists(st.booleans(), min_size=1, max_size=7))
def test_no_route_is_ever_broken_and_at_rest_all_is_there(
    steps: list[dict[Id, Resource] | str], takes: list[bool]
) -> None:
    wire = Wire(takes)
    for one in steps:
        wire.step(one)
    wire.rest()
    all_is_there(wire)


def all_is_there(wire: Wire) -> None:
    """At rest: the Envoy holds the offer, but for what it refuses."""
    envoy, stream = wire.envoy, wire.stream
    held = {(kind, name): one.version for kind in ResourceType for name, one in envoy.has[kind].items()}
    bad = {identity for identity, one in wire.world.items() if BAD in one.version}
    wanted = {i: one for i, one in wire.world.items() if i[0] is not EDS or i[1] in envoy.has[CDS]}
    for identity, one in wanted.items():
        if identity in bad or wire.sound(one):  # what names a refused cluster may go to its predecessor, or stay away
            assert (held.get(identity) == one.version) == wire.sound(one)
    still_named = {name for host in envoy.has[VHDS].values() for name in host.needs}
    left = {identity for identity in held.keys() - wire.world.keys() if identity[1] not in still_named}
    if all(held.get(identity, one.version) == one.version for identity, one in wire.world.items()):
        assert left == set()
        assert not envoy.warming
    else:  # after a new stream nobody knows what a predecessor names; what it names may have lost its endpoints
        assert {kind for kind, _ in left} <= {CDS, EDS}
        assert wire.world.keys().isdisjoint((CDS, name) for name in envoy.warming)
    assert envoy.told == set(envoy.has[RDS])
    assert stream.current()
    refused = set(stream.refused())
    assert refused <= bad
    assert {(kind, name) for kind, name in bad if kind is CDS} <= refused
