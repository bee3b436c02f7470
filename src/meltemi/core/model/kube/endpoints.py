"""Endpoints and EndpointSlice: the addresses behind a Service.

Place:  model/kube → compose/registry
API:    v1, discovery.k8s.io/v1
"""

from meltemi.core.model.value import Value


class ObjectReference(Value, frozen=True, kw_only=True):
    """The object that an address belongs to."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class EndpointPort(Value, frozen=True, kw_only=True):
    """One port of all addresses beside it."""

    name: str = ""
    """Of the Service's port."""
    port: int | None = None
    protocol: str = "TCP"
    app_protocol: str = ""


class EndpointAddress(Value, frozen=True, kw_only=True):
    """One address of Endpoints."""

    ip: str = ""
    hostname: str = ""
    node_name: str = ""
    target_ref: ObjectReference | None = None


class EndpointSubset(Value, frozen=True, kw_only=True):
    """Addresses with the same ports."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Value, frozen=True, kw_only=True):
    """All addresses of the Service of the same name."""

    subsets: tuple[EndpointSubset, ...] = ()


class EndpointConditions(Value, frozen=True, kw_only=True):
    """State of an endpoint; None is ready, serving and not terminating."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class SliceEndpoint(Value, frozen=True, kw_only=True):
    """Message Endpoint: one endpoint of a slice."""

    addresses: tuple[str, ...] = ()
    """The first is used."""
    conditions: EndpointConditions = EndpointConditions()
    hostname: str = ""
    node_name: str = ""
    zone: str = ""
    target_ref: ObjectReference | None = None


class EndpointSlice(Value, frozen=True, kw_only=True):
    """Some addresses of the Service that the label `kubernetes.io/service-name` names."""

    address_type: str = ""
    """`IPv4`, `IPv6` or `FQDN`."""
    endpoints: tuple[SliceEndpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()
