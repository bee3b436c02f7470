"""Where connections go: `tls` and `tcp` rules of VirtualServices as filter chains.

Place:  compose/virtual_services → [view/tcp_route] → view/outbound, view/gateway
Source: Istio, "Virtual Service", messages TLSRoute, TCPRoute, L4MatchAttributes, TLSMatchAttributes
"""

from meltemi.core.compose.hosts import plain_range
from meltemi.core.compose.virtual_services import gateway_name, gateways_of, virtual_service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin, Path
from meltemi.core.model.traffic.virtual_service import L4MatchAttributes, RouteDestination, TLSMatchAttributes
from meltemi.core.model.value import Value
from meltemi.core.view.destination import Target, target
from meltemi.core.view.route import Client


class Connections(Value, frozen=True, kw_only=True):
    """One alternative of one rule for connections, settled for one kind of client."""

    server_names: tuple[str, ...] = ()
    """By TLS server name; empty takes any."""
    ranges: tuple[str, ...] = ()
    """By destination; empty takes any."""
    sources: tuple[str, ...] = ()
    splits: tuple[tuple[Target, int], ...]
    origin: Origin


def tls_rules(e: Engine, key: Key, client: Client) -> tuple[Connections, ...]:
    """The `tls` rules of one VirtualService that may hold for this client."""
    spec = e.get(virtual_service, key)
    found: list[Connections] = []
    for i, rule in enumerate(spec.tls if spec else ()):
        splits = _splits(e, rule.route, key, client)
        origin = Origin(key=key, path=Path(f"spec.tls[{i}]"))
        fitting = (m for m in rule.match if splits and _fits(e, m, key, client))
        found.extend(_tls_connections(m, splits, origin) for m in fitting)
    return tuple(found)


def _tls_connections(match: TLSMatchAttributes, splits: tuple[tuple[Target, int], ...], origin: Origin) -> Connections:
    return Connections(
        server_names=tuple(name.lower() for name in match.sni_hosts if name != "*"),
        ranges=_ranges(match.destination_subnets),
        sources=_ranges((match.source_subnet,) if match.source_subnet else ()),
        splits=splits,
        origin=origin,
    )


def tcp_rules(e: Engine, key: Key, client: Client) -> tuple[Connections, ...]:
    """The `tcp` rules of one VirtualService that may hold for this client, up to the first that takes everything."""
    spec = e.get(virtual_service, key)
    found: list[Connections] = []
    for i, rule in enumerate(spec.tcp if spec else ()):
        splits = _splits(e, rule.route, key, client)
        origin = Origin(key=key, path=Path(f"spec.tcp[{i}]"))
        for match in rule.match or (L4MatchAttributes(),):
            if not splits or not _fits(e, match, key, client):
                continue
            sources = _ranges((match.source_subnet,) if match.source_subnet else ())
            found.append(
                Connections(ranges=_ranges(match.destination_subnets), sources=sources, splits=splits, origin=origin)
            )
            if not match.destination_subnets and not sources:
                return tuple(found)
    return tuple(found)


def _ranges(written: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plain_range(r) for r in written))


def connection_labels(e: Engine, key: Key) -> frozenset[str]:
    """Labels of the client that the rules for connections of one VirtualService ask for."""
    spec = e.get(virtual_service, key)
    rules = (*spec.tls, *spec.tcp) if spec else ()
    return frozenset(name for rule in rules for match in rule.match for name, _ in match.source_labels)


def _fits(e: Engine, match: L4MatchAttributes | TLSMatchAttributes, key: Key, client: Client) -> bool:
    spec = e.get(virtual_service, key)
    own = gateways_of(spec, key.namespace) if spec else ()
    gateways = tuple(gateway_name(g, key.namespace) for g in match.gateways) or own
    return (
        bool(set(gateways) & set(client.gateways))
        and match.port in (None, 0, client.port)
        and match.source_namespace in ("", client.namespace)
        and set(match.source_labels) <= set(client.labels)
    )


def _splits(
    e: Engine, written: tuple[RouteDestination, ...], key: Key, client: Client
) -> tuple[tuple[Target, int], ...]:
    """Destinations with a share; one that stands alone has all of it."""
    named = [d for d in written if d.destination is not None]
    alone = len(named) == 1
    return tuple(
        (target(e, d.destination, namespace=key.namespace, port=client.port), 1 if alone else d.weight or 0)
        for d in named
        if d.destination is not None and (alone or d.weight)
    )
