"""What goes into and comes out of a stream: values without I/O.

Place:  servers/xds decodes a Request → xds/stream → effects, carried out by servers/xds and shell/publish
"""

from collections.abc import Mapping

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.value import Value


class Request(Value, frozen=True, kw_only=True):
    """A DeltaDiscoveryRequest, without its node."""

    type: ResourceType
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    initial: Mapping[str, str] = {}
    """Name → version of what the proxy holds from an earlier stream; only in a stream's first request of a type."""
    nonce: str = ""
    """Of the response that this answers; empty for none."""
    error: str = ""
    """Envoy's words where it refuses that response."""


class Send(Value, frozen=True, kw_only=True):
    """Effect: one DeltaDiscoveryResponse."""

    type: ResourceType
    nonce: str
    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    """Names of virtual hosts that the proxy asked for on demand: it has what there is for them, be it nothing."""


class Refused(Value, frozen=True, kw_only=True):
    """Effect: the proxy refuses one resource and stays with what it had."""

    resource: Resource
    reason: str


class Accepted(Value, frozen=True, kw_only=True):
    """Effect: the proxy now holds a resource that it (or an earlier version of it) had refused."""

    type: ResourceType
    name: str


Effect = Send | Refused | Accepted
