"""Which clusters a proxy may still need: what it holds names them, or a request under way may.

Place:  xds · used by stream, so that nothing breaks before its successor is made
"""

from collections import Counter
from dataclasses import dataclass, field

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.units import Seconds

Id = tuple[ResourceType, str]

UNKNOWN_HOLD = Seconds(30.0)
"""How long clusters are kept that something held from an earlier stream may name: its needs are not known."""


@dataclass(slots=True)
class Holdings:
    """References from what the proxy holds (or is being sent) to clusters, and when the last one ended.

    Each sending has a turn, a number that grows; Envoy answers in the order of sending.
    """

    _needs: dict[Id, dict[int, Resource]] = field(default_factory=dict[Id, dict[int, Resource]])
    """By turn: the one that is held, then those under way."""
    _named: Counter[str] = field(default_factory=Counter[str])
    _free_at: dict[str, float] = field(default_factory=dict[str, float])
    _all_free_at: float = 0.0

    def sent(self, resource: Resource, turn: int) -> None:
        """A resource is on its way: what it names is needed from now on, what its predecessor names still is."""
        if resource.needs:
            self._needs.setdefault((resource.type, resource.name), {})[turn] = resource
            self._named.update(resource.needs)

    def settled(self, kind: ResourceType, name: str, turn: int, now: float) -> None:
        """The proxy holds what was sent (or has removed it) at a turn: what was sent before is no longer held."""
        here = self._needs.get((kind, name), {})
        for earlier in [one for one in here if one < turn]:
            self._release(here.pop(earlier), now)
        if not here:
            self._needs.pop((kind, name), None)

    def refused(self, resource: Resource, turn: int, now: float) -> None:
        """The proxy will not take this version, and did not take it at a turn nor before."""
        here = self._needs.get((resource.type, resource.name), {})
        for earlier in [one for one, was in here.items() if one <= turn and was.version == resource.version]:
            self._release(here.pop(earlier), now)

    def unknown(self, now: float) -> None:
        """Something is held whose needs are not known."""
        self._all_free_at = max(self._all_free_at, now + UNKNOWN_HOLD)

    def free_at(self, cluster: str) -> float | None:
        """The time from which on a cluster may be removed; None while something held names it."""
        if self._named[cluster] > 0:
            return None
        return max(self._free_at.get(cluster, 0.0), self._all_free_at)

    def forget(self, cluster: str) -> None:
        """The cluster has been removed."""
        self._free_at.pop(cluster, None)
        if not self._named[cluster]:
            del self._named[cluster]

    def _release(self, resource: Resource, now: float) -> None:
        for cluster in resource.needs:
            self._named[cluster] -= 1
            self._free_at[cluster] = max(self._free_at.get(cluster, 0.0), now + resource.hold)
