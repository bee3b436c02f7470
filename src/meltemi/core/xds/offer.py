"""What a scope has to offer: its resources by type and name, shared by all of its streams.

Place:  pipeline → shell/publish fills it → [xds/offer] → xds/stream reads it

What one Envoy refuses the others would refuse too, and who comes anew would have nothing in its place: the version
before, which they accepted, is offered again until there is a new one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.xds.events import Refused

Names = dict[str, Resource]
Id = tuple[ResourceType, str]


@dataclass(slots=True)
class Offer:
    """The current resources of one scope. Changed only by `update`; streams are then told the names."""

    resources: dict[ResourceType, Names] = field(default_factory=lambda: {kind: {} for kind in ResourceType})

    refused: dict[Id, Refused] = field(default_factory=dict[Id, Refused])
    """What should be offered and is not, for a proxy refused it; the version before stands in its place."""
    _before: dict[Id, Resource] = field(default_factory=dict[Id, Resource])
    """The version that all proxies had answered for, of what was replaced since."""

    def of(self, kind: ResourceType) -> Mapping[str, Resource]:
        """All resources of a type, by name."""
        return self.resources[kind]

    def update(
        self, put: Iterable[Resource], removed: Iterable[tuple[ResourceType, str]] = ()
    ) -> dict[ResourceType, set[str]]:
        """Put and remove resources; returns the names whose version differs from before, by type."""
        changed: dict[ResourceType, set[str]] = {}
        for kind, name in removed:
            self.refused.pop((kind, name), None)
            self._before.pop((kind, name), None)
            if self.resources[kind].pop(name, None) is not None:
                changed.setdefault(kind, set()).add(name)
        for resource in put:
            self.refused.pop((resource.type, resource.name), None)
            if self._put(resource):
                changed.setdefault(resource.type, set()).add(resource.name)
        return changed

    def refuse(self, refused: Refused) -> dict[ResourceType, set[str]]:
        """A proxy refuses what is offered: offer what was before, if it is known. Returns as `update`."""
        kind, name = refused.resource.type, refused.resource.name
        offered, before = self.resources[kind].get(name), self._before.pop((kind, name), None)
        if before is None or offered is None or offered.version != refused.resource.version:
            return {}
        self.resources[kind][name] = before
        self.refused[kind, name] = refused
        return {kind: {name}}

    def answered(self) -> None:
        """Every proxy has answered for all that is offered: nothing that was before will be asked for."""
        self._before.clear()

    def _put(self, resource: Resource) -> bool:
        """Whether it differs from what was offered."""
        old = self.resources[resource.type].get(resource.name)
        self.resources[resource.type][resource.name] = resource
        if old is not None and old.version != resource.version:
            self._before.setdefault((resource.type, resource.name), old)
        return old is None or old.version != resource.version
