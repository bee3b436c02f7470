"""The extensions in a scope's filter chains: what security and policy decide. Of policy nothing is decided yet.

Place:  envoy/{filters,strict} → [pipeline/extensions] → pipeline/slots
"""

from meltemi.core.compose.peer_authentication import PeerModes, modes_of
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.filters import PEER, PLACES, Place, Side, extension
from meltemi.core.envoy.strict import demand_message
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.strict import demand

SIDES = {Role.SIDECAR: (Side.INBOUND, Side.OUTBOUND), Role.ROUTER: (Side.GATEWAY,)}


def extension_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """One extension for each place on each side of the proxy."""
    places = [(place, side) for side in SIDES[scope.role] for place in PLACES if place is not PEER]
    idle = (_slot(place, side, Call(function=extension_body, args=(place, side))) for place, side in places)
    if scope.role is not Role.SIDECAR:
        return tuple(idle)
    modes = e.get(modes_of, scope.namespace, scope.labels)
    return (*idle, _slot(PEER, Side.INBOUND, Call(function=peer_body, args=(modes,))))


def _slot(place: Place, side: Side, body: Call) -> Slot:
    return Slot(type=ResourceType.EXTENSION, name=place.extension(side), body=body)


def extension_body(e: Engine, place: Place, side: Side) -> Resource:  # every derived function takes the engine
    """What stands in one place: nothing that asks or refuses."""
    return resource_of(ResourceType.EXTENSION, extension(place, side))


def peer_body(e: Engine, modes: PeerModes) -> Resource:
    """What refuses requests that did not come by mutual TLS, also on connections that are open already."""
    settled = e.get(demand, modes)
    message = extension(PEER, Side.INBOUND, demand_message(settled))
    return resource_of(ResourceType.EXTENSION, message, origin=modes.origin)
