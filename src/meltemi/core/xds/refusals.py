"""What Envoys refused, remembered for all scopes: (what should be, what was refused) decide what is offered.

Place:  xds/stream says Refused → xds/offer → [xds/refusals] ⇄ shell/publish keeps it by ports/refusals

Only the version tells: other bytes are another version, which is offered as any other.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from meltemi.core.model.refusal import Refusal
from meltemi.core.model.resource import Resource, ResourceType

MOST = 256
"""So many are remembered, the newest; one that was forgotten is refused once more."""
LASTING = frozenset({ResourceType.CLUSTER, ResourceType.ENDPOINTS, ResourceType.ROUTES, ResourceType.VIRTUAL_HOST})
"""Types that every Envoy judges alike. One listener may be refused where its port is taken, and welcome elsewhere; and
what says who may do what (listeners, extensions, secrets) is never taken over from another scope."""

Version = tuple[ResourceType, str, str]


@dataclass(slots=True)
class Refusals:
    """Shared by the offers of all scopes."""

    known: dict[Version, Refusal] = field(default_factory=dict[Version, Refusal])
    """Oldest first."""
    _news: list[Refusal] = field(default_factory=list[Refusal])

    def learn(self, kept: Iterable[Refusal]) -> None:
        """What was kept from before, oldest first."""
        self.known.update((_version(one.resource), one) for one in kept)

    def of(self, resource: Resource) -> Refusal | None:
        """The refusal of exactly this version."""
        return self.known.get(_version(resource))

    def add(self, refusal: Refusal) -> None:
        """Remember, if its type lasts; it is news if it says anything new."""
        version = _version(refusal.resource)
        if refusal.resource.type not in LASTING or self.known.get(version) == refusal:
            return
        self.known.pop(version, None)
        self.known[version] = refusal
        self._news.append(refusal)
        while len(self.known) > MOST:
            del self.known[next(iter(self.known))]

    def take_news(self) -> list[Refusal]:
        """What was added since the last call."""
        taken, self._news = self._news, []
        return taken


def _version(resource: Resource) -> Version:
    return resource.type, resource.name, resource.version
