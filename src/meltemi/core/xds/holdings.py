"""Which clusters a proxy may still need: what it holds names them, or a request under way may.

Place:  xds · used by stream, so that nothing breaks before its successor is made
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import floor, inf

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.units import Seconds

Id = tuple[ResourceType, str]
Turn = tuple[int, Resource]

UNKNOWN_HOLD = Seconds(30.0)
"""How long clusters are kept that something held from an earlier stream may name: its needs are not known."""
ROUGHLY = 15.0
"""Seconds by whose end that time begins where a crowd comes back: who comes back within them does the same."""


@dataclass(slots=True)
class Holdings:
    """References from what the proxy holds (or is being sent) to clusters, and when the last one ended.

    Each sending has a turn, a number that grows; Envoy answers in the order of sending.
    """

    slack: float = 0.0
    """Seconds by which a time that is told may be too early."""
    alike: float = inf
    """Until when all that happened since this was copied would have happened alike."""
    _needs: dict[Id, tuple[Turn, ...]] = field(default_factory=dict[Id, tuple[Turn, ...]])
    """The one that is held, then those under way."""
    _named: dict[str, int] = field(default_factory=dict[str, int])
    _unread: set[Id] = field(default_factory=set[Id])
    """What is held in a version whose needs are not known: it may name any cluster."""
    _free_at: dict[str, float] = field(default_factory=dict[str, float])
    _all_free_at: float = 0.0
    _borrowed: bool = False
    """Whether another has the same memory: it is copied before it is changed."""

    def copy(self) -> "Holdings":
        """The same, to be changed on its own."""
        return replace(self, alike=inf, _borrowed=True)

    def share(self, other: "Holdings") -> None:
        """Keep one object of what is equal in both."""
        if self._borrowed:
            return
        self._borrowed = True
        self._needs = other._needs if self._needs == other._needs else self._needs
        self._named = other._named if self._named == other._named else self._named
        self._unread = other._unread if self._unread == other._unread else self._unread
        self._free_at = other._free_at if self._free_at == other._free_at else self._free_at

    def equals(self, other: "Holdings") -> bool:
        """Whether the same is held, and was needed; at which turns does not matter where nothing is under way."""
        if (self._all_free_at, self._unread) != (other._all_free_at, other._unread):
            return False
        if self._needs is other._needs and self._named is other._named and self._free_at is other._free_at:
            return True
        same = (self._free_at, self._named) == (other._free_at, other._named)
        return same and _are_held(self._needs, other._needs)

    def sent(self, resource: Resource, turn: int) -> None:
        """A resource is on its way: what it names is needed from now on, what its predecessor names still is."""
        if resource.needs:
            self._own()
            this = resource.type, resource.name
            self._needs[this] = (*self._needs.get(this, ()), (turn, resource))
            for cluster in resource.needs:
                self._named[cluster] = self._named.get(cluster, 0) + 1

    def settled(self, kind: ResourceType, name: str, turn: int, now: float) -> None:
        """The proxy holds what was sent (or has removed it) at a turn: what was sent before is no longer held."""
        if (kind, name) in self._unread:
            self._own()
            self._unread.discard((kind, name))
        self._drop((kind, name), lambda at, _: at < turn, now)

    def refused(self, resource: Resource, turn: int, now: float) -> None:
        """The proxy will not take this version, and did not take it at a turn nor before."""
        gone = resource.version
        self._drop((resource.type, resource.name), lambda at, was: at <= turn and was.version == gone, now)

    def unread(self, kind: ResourceType, name: str, now: float) -> None:
        """The proxy holds this from an earlier stream, in a version that is not offered."""
        self._own()
        self._unread.add((kind, name))
        self.unknown(now)

    def unknown(self, now: float) -> None:
        """Something may be held whose needs are not known."""
        begin = (floor(now / ROUGHLY) + 1) * ROUGHLY if self.slack else now
        self._all_free_at = max(self._all_free_at, begin + UNKNOWN_HOLD)
        self.alike = min(self.alike, begin)

    def free_at(self, cluster: str, now: float) -> float | None:
        """The time from which on a cluster may be removed, be it past; None while something held names it, or may."""
        if self._unread or cluster in self._named:
            return None
        free_at = max(self._free_at.get(cluster, 0.0), self._all_free_at)
        self.alike = min(self.alike, free_at) if now < free_at else self.alike
        return free_at

    def forget(self, cluster: str) -> None:
        """The cluster has been removed."""
        if cluster in self._free_at:
            self._own()
            del self._free_at[cluster]

    def _own(self) -> None:
        if self._borrowed:
            self._needs, self._named, self._free_at = self._needs.copy(), self._named.copy(), self._free_at.copy()
            self._unread = self._unread.copy()
            self._borrowed = False

    def _drop(self, this: Id, gone: Callable[[int, Resource], bool], now: float) -> None:
        turns = self._needs.get(this)
        if turns is None:
            return
        left = tuple(one for one in turns if not gone(*one))
        if len(left) == len(turns):
            return
        self._own()
        for turn, resource in turns:
            if gone(turn, resource):
                self._release(resource, now)
        if left:
            self._needs[this] = left
        else:
            del self._needs[this]

    def _release(self, resource: Resource, now: float) -> None:
        self.alike = min(self.alike, now + self.slack)
        for cluster in resource.needs:
            self._named[cluster] -= 1
            if not self._named[cluster]:
                del self._named[cluster]
            self._free_at[cluster] = max(self._free_at.get(cluster, 0.0), now + self.slack + resource.hold)


def _are_held(some: dict[Id, tuple[Turn, ...]], others: dict[Id, tuple[Turn, ...]]) -> bool:
    if some.keys() != others.keys():
        return False
    return all(turns is (other := others[name]) or _held(turns) == _held(other) for name, turns in some.items())


def _held(turns: tuple[Turn, ...]) -> tuple[Resource, ...]:
    return tuple(resource for _, resource in turns)
