"""Write the PROXY header that goes before all other bytes of a connection.

Place:  view/cluster → [envoy/proxy_protocol] → envoy/cluster
"""

from meltemi.core.envoy import pb
from meltemi.core.model.traffic.destination_rule import ProxyProtocolVersion

PLAIN = "envoy.transport_sockets.raw_buffer"
ANNOUNCED = "envoy.transport_sockets.upstream_proxy_protocol"


def plain() -> pb.TransportSocket:
    """Plain text."""
    return pb.TransportSocket(name=PLAIN, typed_config=pb.any_of(pb.RawBuffer()))


def write_announcement(version: ProxyProtocolVersion, cluster: pb.Cluster) -> None:
    """Put the header before whatever the cluster speaks: mutual TLS where it is accepted, TLS, plain text."""
    for match in cluster.transport_socket_matches:
        match.transport_socket.CopyFrom(_announced(version, match.transport_socket))
    if not cluster.transport_socket_matches:
        inner = cluster.transport_socket if cluster.HasField("transport_socket") else plain()
        cluster.transport_socket.CopyFrom(_announced(version, inner))


def _announced(version: ProxyProtocolVersion, inner: pb.TransportSocket) -> pb.TransportSocket:
    config = pb.ProxyProtocolConfig(version=pb.ProxyProtocolConfig.Version.Value(version))
    written = pb.ProxyProtocolUpstreamTransport(config=config, transport_socket=inner)
    return pb.TransportSocket(name=ANNOUNCED, typed_config=pb.any_of(written))
