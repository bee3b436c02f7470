"""An Envoy resource, ready to be sent: named, versioned, with its origin.

Place:  made by pipeline from envoy's messages → moved by xds → servers/xds
"""

from enum import StrEnum

from meltemi.core.model.document import Origin
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value

_PREFIX = "type.googleapis.com/"


class ResourceType(StrEnum):
    """The xDS type URLs that the mesh serves, in the order in which they are made (make before break)."""

    RUNTIME = _PREFIX + "envoy.service.runtime.v3.Runtime"
    SECRET = _PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret"
    CLUSTER = _PREFIX + "envoy.config.cluster.v3.Cluster"
    ENDPOINTS = _PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment"
    EXTENSION = _PREFIX + "envoy.config.core.v3.TypedExtensionConfig"
    LISTENER = _PREFIX + "envoy.config.listener.v3.Listener"
    ROUTES = _PREFIX + "envoy.config.route.v3.RouteConfiguration"
    VIRTUAL_HOST = _PREFIX + "envoy.config.route.v3.VirtualHost"


class Resource(Value, frozen=True, kw_only=True):
    """One xDS resource. Equal bytes have equal versions, across restarts and replicas."""

    type: ResourceType
    name: str
    version: str
    """Hash of `body`."""
    body: bytes
    """The message itself, serialized deterministically (not wrapped in Any)."""
    needs: frozenset[str] = frozenset()
    """Names of clusters that must be acknowledged before this may be sent, and kept while this is held.

    Only virtual hosts, route tables, listeners and extensions name any."""
    hold: Seconds = Seconds(0)
    """How long a request may go on using `needs` after this resource was replaced:
    the longest delay, timeout or retry in force."""
    refused: bytes = b""
    """What is sent where a proxy refuses `body`: of what says who may, that nobody may. Empty: the version before."""
    origin: tuple[Origin, ...] = ()
    """What it comes from, the most telling first: a refusal is reported there."""
