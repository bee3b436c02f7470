"""The extensions in a scope's filter chains: what security and policy decide. Nothing is decided yet.

Place:  envoy/filters → [pipeline/extensions] → pipeline/slots
"""

from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.filters import PLACES, Place, Side, nothing
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot

SIDES = {Role.SIDECAR: (Side.INBOUND, Side.OUTBOUND), Role.ROUTER: (Side.GATEWAY,)}


def extension_slots(scope: Scope) -> tuple[Slot, ...]:
    """One extension for each place on each side of the proxy."""
    return tuple(
        Slot(
            type=ResourceType.EXTENSION,
            name=place.extension(side),
            body=Call(function=extension_body, args=(place, side)),
        )
        for side in SIDES[scope.role]
        for place in PLACES
    )


def extension_body(e: Engine, place: Place, side: Side) -> Resource:  # every derived function takes the engine
    """What stands in one place: nothing that asks or refuses."""
    return resource_of(ResourceType.EXTENSION, nothing(place, side))
