"""Write outbound and gateway listeners as Envoy's listener.v3.Listener.

Place:  view/listener → [envoy/listener] → pipeline/outbound, pipeline/gateway
"""

from ipaddress import ip_network

from meltemi.core.envoy import pb
from meltemi.core.envoy.hcm import http_connection_manager
from meltemi.core.envoy.server_tls import server_tls_socket
from meltemi.core.envoy.tcp import tcp_proxy
from meltemi.core.view.listener import Chain, ChainMatch, Listener


def listener_message(listener: Listener) -> pb.Listener:
    """Translate field by field."""
    first, *others = listener.addresses
    written = pb.Listener(
        name=listener.name,
        address=pb.socket_address(first, listener.port),
        filter_chains=[_chain(c, listener) for c in listener.chains],
        listener_filters=_listener_filters(listener),
        traffic_direction=pb.OUTBOUND,
    )
    for address in others:
        written.additional_addresses.add(address=pb.socket_address(address, listener.port))
    if listener.default is not None:
        written.default_filter_chain.CopyFrom(_chain(listener.default, listener))
    if listener.use_original_destination:
        written.use_original_dst.value = True
    if not listener.binds:
        written.bind_to_port.value = False
    if written.listener_filters:
        _write_timeout(listener, written)
    return written


def _write_timeout(listener: Listener, written: pb.Listener) -> None:
    """A client that says nothing first is served as unknown bytes when the time is over."""
    written.listener_filters_timeout.CopyFrom(pb.duration(listener.detection_timeout))
    written.continue_on_listener_filters_timeout = True


def _listener_filters(listener: Listener) -> list[pb.ListenerFilter]:
    wanted = (
        (listener.proxy_protocol, "proxy_protocol", pb.ProxyProtocolListener()),
        (listener.use_original_destination, "original_dst", pb.OriginalDst()),
        (listener.inspect_tls, "tls_inspector", pb.TlsInspector()),
        (listener.inspect_http, "http_inspector", pb.HttpInspector()),
    )
    return [
        pb.ListenerFilter(name=f"envoy.filters.listener.{name}", typed_config=pb.any_of(config))
        for yes, name, config in wanted
        if yes
    ]


def _chain(chain: Chain, listener: Listener) -> pb.FilterChain:
    filters = http_connection_manager(chain, listener) if chain.table else tcp_proxy(chain, listener)
    written = pb.FilterChain(name=chain.name, filters=filters)
    if chain.match != ChainMatch():
        written.filter_chain_match.CopyFrom(chain_match(chain.match))
    if chain.tls is not None:
        written.transport_socket.CopyFrom(server_tls_socket(chain.tls))
    return written


def chain_match(match: ChainMatch) -> pb.FilterChainMatch:
    """Translate field by field."""
    written = pb.FilterChainMatch(
        prefix_ranges=[cidr(r) for r in match.ranges],
        source_prefix_ranges=[cidr(r) for r in match.sources],
        server_names=match.server_names,
        transport_protocol=match.transport,
        application_protocols=match.protocols,
    )
    if match.port:
        written.destination_port.value = match.port
    return written


def cidr(text: str) -> pb.CidrRange:
    """An address or a CIDR range."""
    network = ip_network(text, strict=False)
    return pb.CidrRange(address_prefix=str(network.network_address), prefix_len=pb.UInt32Value(value=network.prefixlen))
