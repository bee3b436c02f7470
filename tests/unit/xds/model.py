"""A small honest Envoy: takes what it is sent in order, asks for what it then needs, acknowledges or refuses.

What it knows of Envoy is in docs/envoy.md, each line with the test that holds it against the real one.
"""

from collections import Counter
from collections.abc import Callable

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.xds.events import Request, Send

CDS, EDS, LDS = ResourceType.CLUSTER, ResourceType.ENDPOINTS, ResourceType.LISTENER
RDS, VHDS = ResourceType.ROUTES, ResourceType.VIRTUAL_HOST
BAD = "bad"
"""In the version of whatever it refuses."""


class ModelEnvoy:
    """`requests` is what it says, in order. Its listeners, clusters and tables have the names of what they need:
    a listener asks for the route table of its name, a cluster for endpoints of its name."""

    def __init__(self, takes: Callable[[], bool]) -> None:
        self.takes = takes
        """Whether it keeps one good resource of a response that it refuses: it may or may not."""
        self.requests: list[Request] = []
        self.now = 0.0
        self.active: dict[str, Resource] = {}
        self.warming: dict[str, Resource] = {}
        self.has: dict[ResourceType, dict[str, Resource]] = {kind: {} for kind in ResourceType}
        self.left: dict[str, float] = {}
        """Cluster → until when a request that an earlier virtual host sent there may go on."""
        self.told: set[str] = set()
        """Tables whose virtual hosts were spoken of, so that their listeners serve."""
        self.waiting: dict[str, int] = {}
        """For which names requests wait, and how often the name had been asked for on this stream by then."""
        self.asks: Counter[str] = Counter()
        """How often this stream has asked for a name."""
        self._asked_hosts = False
        self._asked: set[str] = set()
        """Names that were ever asked for, of tables that it still has: each once on a stream."""

    def call(self, name: str) -> None:
        """A request for `TABLE/AUTHORITY` comes, to a table that serves. Without a virtual host it asks, and waits."""
        if name.partition("/")[0] in self.told and self.found(name) is None and name not in self._asked:
            self._asked.add(name)
            self.asks[name] += 1
            self.waiting[name] = self.asks[name]
            self._ask(VHDS, name)

    def found(self, name: str) -> Resource | None:
        """The virtual host for `TABLE/AUTHORITY`: the bodies are their domains."""
        table, _, authority = name.partition("/")
        host = authority.partition(":")[0]
        of_table = (one for key, one in self.has[VHDS].items() if key.partition("/")[0] == table)
        return next((one for one in of_table if host in one.body.decode().split()), None)

    def connect(self) -> None:
        """A stream begins."""
        self.requests = []
        for kind in (CDS, LDS):
            self._ask(kind, "*", initial=True)
        if endpoints := sorted(self.active.keys() | self.warming.keys()):
            self._ask(EDS, *endpoints, initial=True)
        if self.has[LDS]:
            self._ask(RDS, *sorted(self.has[LDS]), initial=True)
        self.asks = Counter(self._asked)
        self.waiting = dict.fromkeys(self.waiting, 1)
        if self._asked_hosts:
            self._ask(VHDS, *(("*", *sorted(self._asked)) if self._asked else ()), initial=True)

    def receive(self, send: Send) -> None:
        """One response, and its answer."""
        bad = [one.name for one in send.resources if BAD in one.version]
        if send.type is VHDS:
            spoken_of = {name.partition("/")[0] for name in (*(one.name for one in send.resources), *send.removed)}
            self.told |= spoken_of & self.has[RDS].keys()
        for one in send.resources:
            if one.name not in bad and (not bad or self.takes()):
                self._put(one)
        for name in send.removed:
            if not bad or self.takes():
                self._remove(send.type, name)
        for name in () if bad else send.answered:
            self.waiting.pop(name, None)
        self.requests.append(Request(type=send.type, nonce=send.nonce, error=f"no: {bad}" if bad else ""))
        if send.type is RDS and self.has[RDS] and not self._asked_hosts:
            self._asked_hosts = True
            self._ask(VHDS)

    def broken(self) -> list[str]:
        """Virtual hosts in force that name a cluster which it cannot use."""
        return [h.name for h in self.has[VHDS].values() if not h.needs <= self.active.keys()]

    def _ask(self, kind: ResourceType, *names: str, initial: bool = False) -> None:
        held = {one.name: one.version for one in self.has[kind].values()} if initial else {}
        self.requests.append(Request(type=kind, subscribe=names, initial=held))

    def _put(self, one: Resource) -> None:
        kind, name = one.type, one.name
        if kind is EDS and name not in self.active.keys() | self.warming.keys():
            return
        if kind is RDS and name not in self.has[LDS]:
            return
        if kind is VHDS:
            if name.partition("/")[0] not in self.has[RDS]:
                return
            self._leave(name)
        new, old = name not in self.has[kind], self.has[kind].get(name)
        self.has[kind][name] = one
        if kind is CDS and (old is None or old.version != one.version):
            self.warming[name] = one
            if new:
                self._ask(EDS, name)
        elif kind is EDS and name in self.warming:
            self.active[name] = self.warming.pop(name)
        elif kind is LDS and new:
            self._ask(RDS, name)

    def _remove(self, kind: ResourceType, name: str) -> None:
        if kind is VHDS:
            self._leave(name)
        there = self.has[kind].pop(name, None)
        if kind is CDS and there is not None:
            assert self.left.get(name, 0.0) <= self.now, f"a request may still come back to {name}"
            self.active.pop(name, None)
            self.warming.pop(name, None)
            self._drop(EDS, name)
        elif kind is LDS and there is not None:
            self._drop(RDS, name)
            for host in [host for host in self.has[VHDS] if host.partition("/")[0] == name]:
                self._leave(host)
                del self.has[VHDS][host]

    def _drop(self, kind: ResourceType, name: str) -> None:
        self.has[kind].pop(name, None)
        self.requests.append(Request(type=kind, unsubscribe=(name,)))
        if kind is RDS:
            self._lose_table(name)

    def _lose_table(self, table: str) -> None:
        """With a listener its requests end, and what they asked for is not wanted any more."""
        self.told.discard(table)
        if gone := tuple(sorted(one for one in self._asked if one.partition("/")[0] == table)):
            self._asked -= set(gone)
            self.waiting = {name: times for name, times in self.waiting.items() if name not in gone}
            self.requests.append(Request(type=VHDS, unsubscribe=gone))

    def _leave(self, host: str) -> None:
        if old := self.has[VHDS].get(host):
            for cluster in old.needs:
                self.left[cluster] = max(self.left.get(cluster, 0.0), self.now + old.hold)
