"""Whatever happens in whatever order, every name that an Envoy asks for is answered, once, and not before its host is
there: a first request is served, and none waits for ever."""

from collections import Counter
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.xds.asked import asked_name
from meltemi.core.xds.events import Effect, Send
from unit.xds.model import CDS, EDS, LDS, RDS, VHDS
from unit.xds.test_model import CLUSTERS, HOSTS, TABLES, Id, Wire, all_is_there, worlds

LASTING = "a"
"""A cluster that is there whatever was called."""
NOBODY = "nobody"
"""Of a table: the virtual host for names that nobody has."""
AUTHORITIES = ("h", "h:80", "i", "m", "n", "*")
"""`m` and `n` nobody has, and `*` is no host."""
Named = tuple[str, str]
"""Who calls a name: the Envoy's own workload, or a replica of it."""

START = {
    (one.type, one.name): one
    for one in (
        *(Resource(type=kind, name=name, version="1", body=b"") for kind in (LDS, RDS) for name in TABLES),
        *(Resource(type=kind, name=name, version="1", body=b"") for kind in (CDS, EDS) for name in CLUSTERS),
        *(Resource(type=VHDS, name=f"80/{to}", version="1", body=to.encode(), needs=frozenset("b")) for to in HOSTS),
        Resource(type=VHDS, name="81/h", version="1", body=b"h", needs=frozenset("c")),
    )
}

CALLS = st.tuples(
    st.sampled_from(["call", "call", "called elsewhere"]),
    st.sampled_from([f"{table}/{one}" for table in TABLES for one in AUTHORITIES]),
)
WORDS = ("send", "send", "answer", "answer", "answer", "settle", "settle", "time", "rest", "new offer", "reconnect")
STEPS = st.one_of(worlds(), CALLS, CALLS, st.sampled_from(WORDS), st.sampled_from(WORDS))


class Asking(Wire):
    """An Envoy on demand, and beside its stream the little that shell/publish does for it."""

    def __init__(self, takes: list[bool]) -> None:
        self.mesh: dict[Id, Resource] = {}
        self.called: set[str] = set()
        self.full = False
        """Whether it is given everything, as it called too much."""
        self.owed: set[str] = set()
        """Names that the stream was asked for and has not answered."""
        self.answers_of: dict[str, set[str]] = {}
        """Nonce → names that it answers, unless it is refused."""
        self.asks: Counter[str] = Counter()
        self.promises: dict[str, list[tuple[str, int, Resource]]] = {}
        """Nonce → name, the how-manyth time it was asked for, what the Envoy has when it hears the answer."""
        super().__init__(takes)

    def connect(self) -> None:
        self.owed, self.promises, self.answers_of = set(), {}, {}
        self.asks.clear()
        super().connect()

    def step(self, what: dict[Id, Resource] | str | Named) -> None:
        match what:
            case "call", name:
                self.envoy.call(name)
            case "called elsewhere", name:
                self.called |= {one for one in [asked_name(name)] if one}
            case "rest":
                self.rest()
            case "settle":
                self.change(self.mesh)
            case "all" | "new offer":
                self.full |= what == "all"
                self.world = self.offered()
                super().step("new offer")
            case dict() | str():
                super().step(what)
            case _:
                raise ValueError(what)

    def change(self, world: dict[Id, Resource]) -> None:
        self.mesh = world
        super().change(self.offered())

    def offered(self) -> dict[Id, Resource]:
        """Hosts that were called, where they lead, and what lasts."""
        if self.full:
            return self.mesh
        hosts = [self.mesh.get((VHDS, name)) or self.nobody(name) for name in self.answers().values()]
        needed = {LASTING}.union(*(one.needs for one in hosts))
        found = {key: one for key, one in self.mesh.items() if key[0] not in (CDS, EDS, VHDS) or key[1] in needed}
        return found | {(one.type, one.name): one for one in hosts}

    def answers(self) -> dict[str, str]:
        """Name → virtual host, of tables that there are."""
        tables = {name for kind, name in self.mesh if kind is RDS}
        return {
            name: name if (VHDS, name) in self.mesh else f"{name.partition('/')[0]}/{NOBODY}"
            for name in sorted(self.called)
            if name.partition("/")[0] in tables
        }

    def nobody(self, name: str) -> Resource:
        names = " ".join(one.partition("/")[2] for one, to in self.answers().items() if to == name)
        return Resource(type=VHDS, name=name, version=names, body=names.encode())

    def update(self, gone: Iterable[Id] = ()) -> dict[ResourceType, set[str]]:
        changed = super().update(gone)
        if not self.full:
            changed.setdefault(VHDS, set()).update(self.offer.answer(self.answers()))
        return changed

    def say(self) -> None:
        said = self.envoy.requests[0]
        if said.type is VHDS:
            asked = set(said.subscribe) - {"*"}
            self.asks.update(asked)
            self.owed |= self.answers_of.pop(said.nonce, set[str]()) if said.error else set[str]()
            self.owed = (self.owed | asked) - set(said.unsubscribe)
            for names in self.answers_of.values():
                names -= set(said.unsubscribe)
            self.called |= {name for one in asked if (name := asked_name(one))}
        super().say()

    def took(self, effects: list[Effect]) -> None:
        for send in (one for one in effects if isinstance(one, Send)):
            assert self.owed.issuperset(send.answered), "nobody asked, or it was answered before"
            self.owed -= set(send.answered)
            self.answers_of[send.nonce] = set(send.answered)
            self.promises[send.nonce] = [
                (name, self.asks[name], host)
                for name in send.answered
                if (host := self.host_of(name)) is not None and self.sound(host)
            ]
        super().took(effects)

    def host_of(self, asked: str) -> Resource | None:
        """What there is for a name now."""
        name = asked_name(asked) or ""
        return self.world.get((VHDS, name if self.full else (self.offer.answers or {}).get(name, "")))

    def receive(self, send: Send) -> None:
        waiting = dict(self.envoy.waiting)
        super().receive(send)
        for name, times, host in self.promises.pop(send.nonce):
            if waiting.get(name) == times and name not in self.envoy.waiting:
                assert self.envoy.found(name) == host, "a request goes on, and its host is not there"

    def rest(self) -> None:
        for _ in range(3):  # what is asked for on the way is looked for
            self.step("settle")
            super().rest()


@settings(max_examples=300, deadline=None)
@given(
    steps=st.lists(STEPS, min_size=20, max_size=60),
    takes=st.lists(st.booleans(), min_size=1, max_size=7),
    all_at=st.none() | st.integers(0, 60),
)
def test_every_name_is_answered_once_and_in_time(
    steps: list[dict[Id, Resource] | str | Named], takes: list[bool], all_at: int | None
) -> None:
    """`all_at`: at which step the workload has called too much."""
    wire = Asking(takes)
    wire.step(START)
    wire.rest()  # requests come to tables that serve
    for at, one in enumerate(steps):
        if at == all_at:
            wire.step("all")
        wire.step(one)
    wire.rest()

    assert wire.owed == set()
    assert wire.envoy.waiting == {}
    all_is_there(wire)


def test_the_histories_have_first_requests_that_are_served() -> None:
    """One of them, written out: the model itself asks, waits and goes on."""
    wire = Asking([True])
    wire.step(START)
    wire.rest()
    assert wire.envoy.found("80/h") is None

    wire.step(("call", "80/h:80"))
    assert wire.envoy.waiting
    wire.rest()
    assert wire.envoy.waiting == {}
    assert wire.envoy.found("80/h") is not None
