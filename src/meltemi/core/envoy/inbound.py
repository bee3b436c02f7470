"""Write the inbound listener.

Place:  view/inbound → [envoy/inbound] → pipeline/inbound
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.filters import Side
from meltemi.core.envoy.hcm import filter_of, manager, write_caller
from meltemi.core.envoy.listener import chain_match
from meltemi.core.envoy.plain import led_to, plain_routes
from meltemi.core.envoy.retry import retry_policy
from meltemi.core.envoy.server_tls import server_tls_socket
from meltemi.core.envoy.strict import while_plain
from meltemi.core.envoy.tcp import tcp_filters
from meltemi.core.model.units import Seconds
from meltemi.core.view.inbound import Inbound
from meltemi.core.view.inbound_chains import InboundChain
from meltemi.core.view.listener import Share
from meltemi.core.view.retry import Retry

TIMEOUT_HEADER_WINS = 0
"""`max_stream_duration` of 0: a gRPC call may last as long as its own deadline says."""
PING_INTERVAL, PING_PATIENCE = Seconds(1), Seconds(3600)
"""Not to find dead callers: whoever does not answer stays."""


def inbound_message(inbound: Inbound) -> pb.Listener:
    """Translate field by field. Routes stand inside: one, and for plain callers a second one."""
    first, *others = inbound.addresses
    written = pb.Listener(
        name=inbound.name,
        address=pb.socket_address(first, inbound.port),
        filter_chains=[_chain(c, inbound) for c in inbound.chains],
        listener_filters=_listener_filters(inbound),
        traffic_direction=pb.INBOUND,
        listener_filters_timeout=pb.duration(inbound.detection_timeout),
        continue_on_listener_filters_timeout=True,
    )
    written.use_original_dst.value = False
    for address in others:
        written.additional_addresses.add(address=pb.socket_address(address, inbound.port))
    return written


def _listener_filters(inbound: Inbound) -> list[pb.ListenerFilter]:
    """Nothing is read on ports whose protocol is declared as bytes: their servers may speak first."""
    quiet = _quiet(inbound)
    asked = (_filter("original_dst", pb.OriginalDst()),) if inbound.intercepts else ()
    return [
        *asked,
        _filter("tls_inspector", pb.TlsInspector(), quiet=quiet),
        _filter("http_inspector", pb.HttpInspector(), quiet=inbound.declared),
    ]


def _quiet(inbound: Inbound) -> tuple[int, ...]:
    """Ports of chains that ask nothing but the port."""
    asking = {c.match.port for c in inbound.chains if c.match.transport or c.match.protocols}
    return tuple(port for port in inbound.declared if port not in asking)


def _filter(name: str, config: pb.Message, *, quiet: tuple[int, ...] = ()) -> pb.ListenerFilter:
    written = pb.ListenerFilter(name=f"envoy.filters.listener.{name}", typed_config=pb.any_of(config))
    if quiet:
        written.filter_disabled.CopyFrom(_any_port(quiet))
    return written


def _any_port(ports: tuple[int, ...]) -> pb.ListenerFilterChainMatchPredicate:
    """Whether the destination port is one of these. Envoy's `or` wants two rules or more."""
    each = [_port(p) for p in ports]
    if len(each) == 1:
        return each[0]
    written = pb.ListenerFilterChainMatchPredicate()
    written.or_match.rules.extend(each)
    return written


def _port(port: int) -> pb.ListenerFilterChainMatchPredicate:
    written = pb.ListenerFilterChainMatchPredicate()
    written.destination_port_range.start = port
    written.destination_port_range.end = port + 1
    return written


def _chain(chain: InboundChain, inbound: Inbound) -> pb.FilterChain:
    gate = [] if chain.tls else [while_plain(chain.match.port, chain.apart)]
    led = [led_to(chain.watched, chain.behind)] if chain.watched else []
    filters = [_manager(chain, inbound)] if chain.http else _bytes(chain, inbound)
    written = pb.FilterChain(
        name=chain.name, filters=[*gate, *led, *filters], filter_chain_match=chain_match(chain.match)
    )
    if not written.filter_chain_match.ByteSize():
        written.ClearField("filter_chain_match")
    if chain.tls is not None:
        written.transport_socket.CopyFrom(server_tls_socket(chain.tls))
    return written


def _bytes(chain: InboundChain, inbound: Inbound) -> list[pb.Filter]:
    return tcp_filters(Side.INBOUND, (Share(cluster=chain.cluster),), chain.cluster, inbound.access_log)


def _manager(chain: InboundChain, inbound: Inbound) -> pb.Filter:
    prefix = f"inbound_{inbound.addresses[0]}_{chain.match.port};"
    written = manager(Side.INBOUND, prefix, inbound.access_log, inbound.http, grpc_web=chain.grpc_web)
    if chain.tls is not None:
        write_caller(written, inbound.http)
    else:
        _write_pings(written)
    written.route_config.CopyFrom(_routes(chain, inbound.retry))
    return filter_of(written)


def _write_pings(written: pb.HttpConnectionManager) -> None:
    """Make callers over HTTP/2 speak that only listen: what they answer meets the filter that asks for mutual TLS."""
    pings = written.http2_protocol_options.connection_keepalive
    pings.interval.CopyFrom(pb.duration(PING_INTERVAL))
    pings.timeout.CopyFrom(pb.duration(PING_PATIENCE))


def _routes(chain: InboundChain, retry: Retry | None) -> pb.RouteConfiguration:
    route = pb.Route(name="default", match=pb.RouteMatch(prefix="/"))
    route.decorator.operation = chain.operation
    route.route.cluster = chain.cluster
    # The client's sidecar keeps the time.
    route.route.timeout.CopyFrom(pb.duration(0))
    route.route.max_stream_duration.max_stream_duration.CopyFrom(pb.duration(TIMEOUT_HEADER_WINS))
    route.route.max_stream_duration.grpc_timeout_header_max.CopyFrom(pb.duration(TIMEOUT_HEADER_WINS))
    if retry is not None:
        route.route.retry_policy.CopyFrom(retry_policy(retry))
    routes = plain_routes(route, chain.watched) if chain.watched else [route]
    host = pb.VirtualHost(name=f"inbound|http|{chain.number}", domains=["*"], routes=routes)
    table = pb.RouteConfiguration(name=chain.cluster, virtual_hosts=[host])
    table.validate_clusters.value = False
    return table
