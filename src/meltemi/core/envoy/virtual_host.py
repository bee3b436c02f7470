"""Write a settled virtual host, and the route tables that hold them by name only.

Place:  view/virtual_host → [envoy/virtual_host] → pipeline/virtual_host
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.route import route_message
from meltemi.core.view.virtual_host import VirtualHost


def virtual_host_message(host: VirtualHost) -> pb.VirtualHost:
    """Translate field by field. `name` is also the resource's name: Envoy drops a removed virtual host by it."""
    written = pb.VirtualHost(
        name=host.name,
        domains=host.domains,
        routes=[route_message(r) for r in host.routes],
        # A retried request says so, and its destination may count (Istio's default).
        include_request_attempt_count=host.headers.attempts,
    )
    for route in written.routes if host.headers.forwarded_host else ():
        if route.HasField("route"):
            route.route.append_x_forwarded_host = True
    for route in written.routes if host.patient else ():
        if route.HasField("route"):
            route.route.idle_timeout.CopyFrom(pb.duration(0))
    if host.https_only:
        written.require_tls = pb.VirtualHost.ALL
    return written


def route_table(name: str) -> pb.RouteConfiguration:
    """A route table whose virtual hosts come one by one.

    The port in a Host header does not count: the table is a port's already.
    """
    table = pb.RouteConfiguration(name=name, ignore_port_in_host_matching=True)
    table.validate_clusters.value = False
    table.max_direct_response_body_size_bytes.value = 1 << 20
    table.vhds.config_source.CopyFrom(pb.ads())
    return table
