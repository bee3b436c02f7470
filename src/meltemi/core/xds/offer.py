"""What a scope has to offer: its resources by type and name, shared by all of its streams.

Place:  pipeline → shell/publish fills it → [xds/offer] → xds/stream reads it
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from meltemi.core.model.resource import Resource, ResourceType

Names = dict[str, Resource]


@dataclass(slots=True)
class Offer:
    """The current resources of one scope. Changed only by `update`; streams are then told the names."""

    resources: dict[ResourceType, Names] = field(default_factory=lambda: {kind: {} for kind in ResourceType})

    def of(self, kind: ResourceType) -> Mapping[str, Resource]:
        """All resources of a type, by name."""
        return self.resources[kind]

    def update(
        self, put: Iterable[Resource], removed: Iterable[tuple[ResourceType, str]] = ()
    ) -> dict[ResourceType, set[str]]:
        """Put and remove resources; returns the names whose version differs from before, by type."""
        changed: dict[ResourceType, set[str]] = {}
        for kind, name in removed:
            if self.resources[kind].pop(name, None) is not None:
                changed.setdefault(kind, set()).add(name)
        for resource in put:
            old = self.resources[resource.type].get(resource.name)
            self.resources[resource.type][resource.name] = resource
            if old is None or old.version != resource.version:
                changed.setdefault(resource.type, set()).add(resource.name)
        return changed
