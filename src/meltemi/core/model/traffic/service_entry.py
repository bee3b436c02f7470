"""ServiceEntry: a service that the registry does not know by itself.

Place:  model/traffic → check/service_entry → compose/registry
API:    networking.istio.io v1, v1beta1, v1alpha3, messages ServiceEntry and WorkloadEntry
"""

from enum import StrEnum

from meltemi.core.model.traffic.common import WorkloadSelector
from meltemi.core.model.value import Value


class ServicePort(Value, frozen=True, kw_only=True):
    """A port of the service."""

    number: int | None = None
    protocol: str = ""
    """`HTTP`, `HTTPS`, `GRPC`, `HTTP2`, `MONGO`, `TCP`, `TLS`, … in any case of letters.

    Empty: found by the port's name, or sniffed."""
    name: str = ""
    target_port: int | None = None
    """The endpoints' port; None is `number`."""


class Location(StrEnum):
    """Whether the service is part of the mesh (and so speaks its mutual TLS)."""

    MESH_EXTERNAL = "MESH_EXTERNAL"
    MESH_INTERNAL = "MESH_INTERNAL"


class ServiceEntryResolution(StrEnum):
    """Message ServiceEntry.Resolution: how endpoints are found."""

    NONE = "NONE"
    """The address that the caller asked for."""
    STATIC = "STATIC"
    """The addresses in `endpoints` or of selected workloads."""
    DNS = "DNS"
    """All answers for the endpoints' names (or the hosts)."""
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    """The first answer only."""
    DYNAMIC_DNS = "DYNAMIC_DNS"
    """The host that the request names, resolved when it is asked for."""


class WorkloadEntry(Value, frozen=True, kw_only=True):
    """An endpoint; also a kind of its own, which services select by labels."""

    address: str = ""
    """IP address, host name (resolution DNS), or `unix:///path`."""
    ports: tuple[tuple[str, int], ...] = ()
    """Port name → the endpoint's port."""
    labels: tuple[tuple[str, str], ...] = ()
    network: str = ""
    locality: str = ""
    weight: int | None = None
    service_account: str = ""


class ServiceEntry(Value, frozen=True, kw_only=True):
    """Hosts, their ports and endpoints."""

    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Virtual addresses or CIDR ranges."""
    ports: tuple[ServicePort, ...] = ()
    location: Location = Location.MESH_EXTERNAL
    resolution: ServiceEntryResolution = ServiceEntryResolution.NONE
    endpoints: tuple[WorkloadEntry, ...] = ()
    """At most one of `endpoints` and `workload_selector`."""
    workload_selector: WorkloadSelector | None = None
    """Pods of the own namespace (`labels`)."""
    export_to: tuple[str, ...] = ()
    """Namespaces that see it: names, `.` or `*`; empty is the mesh's default."""
    subject_alt_names: tuple[str, ...] = ()
