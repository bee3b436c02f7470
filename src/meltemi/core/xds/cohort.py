"""Streams that were told the same and said the same share one state: each step is taken once for all of them.

Place:  xds · between shell/session, one member each, and xds/stream, the machine

A crowd of equal proxies that connects, or hears of a change, goes through the same states in a few orders. So a state
(`_Node`) knows the steps that lead on from it, and who comes there later with the same event only follows. A state in
which one proxy stands alone, and to which no known step leads, is changed in place: without a crowd nothing is copied.
States that differ only in the order of what was answered are found equal when nothing is under way any more.

Time is told in whole ticks, so that those who follow within a tick follow truly: what must not be too early is counted
from the end of the tick in which it began, and looked at with the beginning of the present one. A request is the same
whatever the order in which it names things: no two Envoys have one order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor

from meltemi.core.model.resource import ResourceType
from meltemi.core.xds.events import Effect, Request, Send
from meltemi.core.xds.offer import Offer
from meltemi.core.xds.recent import Recent
from meltemi.core.xds.stream import Stream

TICK = 1.0
"""Seconds."""
MOST_NAMES = 200_000
"""Of resources in the steps that are remembered, over all cohorts: what a crowd of thirty scopes with a thousand
services is told when it connects. A step that names none counts as one."""
MOST_SAID = 8 << 20
"""Bytes of requests that are remembered, about."""

_NAME = 128
"""Bytes of a name in a request, about."""

Names = frozenset[tuple[ResourceType, str]]
Apply = Callable[[Stream, float], Sequence[Effect]]


@dataclass(slots=True, eq=False)
class _Step:
    source: "_Node"
    key: object
    event: object
    """Kept, so that no other gets its identity."""
    node: "_Node"
    effects: Sequence[Effect]
    offer: Offer
    generation: int
    alike: float
    """Until when it is taken so."""
    weight: int

    def is_known(self) -> bool:
        """Whether the offer is as it was."""
        return self.generation == self.offer.generation

    def forget(self) -> None:
        self.source.steps.pop(self.key, None)
        self.node.arrivals.discard(self)


@dataclass(slots=True, eq=False)
class _Node:
    stream: Stream
    members: int = 0
    own: bool = False
    """Whether no other state shares parts of its memory."""
    arrivals: set[_Step] = field(default_factory=set[_Step])
    steps: dict[object, _Step] = field(default_factory=dict[object, _Step])
    current: tuple[int, bool] | None = None
    """At a generation of the offer: whether everything is answered."""


class Steps:
    """The steps that are known, those last used at the end; and what was said, each once."""

    def __init__(self, most: int = MOST_NAMES) -> None:
        self._most = most
        self._weight = 0
        self._known: dict[_Step, None] = {}
        self._said: Recent[object, Request] = Recent(MOST_SAID, lambda one: _NAME * _names_in(one))
        self._same: Recent[int, tuple[Request, Request]] = Recent(MOST_SAID, lambda both: _NAME * _names_in(both[0]))
        """By the identity of a request, which is kept too, lest another gets it: who reads knows equal bytes."""

    def same(self, request: Request) -> Request:
        """One object for all requests that say this, in whatever order each names what it wants or holds."""
        return self._same.get(id(request), lambda: (request, self._find(request)))[1]

    def _find(self, request: Request) -> Request:
        wanted, left = frozenset(request.subscribe), frozenset(request.unsubscribe)
        held = frozenset(request.initial.items())
        key = request.type, request.nonce, request.error, wanted, left, held
        return self._said.get(key, lambda: request)

    def used(self, step: _Step) -> None:
        """Remember it longer than others."""
        del self._known[step]
        self._known[step] = None

    def forget(self, steps: Sequence[_Step]) -> None:
        """They are no longer true."""
        for step in steps:
            if step in self._known:
                del self._known[step]
                self._weight -= step.weight
            step.forget()

    def add(self, new: _Step) -> None:
        """Remember it; forget what is too much, and what was before the offer changed."""
        self._weight += new.weight
        self._known[new] = None
        while self._known and (self._weight > self._most or not next(iter(self._known)).is_known()):
            self.forget([next(iter(self._known))])


class Cohort:
    """The streams of one offer."""

    def __init__(self, offer: Offer, steps: Steps) -> None:
        self.offer = offer
        self.steps = steps
        self.size = 0
        self.start = _Node(Stream.of(offer, slack=TICK))
        self.rest: _Node | None = None
        """Where somebody came to rest last."""


class Member:
    """One proxy's stream; what `Stream` says of its functions holds here."""

    def __init__(self, cohort: Cohort) -> None:
        self._cohort = cohort
        self._node = cohort.start
        cohort.size += 1
        self._node.members += 1

    def close(self) -> None:
        """The stream has ended."""
        self._cohort.size -= 1
        self._node.members -= 1

    def on_request(self, request: Request, now: float) -> Sequence[Effect]:
        """A request arrived."""
        request = self._cohort.steps.same(request)
        return self._take(("request", id(request)), request, lambda stream, at: stream.on_request(request, at), now)

    def on_change(self, names: Names, now: float) -> Sequence[Effect]:
        """The offer changed at these names."""
        return self._take(names, names, lambda stream, at: stream.on_change(_by_type(names), at), now)

    def on_offer(self, cohort: Cohort, now: float) -> Sequence[Effect]:
        """Another offer takes the place of the old one."""
        effects = self._take(("offer", id(cohort)), cohort, lambda stream, at: stream.on_offer(cohort.offer, at), now)
        self._cohort.size -= 1
        cohort.size += 1
        self._cohort = cohort
        return effects

    def on_time(self, now: float) -> Sequence[Effect]:
        """Time has passed."""
        if self.wake_at is None or now < self.wake_at:
            return ()
        return self._take("time", None, lambda stream, at: stream.on_time(at), now)

    @property
    def wake_at(self) -> float | None:
        """When `on_time` has something to do."""
        at = self._node.stream.wake_at
        return None if at is None else ceil(at / TICK) * TICK

    def current(self) -> bool:
        """Whether everything is answered."""
        generation, known = self._cohort.offer.generation, self._node.current
        if known is None or known[0] != generation:
            known = self._node.current = (generation, self._node.stream.current())
        return known[1]

    def awaits(self, request: Request) -> bool:
        """Whether a request answers something that is not answered yet."""
        return self._node.stream.awaits(request)

    def waiting(self) -> list[tuple[ResourceType, str]]:
        """What is neither acknowledged nor refused."""
        return self._node.stream.waiting()

    def held(self, kind: ResourceType) -> dict[str, str]:
        """What the proxy holds, with its versions."""
        return self._node.stream.held(kind)

    def refused(self) -> list[tuple[ResourceType, str]]:
        """What the proxy refuses of its offer."""
        return self._node.stream.refused()

    def _take(self, key: object, event: object, apply: Apply, now: float) -> Sequence[Effect]:
        at = floor(now / TICK) * TICK
        step = self._node.steps.get(key)
        if step is None or not step.is_known() or at >= step.alike:
            if self._is_alone():
                return self._alter(apply, at)
            step = self._make(key, event, apply, at)
            self._cohort.steps.add(step)
        else:
            self._cohort.steps.used(step)
        self._go(step.node)
        return step.effects

    def _is_alone(self) -> bool:
        """Nobody else is in this state, and nobody is expected."""
        node = self._node
        if node is self._cohort.start or node.members > 1:
            return False
        return self._cohort.size == 1 or not any(step.is_known() for step in node.arrivals)

    def _alter(self, apply: Apply, at: float) -> Sequence[Effect]:
        node = self._node
        self._cohort.steps.forget([*node.arrivals, *node.steps.values()])
        node.stream = node.stream if node.own else node.stream.copy()
        node.own, node.current = True, None
        effects = apply(node.stream, at)
        self._go(self._resting(node))
        return effects

    def _make(self, key: object, event: object, apply: Apply, at: float) -> _Step:
        source = self._node
        stream = source.stream.copy()
        effects = apply(stream, at)
        alike = stream.alike
        stream.share(source.stream)
        source.own = False
        node = self._resting(_Node(stream))
        if old := source.steps.get(key):
            self._cohort.steps.forget([old])
        step = source.steps[key] = _Step(
            source=source,
            key=key,
            event=event,
            node=node,
            effects=effects,
            offer=stream.offer,
            generation=stream.offer.generation,
            alike=alike,
            weight=_weight(event, effects),
        )
        node.arrivals.add(step)
        return step

    def _resting(self, node: _Node) -> _Node:
        """The state that is equal to this one, if nothing is under way in it and somebody has come there before."""
        elsewhere = node.stream.offer is not self._cohort.offer
        if self._cohort.size == 1 or elsewhere or not node.stream.is_at_rest():
            return node
        rest = self._cohort.rest
        if rest is not None and rest is not node and rest.stream.equals(node.stream):
            return rest
        self._cohort.rest = node
        return node

    def _go(self, node: _Node) -> None:
        self._node.members -= 1
        node.members += 1
        self._node = node


def _by_type(names: Names) -> dict[ResourceType, set[str]]:
    found: dict[ResourceType, set[str]] = {}
    for kind, name in names:
        found.setdefault(kind, set()).add(name)
    return found


def _names_in(request: Request) -> int:
    return len(request.subscribe) + len(request.unsubscribe) + len(request.initial)


def _weight(event: object, effects: Sequence[Effect]) -> int:
    told = sum(len(one.resources) + len(one.removed) for one in effects if isinstance(one, Send))
    return 1 + told + (_names_in(event) if isinstance(event, Request) else 0)
