"""Who sees what: `exportTo` of services and VirtualServices, and the Sidecar in force, seen from a workload.

Place:  compose/{registry,sidecars,delegates} → [compose/visibility] → view
Source: Istio, field `exportTo`: `*` all namespaces, `.` the own one, `~` none; MeshConfig `default…ExportTo`;
        "Sidecar", field `egress`: a VirtualService that is named brings the services that it routes to
"""

from collections.abc import Iterator, Mapping

from meltemi.core.compose.delegates import http_rules
from meltemi.core.compose.export import EVERYONE, reaches
from meltemi.core.compose.hosts import qualified
from meltemi.core.compose.registry import hosts, real_host, service
from meltemi.core.compose.sidecars import named, names_service, narrow, sidecar
from meltemi.core.compose.virtual_services import MESH, virtual_service, visible_heads
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import Sight
from meltemi.core.model.traffic.common import Destination
from meltemi.core.model.value import Value

ALL_PORTS = 0


def exported(e: Engine, host: str) -> tuple[str, ...]:
    """Namespaces that see a service; stands between a service's many changes and the lists of its readers."""
    found = e.get(service, host)
    return found.export_to if found else ()


def home(e: Engine, host: str) -> str:
    """The namespace of a service; stands there as `exported` does."""
    found = e.get(service, host)
    return found.namespace if found else ""


def visible_hosts(e: Engine, sight: Sight) -> tuple[str, ...]:
    """Hosts of all services that clients may call, sorted."""
    everyones, own = e.get(everyones_hosts), e.get(shown_to, sight.namespace)
    shown = tuple(sorted((*everyones, *own))) if own else everyones
    if sight.sidecar is None:
        return shown
    if sight.listener is not None:
        found = e.get(named, sight)
        return tuple(host for host in shown if names_service(found, e.get(home, host), host))
    known = {host for _, one in e.get(narrow, sight) for host in e.get(visible_hosts, one)}
    known |= e.get(routed_to, sight).keys()
    return tuple(host for host in shown if host in known)


def everyones_hosts(e: Engine) -> tuple[str, ...]:
    """Hosts that all namespaces see, sorted: looked for once, not by each of them."""
    return tuple(host for host in e.get(hosts) if EVERYONE in e.get(exported, host))


def shown_to(e: Engine, namespace: str) -> tuple[str, ...]:
    """Hosts that a namespace sees and not everyone does."""
    return tuple(host for host in e.get(shown_to_some) if namespace in e.get(exported, host))


def shown_to_some(e: Engine) -> tuple[str, ...]:
    """Hosts that some namespaces see."""
    return tuple(host for host in e.get(hosts) if (to := e.get(exported, host)) and EVERYONE not in to)


class Exposed(Value, frozen=True, kw_only=True):
    """All that a namespace sees where no Sidecar narrows it."""

    services: tuple[tuple[str, str], ...]
    """(host, namespace)."""
    rules: tuple[tuple[str, tuple[str, ...]], ...]
    """(namespace, hosts) of VirtualServices."""


def exposed(e: Engine, namespace: str) -> Exposed:
    """What Sidecars of a namespace may name."""
    sight = Sight(namespace=namespace)
    services = tuple((host, e.get(home, host)) for host in e.get(visible_hosts, sight))
    rules = tuple((h.key.namespace, h.hosts) for h in e.get(visible_heads, sight) if MESH in h.gateways)
    return Exposed(services=services, rules=rules)


def visible(e: Engine, host: str, sight: Sight) -> bool:
    """Whether there is a service `host` for clients."""
    if not reaches(e.get(exported, host), sight.namespace):
        return False
    return sight.sidecar is None or e.get(seen, host, sight) != ()


def seen(e: Engine, host: str, sight: Sight) -> tuple[int, ...]:
    """Ports of a host that the Sidecar lets be seen, `ALL_PORTS` for all; empty for a host it does not name."""
    listeners = e.get(narrow, sight)
    own = {port or ALL_PORTS for port, one in listeners if host in e.get(seen_hosts, one)}
    return tuple(sorted(own | e.get(routed_to, sight).get(host, frozenset())))


def seen_hosts(e: Engine, sight: Sight) -> frozenset[str]:
    """`visible_hosts`, to look one up."""
    return frozenset(e.get(visible_hosts, sight))


def routed_to(e: Engine, sight: Sight) -> Mapping[str, frozenset[int]]:
    """Host → ports (or `ALL_PORTS`) that the rules seen by a workload lead to, named or not."""
    found: dict[str, set[int]] = {}
    for to, namespace in _destinations(e, sight):
        host = real_host(e, qualified(to.host.lower(), namespace))
        found.setdefault(host, set()).add((to.port.number if to.port else None) or ALL_PORTS)
    return {host: frozenset(ports) for host, ports in found.items()}


def _destinations(e: Engine, sight: Sight) -> Iterator[tuple[Destination, str]]:
    for head in e.get(visible_heads, sight):
        if MESH in head.gateways:
            yield from ((to, head.key.namespace) for to in e.get(rule_destinations, head.key))
    own = e.get(sidecar, sight.sidecar) if sight.sidecar else None
    if own and sight.sidecar and own.outbound_traffic_policy and own.outbound_traffic_policy.egress_proxy:
        yield own.outbound_traffic_policy.egress_proxy, sight.sidecar.namespace


def rule_destinations(e: Engine, key: Key) -> tuple[Destination, ...]:
    """Everything that the rules of one VirtualService lead to; a delegate's short names are made full ones."""
    return tuple(dict.fromkeys(_rule_destinations(e, key)))


def _rule_destinations(e: Engine, key: Key) -> Iterator[Destination]:
    for rule in e.get(http_rules, key):
        route = rule.route
        written = (*(d.destination for d in route.route), route.mirror, *(m.destination for m in route.mirrors))
        for to in written:
            if to is not None:
                yield Destination(host=qualified(to.host, rule.namespace), subset=to.subset, port=to.port)
    spec = e.get(virtual_service, key)
    for one in (*spec.tls, *spec.tcp) if spec else ():
        yield from (d.destination for d in one.route if d.destination is not None)
