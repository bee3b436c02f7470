"""What a scope has to offer: its resources by type and name, shared by all of its streams.

Place:  pipeline → shell/publish fills it → [xds/offer] → xds/stream reads it

What one Envoy refuses the others would refuse too, and who comes anew would have nothing in its place: the version
before, which they accepted, is offered again until there is a new one. Where none is known, nothing is sent. What says
who may brings its own substitute, by which nobody may: the version before would let in whom the new one keeps out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec import structs

from meltemi.core.model.refusal import Refusal
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.xds.events import Refused
from meltemi.core.xds.refusals import LASTING, Refusals

Names = dict[str, Resource]
Id = tuple[ResourceType, str]


@dataclass(slots=True)
class Offer:
    """The current resources of one scope. Changed only by `update` and `refuse`; streams are then told the names."""

    refusals: Refusals = field(default_factory=Refusals)
    resources: dict[ResourceType, Names] = field(default_factory=lambda: {kind: {} for kind in ResourceType})

    answers: Mapping[str, str] | None = None
    """On demand: a name that the workload has called (`xds/asked`) → the virtual host for it. A name that is not here
    is being looked for. None: everything is offered already, and nothing is looked for."""
    generation: int = 0
    """Grows with every change."""
    refused: dict[Id, Refused] = field(default_factory=dict[Id, Refused])
    """What should be offered and is not, for a proxy refused it; the version before stands in its place."""
    _stopped: set[Id] = field(default_factory=set[Id])
    """Of those: what has nothing that could take its place. It stays listed, so that nobody loses what he has."""
    _before: dict[Id, Resource] = field(default_factory=dict[Id, Resource])
    """The version that all proxies had answered for, of what was replaced since."""

    def of(self, kind: ResourceType) -> Mapping[str, Resource]:
        """All resources of a type, by name."""
        return self.resources[kind]

    def is_stopped(self, kind: ResourceType, name: str) -> bool:
        """Whether it is listed, but to be sent to nobody."""
        return (kind, name) in self._stopped

    def update(
        self, put: Iterable[Resource], removed: Iterable[tuple[ResourceType, str]] = ()
    ) -> dict[ResourceType, set[str]]:
        """Put and remove resources; returns the names whose version differs from before, by type."""
        self.generation += 1
        changed: dict[ResourceType, set[str]] = {}
        for kind, name in removed:
            self.refused.pop((kind, name), None)
            self._stopped.discard((kind, name))
            self._before.pop((kind, name), None)
            if self.resources[kind].pop(name, None) is not None:
                changed.setdefault(kind, set()).add(name)
        for resource in put:
            if self._put(resource):
                changed.setdefault(resource.type, set()).add(resource.name)
        return changed

    def answer(self, answers: Mapping[str, str]) -> set[str]:
        """On demand: what answers to which names. Returns the names of which that is new."""
        before, self.answers = self.answers or {}, answers
        news = {name for name, to in answers.items() if before.get(name) != to}
        self.generation += bool(news)
        return news

    def refuse(self, refused: Refused) -> dict[ResourceType, set[str]]:
        """A proxy refuses what is offered: offer what was before, if it is known. Returns as `update`."""
        self.generation += 1
        kind, name = refused.resource.type, refused.resource.name
        offered, before = self.resources[kind].get(name), self._before.pop((kind, name), None)
        if offered is None or offered.version != refused.resource.version:
            return {}
        if refused.resource.refused:
            before = _shut(refused.resource)
        if before is None and kind not in LASTING:
            return {}
        self._stand_in(Refusal(resource=refused.resource, reason=refused.reason, instead=before))
        return {kind: {name}} if before else {}

    def answered(self) -> None:
        """Every proxy has answered for all that is offered: nothing that was before will be asked for."""
        self._before.clear()

    def _put(self, resource: Resource) -> bool:
        """Whether what is offered differs from what was offered."""
        this = resource.type, resource.name
        old = self.resources[resource.type].get(resource.name)
        good = None if this in self._stopped or (old and old.version == resource.version) else old
        self.refused.pop(this, None)
        self._stopped.discard(this)
        known = self.refusals.of(resource)
        if known:
            instead = self._before.pop(this, None) or good or known.instead
            self._stand_in(Refusal(resource=known.resource, reason=known.reason, instead=instead))
        else:
            self.resources[resource.type][resource.name] = resource
            if good:
                self._before.setdefault(this, good)
        return old is None or old.version != self.resources[resource.type][resource.name].version

    def _stand_in(self, refusal: Refusal) -> None:
        resource, this = refusal.resource, (refusal.resource.type, refusal.resource.name)
        self.refusals.add(refusal)
        self.refused[this] = Refused(resource=resource, reason=refusal.reason)
        self.resources[resource.type][resource.name] = refusal.instead or resource
        if refusal.instead is None:
            self._stopped.add(this)


def _shut(resource: Resource) -> Resource:
    """What takes the place of a refused resource that says who may."""
    version = f"{resource.version}-refused"
    return structs.replace(resource, body=resource.refused, version=version, refused=b"", needs=frozenset())
