"""An Envoy message as a resource: named, versioned, with its origin.

Place:  envoy → [pipeline/resource] → pipeline/{clusters,endpoints,inbound,extensions,outbound,gateway}
"""

from hashlib import blake2b

from meltemi.core.envoy import pb
from meltemi.core.model.document import Origin
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.units import Seconds

NO_TIME = Seconds(0)
VERSION_BYTES = 12
"""Enough that two bodies of one name never share a version by chance."""


def resource_of(
    type_: ResourceType,
    message: pb.Message,
    *,
    name: str = "",
    needs: frozenset[str] = frozenset(),
    hold: Seconds = NO_TIME,
    refused: bytes = b"",
    origin: tuple[Origin, ...] = (),
) -> Resource:
    """Serialize a message. `name` is given where the message calls its name otherwise than `name`."""
    body = pb.serialize(message)
    return Resource(
        type=type_,
        name=name or pb.name_of(message),
        version=blake2b(body, digest_size=VERSION_BYTES).hexdigest(),
        body=body,
        needs=needs,
        hold=hold,
        refused=refused,
        origin=origin,
    )
