"""EnvoyFilter: changes of what Envoy is told, in Envoy's own words.

Place:  model/traffic → check/envoy_filter, compose/envoy_filters → view/patches → envoy/patch
API:    networking.istio.io v1alpha3
"""

from enum import StrEnum
from typing import ClassVar

from meltemi.core.model.traffic.common import PolicyTargetReference, WorkloadSelector
from meltemi.core.model.tree import Free
from meltemi.core.model.value import Value


class ApplyTo(StrEnum):
    """What is changed."""

    INVALID = "INVALID"
    LISTENER = "LISTENER"
    FILTER_CHAIN = "FILTER_CHAIN"
    NETWORK_FILTER = "NETWORK_FILTER"
    HTTP_FILTER = "HTTP_FILTER"
    ROUTE_CONFIGURATION = "ROUTE_CONFIGURATION"
    VIRTUAL_HOST = "VIRTUAL_HOST"
    HTTP_ROUTE = "HTTP_ROUTE"
    CLUSTER = "CLUSTER"
    EXTENSION_CONFIG = "EXTENSION_CONFIG"
    BOOTSTRAP = "BOOTSTRAP"
    LISTENER_FILTER = "LISTENER_FILTER"


class PatchContext(StrEnum):
    """On which side of which proxies."""

    ANY = "ANY"
    SIDECAR_INBOUND = "SIDECAR_INBOUND"
    SIDECAR_OUTBOUND = "SIDECAR_OUTBOUND"
    GATEWAY = "GATEWAY"
    WAYPOINT = "WAYPOINT"
    """Of Istio's ambient mode, which has no counterpart here."""


class Operation(StrEnum):
    """How it is changed."""

    INVALID = "INVALID"
    MERGE = "MERGE"
    """Fields that are written are set, lists are added to."""
    ADD = "ADD"
    REMOVE = "REMOVE"
    INSERT_BEFORE = "INSERT_BEFORE"
    INSERT_AFTER = "INSERT_AFTER"
    INSERT_FIRST = "INSERT_FIRST"
    REPLACE = "REPLACE"
    MERGE_AND_REPLACE_LIST = "MERGE_AND_REPLACE_LIST"
    """As MERGE, but lists are replaced."""


class FilterClass(StrEnum):
    """Where an added HTTP filter stands among those of the mesh."""

    UNSPECIFIED = "UNSPECIFIED"
    """Before the router."""
    AUTHN = "AUTHN"
    """After who asks is known."""
    AUTHZ = "AUTHZ"
    """After it is decided whether they may."""
    STATS = "STATS"
    """Before requests are counted: before the router."""


class RouteAction(StrEnum):
    """What a route does."""

    ANY = "ANY"
    ROUTE = "ROUTE"
    REDIRECT = "REDIRECT"
    DIRECT_RESPONSE = "DIRECT_RESPONSE"


class ProxyMatch(Value, frozen=True, kw_only=True):
    """Properties of the proxy."""

    proxy_version: str = ""
    """RE2 expression, found anywhere in the proxy's `ISTIO_VERSION`; a proxy without one is not meant."""
    metadata: tuple[tuple[str, str], ...] = ()
    """Of the node, equal texts."""


class ClusterMatch(Value, frozen=True, kw_only=True):
    """Clusters; with a name the other fields say nothing."""

    port_number: int = 0
    """The service's port; inbound the workload's."""
    service: str = ""
    """Full host name."""
    subset: str = ""
    name: str = ""


class RouteMatch(Value, frozen=True, kw_only=True):
    """Routes of a virtual host."""

    name: str = ""
    action: RouteAction = RouteAction.ANY


class VirtualHostMatch(Value, frozen=True, kw_only=True):
    """Virtual hosts of a route table."""

    name: str = ""
    """`host:port`; at gateways the first host as it is written, and the port."""
    domain_name: str = ""
    """One of its domains."""
    route: RouteMatch | None = None


class RouteConfigurationMatch(Value, frozen=True, kw_only=True):
    """Route tables."""

    port_number: int = 0
    port_name: str = ""
    """Gateways only, where TLS ends: the server's port name."""
    gateway: str = ""
    """Gateways only, where TLS ends: `namespace/name`."""
    vhost: VirtualHostMatch | None = None
    name: str = ""
    """`9080`, `inbound|8080||`, `http.80`, `https.443.NAME.GATEWAY.NAMESPACE`."""


class SubFilterMatch(Value, frozen=True, kw_only=True):
    """An HTTP filter."""

    name: str = ""


class FilterMatch(Value, frozen=True, kw_only=True):
    """A network filter, and a filter in it."""

    name: str = ""
    sub_filter: SubFilterMatch | None = None


class FilterChainMatch(Value, frozen=True, kw_only=True):
    """Filter chains of a listener, by what they match themselves."""

    name: str = ""
    sni: str = ""
    transport_protocol: str = ""
    """`raw_buffer` or `tls`."""
    application_protocols: str = ""
    """Separated by commas; the chain has all of them."""
    filter: FilterMatch | None = None
    destination_port: int = 0


class ListenerMatch(Value, frozen=True, kw_only=True):
    """Listeners, and chains in them."""

    port_number: int = 0
    """In `virtualInbound` and `virtualOutbound`: the port of a chain."""
    port_name: str = ""
    """Has no effect in Istio either; refused by nobody, named by check."""
    filter_chain: FilterChainMatch | None = None
    listener_filter: str = ""
    name: str = ""


class WaypointMatch(Value, frozen=True, kw_only=True):
    """Waypoints of Istio's ambient mode."""

    port_number: int = 0
    filter: FilterMatch | None = None
    route: RouteMatch | None = None


class EnvoyConfigObjectMatch(Value, frozen=True, kw_only=True):
    """Where a patch is applied: all that is written must hold."""

    ONEOFS: ClassVar = (("listener", "route_configuration", "cluster", "waypoint"),)

    context: PatchContext = PatchContext.ANY
    proxy: ProxyMatch | None = None
    listener: ListenerMatch | None = None
    route_configuration: RouteConfigurationMatch | None = None
    cluster: ClusterMatch | None = None
    waypoint: WaypointMatch | None = None


class Patch(Value, frozen=True, kw_only=True):
    """The change."""

    operation: Operation = Operation.INVALID
    value: Free | None = None
    """A message of Envoy, of the type that `applyTo` names."""
    filter_class: FilterClass = FilterClass.UNSPECIFIED
    """For ADD of an HTTP_FILTER."""


class EnvoyConfigObjectPatch(Value, frozen=True, kw_only=True):
    """One change and where."""

    apply_to: ApplyTo = ApplyTo.INVALID
    match: EnvoyConfigObjectMatch | None = None
    patch: Patch | None = None


class EnvoyFilter(Value, frozen=True, kw_only=True):
    """Changes of what some proxies get."""

    workload_selector: WorkloadSelector | None = None
    """By `labels`; without it the namespace's proxies, from the root namespace those of the mesh."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
    config_patches: tuple[EnvoyConfigObjectPatch, ...] = ()
    """In the order of their effect."""
    priority: int = 0
    """Of several EnvoyFilters of one namespace the lower comes first, then the older, then by name."""
