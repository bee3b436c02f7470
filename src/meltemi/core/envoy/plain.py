"""Write what cuts off callers without mutual TLS: health checks that Envoy answers itself, and the listeners for it.

Place:  view/plain → [envoy/plain] → envoy/{cluster,inbound}, pipeline/inbound
Source: Envoy's transport sockets `http_11_proxy` (of whose field `default_proxy_address` the generated code does not
        know yet) and `internal_upstream`; the surprises are in docs/envoy.md

A check goes to the endpoint's address: for clusters that call the original destination there is no other. So checks,
and they alone, connect by a transport socket that leads to a Unix socket of Envoy's own. The listener inside is led to
in the same way, so that endpoint, pool and log are as if it were not there.
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.proxy_protocol import plain
from meltemi.core.envoy.strict import plain_refused
from meltemi.core.envoy.tcp import FILTER as TCP_PROXY
from meltemi.core.model.units import Seconds
from meltemi.core.view.names import BLACK_HOLE_CLUSTER
from meltemi.core.view.plain import HEALTH, INSIDE

WATCH = "watch"
"""Name of the transport socket of checks."""
SOCKET = "@meltemi/plain-health"
"""Of the network namespace, not of a folder: the pod's."""
UNWATCHED = "meltemi.plain_requests_unwatched"
"""Runtime value: how many per cent of plain requests take no step more. An agent that gives its Envoy what the listener
inside needs says 0 (shell/agent/bootstrap); whoever does without it writes 100 into `runtimeValues` of a ProxyConfig.
"""
_CHECKS: dict[str, object] = {"meltemi": "check"}
_ALWAYS = 100  # per cent
_INTERVAL, _TIMEOUT = Seconds(0.5), Seconds(5)
_NEVER = 1_000_000
"""So many checks without an answer would cut; one answer of 503 does."""
_LED = "envoy.transport_sockets.http_11_proxy"
_LED_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.http_11_proxy.v3.Http11ProxyUpstreamTransport"
_DESTINATION, _CLUSTER = "envoy.network.transport_socket.original_dst_address", "envoy.tcp_proxy.cluster"


def write_watch(port: int, written: pb.Cluster) -> None:
    """Close what `tcp_proxy` has opened as soon as plain callers are not served at a port (0: all others)."""
    written.close_connections_on_host_health_failure = True
    led = _led(plain(), {"pipe": {"path": SOCKET}})
    written.transport_socket_matches.add(name=WATCH, match=pb.struct(_CHECKS), transport_socket=led)
    check = written.health_checks.add(unhealthy_threshold=pb.UInt32Value(value=_NEVER))
    check.healthy_threshold.value = 1
    for interval in (check.interval, check.no_traffic_interval):  # what counts traffic is a metric that is not kept
        interval.CopyFrom(pb.duration(_INTERVAL))
    check.timeout.CopyFrom(pb.duration(_TIMEOUT))
    # A connection that is open when Envoy ends, and its endpoint is gone before, may crash it.
    check.reuse_connection.value = False
    check.transport_socket_match_criteria.CopyFrom(pb.struct(_CHECKS))
    check.http_health_check.host = HEALTH  # the cluster's name, which it is otherwise, is no host
    check.http_health_check.path = _path(port)


def through(listener: str) -> pb.TransportSocket:
    """Connections go to a listener inside of Envoy, and what is shared with them is known there."""
    inner = pb.InternalUpstreamTransport(transport_socket=plain())
    socket = pb.TransportSocket(name="envoy.transport_sockets.internal_upstream", typed_config=pb.any_of(inner))
    return _led(socket, {"envoyInternalAddress": {"serverListenerName": listener}})


def _led(inner: pb.TransportSocket, address: dict[str, object]) -> pb.TransportSocket:
    value = pb.struct({"transportSocket": pb.tree(inner), "defaultProxyAddress": address})
    return pb.TransportSocket(name=_LED, typed_config=pb.any_of(pb.TypedStruct(type_url=_LED_TYPE, value=value)))


def led_to(watched: str, behind: str) -> pb.Filter:
    """Lead the bytes of a plain chain to its cluster in place of the one that `tcp_proxy` names.

    `behind`: of requests; tells the listener inside where they went, and to which cluster they go from there.
    """
    values = {_DESTINATION: "%DOWNSTREAM_LOCAL_ADDRESS%", _CLUSTER: behind} if behind else {_CLUSTER: watched}
    written = pb.NetworkSetFilterState()
    for key, text in values.items():
        state = written.on_new_connection.add(object_key=key)
        state.shared_with_upstream = pb.FilterStateValue.ONCE if behind else pb.FilterStateValue.NONE
        state.format_string.text_format_source.inline_string = text
    return pb.Filter(name="inbound.plain", typed_config=pb.any_of(written))


def plain_routes(usual: pb.Route, watched: str) -> list[pb.Route]:
    """The usual route, and the way of plain requests where the sidecar's own runtime says that it can be gone."""
    second = pb.Route()
    second.CopyFrom(usual)
    second.route.cluster = watched
    usual.match.runtime_fraction.runtime_key = UNWATCHED
    usual.match.runtime_fraction.default_value.numerator = _ALWAYS
    return [usual, second]


def inside_listener() -> pb.Listener:
    """Hands on the bytes of requests, to the cluster that comes with the connection."""
    written = pb.Listener(name=INSIDE)
    written.internal_listener.SetInParent()
    proxy = pb.TcpProxy(stat_prefix=INSIDE, cluster=BLACK_HOLE_CLUSTER)
    proxy.idle_timeout.CopyFrom(pb.duration(Seconds(0)))  # how long nothing may be said is decided before
    written.filter_chains.add(filters=[pb.Filter(name=TCP_PROXY, typed_config=pb.any_of(proxy))])
    return written


def health_listener(ports: tuple[int, ...]) -> pb.Listener:
    """Answers 503 for those of the ports where mutual TLS is demanded now."""
    written = pb.Listener(name=HEALTH)
    written.address.pipe.path = SOCKET
    refusing = [
        pb.Route(
            match=pb.RouteMatch(path=_path(port), runtime_fraction=plain_refused(port)),
            direct_response=pb.DirectResponseAction(status=503),
        )
        for port in ports
    ]
    serving = pb.Route(match=pb.RouteMatch(prefix="/"), direct_response=pb.DirectResponseAction(status=200))
    host = pb.VirtualHost(name=HEALTH, domains=["*"], routes=[*refusing, serving])
    router = pb.HttpFilter(name="envoy.filters.http.router", typed_config=pb.any_of(pb.Router()))
    manager = pb.HttpConnectionManager(
        stat_prefix=HEALTH, route_config=pb.RouteConfiguration(name=HEALTH, virtual_hosts=[host]), http_filters=[router]
    )
    filter_ = pb.Filter(name="envoy.filters.network.http_connection_manager", typed_config=pb.any_of(manager))
    written.filter_chains.add(filters=[filter_])
    return written


def _path(port: int) -> str:
    return f"/{port}"
