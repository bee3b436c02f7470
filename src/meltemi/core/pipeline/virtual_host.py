"""Virtual hosts and route tables as resources.

Place:  view/virtual_host → envoy/virtual_host → [pipeline/virtual_host] → pipeline/{outbound,gateway}

A virtual host is a resource of its own, so one changed rule resends one host, and a host that Envoy refuses holds
nothing else up.
"""

from msgspec import structs

from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.virtual_host import route_table, virtual_host_message
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.view.gateway import Served, gateway_host, misdirected
from meltemi.core.view.http_settings import HostHeaders
from meltemi.core.view.route import Client
from meltemi.core.view.unknown import Unknown
from meltemi.core.view.virtual_host import NamedHost, VirtualHost, nobody, outbound_fallback, outbound_host

PLAIN = HostHeaders()


def table_body(e: Engine, name: str) -> Resource:  # every derived function takes the engine
    """A route table; its hosts are asked for by its name."""
    return resource_of(ResourceType.ROUTES, route_table(name))


def sidecar_host_body(e: Engine, named: NamedHost, client: Client, headers: HostHeaders) -> Resource | None:
    """A virtual host of a sidecar's table; None where there is nothing to say of the host."""
    settled = outbound_host(e, named, client)
    return e.get(settled_body, settled, headers) if settled else None


def settled_body(e: Engine, settled: VirtualHost, headers: HostHeaders) -> Resource:  # every derived function takes it
    """One message for all namespaces to which the rules for a host are the same."""
    return _body(settled, headers)


def gateway_host_body(e: Engine, table: str, served: Served, namespace: str, headers: HostHeaders) -> Resource:
    """A virtual host of a gateway's table."""
    return _body(e.get(gateway_host, table, served, namespace), headers)


def fallback_body(e: Engine, table: str, unknown: Unknown) -> Resource:  # every derived function takes the engine
    """The virtual host of a sidecar's table for all other names."""
    return _body(outbound_fallback(table, unknown))


def unknown_body(e: Engine, table: str, unknown: Unknown, group: int, names: tuple[str, ...]) -> Resource:  # as above
    """The virtual host of a sidecar's table on demand for names that nobody has."""
    return _body(outbound_fallback(table, unknown, group, names))


def nobody_body(e: Engine, table: str, port: int) -> Resource:  # every derived function takes the engine
    """The virtual host of a gateway's table for all other names."""
    return _body(nobody(table, port))


def misdirected_body(e: Engine, table: str, port: int, hosts: tuple[str, ...]) -> Resource:  # as above
    """The virtual host of a gateway's table for hosts of other servers on its port."""
    return _body(misdirected(table, port, hosts))


def _body(host: VirtualHost, headers: HostHeaders = PLAIN) -> Resource:
    return resource_of(
        ResourceType.VIRTUAL_HOST,
        virtual_host_message(structs.replace(host, headers=headers)),
        needs=host.needs,
        hold=host.hold,
        origin=host.origin,
    )
