"""One aggregated delta stream as a machine without I/O: an offer and events in, effects out.

Place:  xds · driven by servers/xds (requests, time) and shell/publish (changes of the offer)

Make before break: what names a cluster is sent only when the proxy has acknowledged the cluster and its endpoints,
which go right behind it; a cluster is removed only when nothing that the proxy holds names it, and no request under
way may come back to it.

What Envoy does, and this answers (docs/envoy.md): a cluster that is sent again needs its endpoints again; virtual
hosts are asked for once, without names, for all route tables together, and a table waits for its first ones (on demand
one is asked for by name, once, when a request comes for it); a response
that is refused may have been taken in part or not at all.
Source: Envoy, "xDS REST and gRPC protocol", incremental xDS.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace

from msgspec import structs

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.xds.asked import NOTHING, asked_name
from meltemi.core.xds.events import Accepted, Effect, Refused, Request, Send
from meltemi.core.xds.holdings import Holdings
from meltemi.core.xds.offer import Offer
from meltemi.core.xds.subscription import UNKNOWN, Subscription

CLUSTER, ENDPOINTS = ResourceType.CLUSTER, ResourceType.ENDPOINTS
ROUTES, VIRTUAL_HOST = ResourceType.ROUTES, ResourceType.VIRTUAL_HOST
WILDCARD = frozenset({CLUSTER, ResourceType.LISTENER})
"""Types of which a proxy gets all that there is."""
MOST_UNANSWERED = 32
"""Responses of a type that a proxy may owe an answer for. An Envoy answers each; who answers none costs no more."""
_WAIT_FOR_CLUSTERS = frozenset({ResourceType.LISTENER, ResourceType.EXTENSION, ROUTES, VIRTUAL_HOST})
_BY_NAME = frozenset({ENDPOINTS, ResourceType.EXTENSION, ResourceType.RUNTIME, ResourceType.SECRET, ROUTES})


@dataclass(slots=True)
class Stream:
    """What one proxy wants, has been sent and holds, of all types."""

    offer: Offer
    _types: dict[ResourceType, Subscription] = field(
        default_factory=lambda: {kind: Subscription() for kind in ResourceType}
    )
    _holdings: Holdings = field(default_factory=Holdings)
    _nonce: int = 0
    _started_tables: set[str] = field(default_factory=set[str])
    """Route tables whose virtual hosts the proxy has been told of, be it that there are none."""
    _sent_clusters: set[str] = field(default_factory=set[str])
    """Clusters that were sent before the proxy told which endpoints it holds from an earlier stream."""
    _borrowed: set[ResourceType] = field(default_factory=set[ResourceType])
    """Types whose memory another stream has too: it is copied before it is changed."""
    wake_at: float | None = None
    """When `on_time` has something to do; None for never."""

    @classmethod
    def of(cls, offer: Offer, slack: float) -> "Stream":
        """One whose times may be told too early by so many seconds."""
        return cls(offer=offer, _holdings=Holdings(slack=slack))

    def copy(self) -> "Stream":
        """The same, to be changed on its own."""
        return replace(
            self,
            _types=self._types.copy(),
            _borrowed=set(self._types),
            _holdings=self._holdings.copy(),
            _started_tables=self._started_tables.copy(),
            _sent_clusters=self._sent_clusters.copy(),
        )

    def share(self, other: "Stream") -> None:
        """Keep one object of what is equal in both; neither may be changed in place from now on."""
        for kind in self._types.keys() - self._borrowed:
            self._types[kind].share(other._types[kind])
        self._borrowed = set(self._types)
        self._holdings.share(other._holdings)

    def equals(self, other: "Stream") -> bool:
        """Whether two streams at rest will do the same, whatever comes."""
        return (
            (self.offer is other.offer and self.wake_at == other.wake_at and self._types == other._types)
            and (self._started_tables, self._sent_clusters) == (other._started_tables, other._sent_clusters)
            and self._holdings.equals(other._holdings)
        )

    def is_at_rest(self) -> bool:
        """Whether nothing is under way and nothing waits."""
        states = self._types.values()
        return not any(one.dirty or one.in_flight or one.apart or one.unsure or one.asked for one in states)

    @property
    def alike(self) -> float:
        """Until when all that it did since it was copied would have been done alike."""
        return self._holdings.alike

    def on_request(self, request: Request, now: float) -> list[Effect]:
        """A request arrived at a time (seconds, monotonic)."""
        state = self._own(request.type)
        effects: list[Effect] = []
        if not state.subscribed:
            self._first(request, state, now)
        if request.nonce:
            effects = self._answered(request, state, now)
        self._subscribe(request, state, now)
        effects += self._pump(now)
        if request.type in WILDCARD and not state.answered:
            # Envoy waits for a first answer of these types, also where there is nothing.
            effects.append(self._respond(request.type, state, {}))
        return effects

    def on_change(self, changed: dict[ResourceType, set[str]], now: float) -> list[Effect]:
        """The offer changed at these names."""
        for kind, names in changed.items():
            self._own(kind).dirty |= names
        return self._pump(now)

    def on_offer(self, offer: Offer, now: float) -> list[Effect]:
        """Another offer takes the place of the old one: the proxy's scope has changed."""
        self.offer = offer
        for kind in ResourceType:
            state = self._own(kind)
            state.dirty |= offer.of(kind).keys() | state.sent.keys()
        return self._pump(now)

    def on_time(self, now: float) -> list[Effect]:
        """`wake_at` has come."""
        return self._pump(now)

    def current(self) -> bool:
        """Whether the proxy has answered for everything that it is offered: acknowledged, or refused."""
        asked = all(self._types[kind].subscribed for kind in WILDCARD)
        hosts = self._types[VIRTUAL_HOST].subscribed or not self._types[ROUTES].held
        return asked and hosts and not self.waiting()

    def awaits(self, request: Request) -> bool:
        """Whether a request answers something that is not answered yet."""
        return request.nonce in self._types[request.type].in_flight

    def waiting(self) -> list[tuple[ResourceType, str]]:
        """What the proxy is offered and has not yet acknowledged nor refused; removals that wait are not counted."""
        return [
            (kind, name)
            for kind, state in self._types.items()
            if state.subscribed
            for name in state.unsettled()  # of what is neither, the proxy holds what is offered, or refuses it
            if name in self.offer.of(kind)
            and self._wants(kind, state, name)
            and not (state.holds(name) and state.held[name] == self._version(kind, name))
            and not self._is_excused(kind, name)
        ]

    def held(self, kind: ResourceType) -> dict[str, str]:
        """Name → version that the proxy has acknowledged."""
        return dict(self._types[kind].held)

    def refused(self) -> list[tuple[ResourceType, str]]:
        """What the proxy refuses of its present offer."""
        return [
            (kind, name)
            for kind, state in self._types.items()
            for name in state.refused
            if self._is_refused(kind, name)
        ]

    # === its memory ===

    def _own(self, kind: ResourceType) -> Subscription:
        """What it knows of a type, to be changed."""
        if kind in self._borrowed:
            self._types[kind] = self._types[kind].copy()
            self._borrowed.discard(kind)
        return self._types[kind]

    # === requests ===

    def _first(self, request: Request, state: Subscription, now: float) -> None:
        """The first request of a type says what the proxy holds from an earlier stream."""
        state.subscribed = True
        state.sent = dict(request.initial)
        if request.type is ENDPOINTS:
            for name in self._sent_clusters:
                state.sent.pop(name, None)
        state.held = dict(request.initial)
        offered = self.offer.of(request.type)
        if request.type is CLUSTER and request.initial:
            self._holdings.unknown(now)  # it has not told yet which routes it holds
        for name, version in request.initial.items():
            resource = offered.get(name)
            if resource is not None and resource.version == version:
                self._holdings.sent(resource, 0)
            elif request.type in _WAIT_FOR_CLUSTERS:
                self._holdings.unread(request.type, name, now)
        if request.type is VIRTUAL_HOST:
            self._started_tables |= {_table(name) for name in request.initial}
        state.dirty |= offered.keys() | request.initial.keys()

    def _subscribe(self, request: Request, state: Subscription, now: float) -> None:
        wanted = [name for name in request.subscribe if name != "*"]
        if request.type is VIRTUAL_HOST:
            gone = frozenset(request.unsubscribe)
            state.asked = (state.asked | set(wanted)) - gone
            if gone:
                state.answering = {nonce: names - gone for nonce, names in state.answering.items()}
            return
        for name in wanted:
            state.names.add(name)
            state.dirty.add(name)
            state.absent.discard(name)
            if name in state.ahead:
                state.ahead.discard(name)  # it was sent where the proxy finds it
            elif name not in request.initial:
                state.sent.pop(name, None)  # asked for by name: the proxy has lost it, or never had it
        for name in request.unsubscribe:
            state.names.discard(name)
            state.ahead.discard(name)
            for mapping in (state.sent, state.held, state.refused):
                mapping.pop(name, None)
            self._holdings.settled(request.type, name, self._nonce + 1, now)
            if request.type is ROUTES:
                self._lose_table(name, now)

    def _lose_table(self, table: str, now: float) -> None:
        """The proxy no longer wants a route table: its virtual hosts went with it."""
        self._started_tables.discard(table)
        hosts = self._own(VIRTUAL_HOST)
        for name in [name for name in hosts.sent if _table(name) == table]:
            hosts.sent.pop(name)
            hosts.held.pop(name, None)
            self._holdings.settled(VIRTUAL_HOST, name, self._nonce + 1, now)

    def _begin_table(self, table: str, now: float) -> None:
        """The proxy has a route table that it had not (or lost): its virtual hosts may come now, all of them."""
        self._lose_table(table, now)
        self._own(VIRTUAL_HOST).dirty |= {one.name for one in self._hosts_of(table)}

    def _answered(self, request: Request, state: Subscription, now: float) -> list[Effect]:
        sent = state.in_flight.pop(request.nonce, None)
        answered = state.answering.pop(request.nonce, None)
        if sent is None:
            return []
        if request.error:
            state.asked |= answered or frozenset()
            return self._nacked(request, state, sent, now)
        effects: list[Effect] = []
        for name, resource in sent.items():
            state.unsure.discard(name)
            if request.type in _WAIT_FOR_CLUSTERS:
                self._holdings.settled(request.type, name, int(request.nonce), now)
            if resource is None:
                state.held.pop(name, None)
                if request.type is CLUSTER:  # its endpoints went with it, whenever Envoy says so
                    self._own(ENDPOINTS).held.pop(name, None)
                continue
            if not self._wants(request.type, state, name):  # unsubscribed while this was under way
                continue
            if request.type is ROUTES and name not in state.held:
                self._begin_table(name, now)
            state.held[name] = resource.version
            if name in state.refused and not self._is_refused(request.type, name):
                del state.refused[name]
                effects.append(Accepted(type=request.type, name=name))
        return effects

    def _nacked(
        self, request: Request, state: Subscription, sent: dict[str, Resource | None], now: float
    ) -> list[Effect]:
        """One alone is the culprit; of several, each half is sent again on its own."""
        if request.type is CLUSTER:
            self._nothing_ahead(sent)
        if len(sent) > 1:
            state.dirty |= sent.keys()
            self._halve(request.type, state, sent)
            return []
        name, resource = next(iter(sent.items()), ("", None))
        if resource is None:
            return []  # a removal: asked again, it would be refused again; what it names stays
        state.dirty.add(name)
        state.fall_back(name)
        if state.held.get(name) != resource.version:
            self._holdings.refused(resource, int(request.nonce), now)
        state.refused[name] = resource.version
        return [Refused(resource=resource, reason=request.error)]

    def _halve(self, kind: ResourceType, state: Subscription, sent: dict[str, Resource | None]) -> None:
        """Send each half again. Until it is acknowledged nobody knows which of these the proxy took."""
        for name, resource in sent.items():
            state.unsure.add(name)
            state.sent[name] = UNKNOWN
            if resource is None:
                state.held.pop(name, None)
                if kind in _BY_NAME:
                    state.sent.pop(name)
                    state.absent.discard(name)
        names = sorted(sent)
        middle = len(names) // 2
        state.apart += [set(names[:middle]), set(names[middle:])]

    # === what is to be sent ===

    def _pump(self, now: float) -> list[Effect]:
        """Everything that may be sent now, in the order in which it is made."""
        effects: list[Effect] = []
        self.wake_at = None
        for kind in ResourceType:
            state = self._types[kind]
            due = state.dirty or (kind is VIRTUAL_HOST and self._new_tables())
            if due and state.subscribed and not self._is_behind(state):
                effects += self._send(kind, self._own(kind), now)
        hosts = self._types[VIRTUAL_HOST]
        if not hosts.asked or self._is_behind(hosts):
            return effects
        return self._answer(self._own(VIRTUAL_HOST), effects)

    @staticmethod
    def _is_behind(state: Subscription) -> bool:
        """Whether so much is not answered that more would only pile up: names wait for it instead."""
        return len(state.in_flight) >= MOST_UNANSWERED

    def _answer(self, hosts: Subscription, effects: list[Effect]) -> list[Effect]:
        """Requests that wait for virtual hosts go on when the proxy holds these. It asks for a name only once, so each
        is answered, also where there is nothing. Where the host goes out now, the answer goes with it."""
        unready = self._unsettled_tables() if self.offer.answers is None else frozenset[str]()
        ready = {name for name in hosts.asked if self._is_answered(name, unready)}
        hosts.asked -= ready
        told = [self._with_answers(hosts, one) for one in effects]
        if ready:
            told.append(structs.replace(self._respond(VIRTUAL_HOST, hosts, {}), answered=tuple(sorted(ready))))
        return told

    def _with_answers(self, hosts: Subscription, effect: Effect) -> Effect:
        """A response with virtual hosts answers for them: where it is refused, they are asked for still."""
        if not isinstance(effect, Send) or effect.type is not VIRTUAL_HOST:
            return effect
        sent, answers = hosts.in_flight[effect.nonce], self.offer.answers or {}
        names = frozenset(one for one in hosts.asked if sent.get(answers.get(asked_name(one) or "", "")))
        if not names:
            return effect
        hosts.asked -= names
        hosts.answering[effect.nonce] = names
        return structs.replace(effect, answered=tuple(sorted(names)))

    def _is_answered(self, asked: str, unready: Set[str]) -> bool:
        """`unready`: where everything is offered, the tables of which something is on its way."""
        name, answers = asked_name(asked), self.offer.answers
        if name is None or _table(name) not in self.offer.of(ROUTES):
            return True
        if answers is None:
            return _table(name) not in unready
        to = answers.get(name)
        if to is None:
            return False  # it is being looked for
        resource = self.offer.of(VIRTUAL_HOST).get(to)
        return resource is None or self._is_settled(resource)

    def _unsettled_tables(self) -> set[str]:
        hosts = self.offer.of(VIRTUAL_HOST)
        return {_table(name) for name, resource in hosts.items() if not self._is_settled(resource)}

    def _is_settled(self, host: Resource) -> bool:
        """Whether the proxy holds what is offered, or will not."""
        held = self._types[VIRTUAL_HOST].held.get(host.name)
        return held == host.version or self._is_excused(VIRTUAL_HOST, host.name)

    def _send(self, kind: ResourceType, state: Subscription, now: float) -> list[Effect]:
        put: dict[str, Resource | None] = {}
        later: set[str] = set()
        unready = self._unready_tables() if kind is VIRTUAL_HOST and self._new_tables() else ()
        for name in sorted(state.dirty):
            resource = self.offer.of(kind).get(name)
            if resource is None:
                if self._may_remove(kind, state, name, now):
                    put[name] = None
                elif name in state.sent:
                    later.add(name)
            elif self._is_due(kind, state, resource):
                if self._may_send(resource) and not (unready and _table(name) in unready):
                    put[name] = resource
                else:
                    later.add(name)
        state.dirty = later
        if kind is VIRTUAL_HOST:
            self._start_tables(put)
        return self._responses(kind, state, put)

    def _responses(self, kind: ResourceType, state: Subscription, put: dict[str, Resource | None]) -> list[Effect]:
        """Extensions that documents shape go alone: Envoy acknowledges what it has refused, if it is sent again."""
        lone = [
            {name} for name, resource in put.items() if kind is ResourceType.EXTENSION and resource and resource.origin
        ]
        parts = [{name: put.pop(name) for name in sorted(group) if name in put} for group in (*state.apart, *lone)]
        effects: list[Effect] = [self._respond(kind, state, part) for part in parts if part]
        state.apart = [group for group in state.apart if group & state.dirty]
        if put:
            effects.append(self._respond(kind, state, put))
        return effects

    def _respond(self, kind: ResourceType, state: Subscription, put: dict[str, Resource | None]) -> Send:
        self._nonce += 1
        nonce = str(self._nonce)
        state.in_flight[nonce] = put
        state.answered = True
        for name, resource in put.items():
            if resource is None:
                state.sent.pop(name, None)
                state.absent.add(name)
                if kind is CLUSTER:
                    self._holdings.forget(name)
                    self._nothing_ahead((name,))
                continue
            state.sent[name] = resource.version
            state.absent.discard(name)
            self._holdings.sent(resource, self._nonce)
            if kind is CLUSTER:
                self._send_endpoints(name)
        return Send(
            type=kind,
            nonce=nonce,
            resources=tuple(one for one in put.values() if one is not None),
            removed=tuple(name for name, one in put.items() if one is None),
        )

    def _send_endpoints(self, cluster: str) -> None:
        """Envoy warms a cluster that it is sent again until its endpoints come again, and does not ask for them. Those
        of a new one it takes behind it, before it asks; but not while it starts, when it sets up clusters later than it
        reads them. It wants listeners when that is over."""
        endpoints = self._own(ENDPOINTS)
        if not endpoints.subscribed:
            self._sent_clusters.add(cluster)
        elif cluster not in endpoints.names:
            if cluster in self.offer.of(ENDPOINTS) and self._types[ResourceType.LISTENER].subscribed:
                endpoints.sent.pop(cluster, None)
                endpoints.ahead.add(cluster)
                endpoints.dirty.add(cluster)
        elif endpoints.sent.pop(cluster, None) is not None:
            endpoints.dirty.add(cluster)

    def _nothing_ahead(self, clusters: Iterable[str]) -> None:
        """The proxy does not take these: nor does it the endpoints that went behind them."""
        gone = self._types[ENDPOINTS].ahead.intersection(clusters)
        endpoints = self._own(ENDPOINTS) if gone else self._types[ENDPOINTS]
        for name in gone:
            endpoints.ahead.discard(name)
            endpoints.sent.pop(name, None)
            endpoints.held.pop(name, None)

    def _start_tables(self, put: dict[str, Resource | None]) -> None:
        """A route table that the proxy has waits for its first virtual hosts: if there are none, say so."""
        told = {_table(name) for name in put}
        for table in self._new_tables():
            if table in told:
                self._started_tables.add(table)
            elif all(self._is_excused(VIRTUAL_HOST, one.name) for one in self._hosts_of(table)):
                put[f"{table}/{NOTHING}"] = None
                self._started_tables.add(table)

    def _hosts_of(self, table: str) -> list[Resource]:
        return [one for name, one in self.offer.of(VIRTUAL_HOST).items() if _table(name) == table]

    def _new_tables(self) -> set[str]:
        return self._types[ROUTES].held.keys() - self._started_tables

    def _wants(self, kind: ResourceType, state: Subscription, name: str) -> bool:
        if kind in WILDCARD:
            return True
        if kind is VIRTUAL_HOST:
            return _table(name) in self._types[ROUTES].held or name in state.names
        return name in state.names or name in state.ahead

    def _is_due(self, kind: ResourceType, state: Subscription, resource: Resource) -> bool:
        name, version = resource.name, resource.version
        if self.offer.is_stopped(kind, name):
            return False
        return self._wants(kind, state, name) and version not in (state.sent.get(name), state.refused.get(name))

    def _may_send(self, resource: Resource) -> bool:
        """Whether every cluster that it names, and that there is, is in the proxy's hands."""
        clusters, endpoints = self._types[CLUSTER], self._types[ENDPOINTS]
        for cluster in resource.needs:
            if cluster not in self.offer.of(CLUSTER):
                continue
            if not clusters.holds(cluster):
                return False
            if cluster in self.offer.of(ENDPOINTS) and not endpoints.holds(cluster):
                return False
        return True

    def _unready_tables(self) -> set[str]:
        """Route tables that have no virtual hosts yet and must wait for some of theirs: the first come together,
        since the listener serves as soon as it has one."""
        return {
            table
            for resource in self.offer.of(VIRTUAL_HOST).values()
            if (table := _table(resource.name)) not in self._started_tables
            and not self._may_send(resource)
            and not self._is_hopeless(resource)
        }

    def _is_hopeless(self, resource: Resource) -> bool:
        """It names a cluster that the proxy refuses: nothing waits for it."""
        return any(self._is_refused(CLUSTER, cluster) for cluster in resource.needs)

    def _may_remove(self, kind: ResourceType, state: Subscription, name: str, now: float) -> bool:
        if kind is CLUSTER:
            return name in state.sent and self._is_free(name, now)
        if kind in (ResourceType.LISTENER, VIRTUAL_HOST) and name in state.sent:
            return True
        return name in state.names and name not in state.sent and name not in state.absent

    def _is_free(self, cluster: str, now: float) -> bool:
        free_at = self._holdings.free_at(cluster, now)
        if free_at is not None and now < free_at:
            self.wake_at = min(free_at, self.wake_at or free_at)
        return free_at is not None and now >= free_at

    def _version(self, kind: ResourceType, name: str) -> str | None:
        resource = self.offer.of(kind).get(name)
        return resource.version if resource else None

    def _is_excused(self, kind: ResourceType, name: str) -> bool:
        """The proxy refuses it, or a cluster that it names."""
        resource = self.offer.of(kind).get(name)
        return self._is_refused(kind, name) or (resource is not None and self._is_hopeless(resource))

    def _is_refused(self, kind: ResourceType, name: str) -> bool:
        version = self._version(kind, name)
        own = version is not None and self._types[kind].refused.get(name) == version
        return own or self.offer.is_stopped(kind, name)


def _table(virtual_host: str) -> str:
    """The route table of a virtual host's resource name, `TABLE/HOST`; the host holds no slash."""
    return virtual_host.rpartition("/")[0]
