"""Write a cluster's endpoints.

Place:  view/endpoints → [envoy/endpoints] → pipeline/endpoints, envoy/cluster
"""

from meltemi.core.envoy import pb
from meltemi.core.model.registry.service import Endpoint
from meltemi.core.view.endpoints import Group
from meltemi.core.view.locality import parts

UNIX = "unix://"
ISTIO = "istio"
"""Metadata that telemetry reads: `%UPSTREAM_METADATA(istio:workload)%`."""
SOCKET_MATCH = "envoy.transport_socket_match"
TLS_MODE = {"tlsMode": "istio"}
"""Metadata of an endpoint that accepts mutual TLS."""


def load_assignment(cluster: str, groups: tuple[Group, ...]) -> pb.ClusterLoadAssignment:
    """Translate field by field; no endpoints at all is an answer too."""
    written = pb.ClusterLoadAssignment(cluster_name=cluster)
    for group in groups:
        written.endpoints.append(_group(group))
    return written


def _group(group: Group) -> pb.LocalityLbEndpoints:
    written = pb.LocalityLbEndpoints(
        lb_endpoints=[endpoint_message(x) for x in group.endpoints],
        load_balancing_weight=pb.UInt32Value(value=group.weight),
        priority=group.priority,
    )
    if group.locality:
        region, zone, subzone = parts(group.locality)
        written.locality.CopyFrom(pb.Locality(region=region, zone=zone, sub_zone=subzone))
    return written


def endpoint_message(endpoint: Endpoint) -> pb.LbEndpoint:
    """Translate field by field."""
    written = pb.LbEndpoint(
        endpoint=pb.Endpoint(address=address_of(endpoint)),
        load_balancing_weight=pb.UInt32Value(value=endpoint.weight),
    )
    workload = {
        "workload": endpoint.workload,
        "namespace": endpoint.namespace,
        "service_account": endpoint.service_account,
    }
    known = {name: value for name, value in workload.items() if value}
    if endpoint.workload:
        written.metadata.filter_metadata[ISTIO].CopyFrom(pb.struct(known))
    if endpoint.tls:
        written.metadata.filter_metadata[SOCKET_MATCH].CopyFrom(pb.struct(TLS_MODE))
    return written


def address_of(endpoint: Endpoint) -> pb.Address:
    """An IP address or host name with its port, or a Unix socket."""
    if endpoint.address.startswith(UNIX):
        written = pb.Address()
        written.pipe.path = endpoint.address.removeprefix(UNIX)
        return written
    return pb.socket_address(endpoint.address, endpoint.port)
