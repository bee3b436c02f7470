"""Which outbound listeners a sidecar has, and what services want of each.

Place:  compose/{registry,sidecars,visibility} → [view/wishes] → view/outbound, view/routing_findings, pipeline/outbound
Source: Istio, "Protocol Selection", "Understanding Traffic Routing"

HTTP of all services on one port shares the listener `0.0.0.0_PORT`. Bytes and TLS are told apart by address, so they
get listeners of their own, `ADDRESS_PORT`; a service without an address shares the port's listener.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import structs

from meltemi.core.compose.destination_rules import selector_names
from meltemi.core.compose.hosts import is_ip, is_range, plain_range
from meltemi.core.compose.registry import addresses_of, endpoints, service
from meltemi.core.compose.service_entries import dialled_hosts
from meltemi.core.compose.sidecars import egress, narrow, sight_at, spoken_at
from meltemi.core.compose.virtual_services import mesh_virtual_service
from meltemi.core.compose.visibility import shown_to, visible_hosts
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Sight
from meltemi.core.model.registry.service import AppProtocol, Resolution, Service, ServicePort
from meltemi.core.model.traffic.sidecar import CaptureMode
from meltemi.core.model.value import Value
from meltemi.core.view.tcp_route import connection_labels

ANY = "0.0.0.0"
ANY_V6 = "::"
LOCAL = "127.0.0.1"
"""Where a listener binds that a Sidecar wants without interception, if it does not say where. Source: Istio."""
RESERVED = frozenset({15000, 15001, 15006, 15008, 15020, 15021, 15090})
"""Ports that the proxy itself listens on, on all addresses: Envoy refuses a second listener there, so that services on
these ports have listeners of their own addresses only."""


class Speech(StrEnum):
    """How a port's bytes are taken."""

    HTTP = "http"
    AUTO = "auto"
    TLS = "tls"
    TCP = "tcp"


class Wish(Value, frozen=True, kw_only=True):
    """What one service wants of one listener."""

    age: tuple[str, str]
    """Creation time and host: the oldest has first choice."""
    host: str
    address: str
    """Where to listen; `0.0.0.0` stands for every address."""
    port: int
    speech: Speech
    ranges: tuple[str, ...] = ()
    """Only these destinations, where the address says less."""
    binds: bool = False
    """Clients call the listener itself; nothing is intercepted."""


Wishes = Mapping[tuple[str, int], tuple[Wish, ...]]
"""(address, port) → what services want of that listener, the oldest first."""


def wishes(e: Engine, host: str, named: bool) -> tuple[Wish, ...]:
    """What one service wants of all listeners. `named`: it is called by an address of the mesh, where it has none."""
    found = e.get(service, host)
    if found is None or found.resolution is Resolution.ALIAS:
        return ()
    return tuple(wish for port in found.ports for wish in _wishes_of_port(e, found, port, named=named))


def _wishes_of_port(e: Engine, found: Service, port: ServicePort, *, named: bool) -> tuple[Wish, ...]:
    speech = _speech(port.protocol)
    if speech is None:
        return ()
    if port.number in RESERVED:
        speech = Speech.AUTO if speech is Speech.HTTP else speech
    age = (found.created or "\uffff", found.host)

    def wish(address: str = ANY, ranges: tuple[str, ...] = ()) -> Wish:
        return Wish(age=age, host=found.host, address=address, port=port.number, speech=speech, ranges=ranges)

    if speech is Speech.HTTP:
        return (wish(),)
    addresses = addresses_of(e, found, named=named)
    single = tuple(wish(a.partition("/")[0]) for a in addresses if is_ip(a))
    ranges = tuple(dict.fromkeys(plain_range(a) for a in addresses if is_range(a)))
    if single or ranges:
        return (*single, *((wish(ranges=ranges),) if ranges else ()))
    if found.headless:
        # Clients see the endpoints' own addresses: each is a place of its own.
        own = {x.address for x in e.get(endpoints, found.host, port.number) if is_ip(x.address)}
        return tuple(wish(a) for a in sorted(own))
    return () if port.number in RESERVED else (wish(),)


def _speech(protocol: AppProtocol) -> Speech | None:
    if protocol is AppProtocol.UDP:
        return None
    if protocol.is_http:
        return Speech.HTTP
    if protocol.is_tls:
        return Speech.TLS
    return Speech.AUTO if protocol is AppProtocol.AUTO else Speech.TCP


def listener_wishes(e: Engine, sight: Sight) -> Wishes:
    """(address, port) → what services want of that listener, the oldest first."""
    if sight.is_open:
        return _with_own(e, sight)
    found: dict[tuple[str, int], list[Wish]] = {}
    for port, one in e.get(narrow, sight):
        for host in e.get(visible_hosts, one):
            for wish in e.get(wishes, host, one.named) if port is None else e.get(placed_wishes, host, one):
                if e.get(sight_at, sight, wish.port) == one:
                    found.setdefault((wish.address, wish.port), []).append(wish)
    return _in_order(found)


def _with_own(e: Engine, sight: Sight) -> Wishes:
    """What everyone's services want, and those that are shown to one namespace."""
    everyones, own = e.get(listener_wishes, sight.anywhere), e.get(shown_to, sight.namespace)
    if not own:
        return everyones
    found = {place: list(wanted) for place, wanted in everyones.items()}
    for host in own:
        for wish in e.get(wishes, host, sight.named):
            found.setdefault((wish.address, wish.port), []).append(wish)
    return _in_order(found)


def _in_order(found: Mapping[tuple[str, int], list[Wish]]) -> Wishes:
    return {place: tuple(sorted(ws, key=lambda w: w.age)) for place, ws in sorted(found.items())}


def is_everyones(e: Engine, sight: Sight, address: str, port: int) -> bool:
    """Whether one listener is the same anywhere: of everyone's services, and HTTP, which is routed elsewhere."""
    if not sight.is_open or e.get(dialled_hosts) or not e.get(is_plain, sight.anywhere, address, port):
        return False
    return e.get(wishes_at, sight, address, port) == e.get(wishes_at, sight.anywhere, address, port)


def is_plain(e: Engine, sight: Sight, address: str, port: int) -> bool:
    """Whether all that is wanted of one listener is HTTP."""
    return all(w.speech is Speech.HTTP for w in e.get(wishes_at, sight, address, port))


def placed_wishes(e: Engine, host: str, sight: Sight) -> tuple[Wish, ...]:
    """What one service wants of the egress listener that a Sidecar has for a port of its own.

    Source: Istio, message IstioEgressListener: `bind` is where it listens, `port` what is spoken there.
    """
    listener, found = e.get(egress, sight)[sight.listener or 0], e.get(service, host)
    written = listener.port
    port = next((p for p in found.ports if written and p.number == written.number), None) if found else None
    if found is None or port is None or written is None or found.resolution is Resolution.ALIAS:
        return ()
    wanted = _wishes_of_port(e, found, structs.replace(port, protocol=spoken_at(listener, port)), named=sight.named)
    binds = listener.capture_mode is CaptureMode.NONE
    place = listener.bind or (LOCAL if binds else "")
    if not place:
        return wanted
    return tuple(structs.replace(wish, address=place, ranges=(), binds=binds) for wish in wanted[:1])


def listener_name(address: str, port: int, wanted: tuple[Wish, ...]) -> str:
    """What a listener is called.

    One that binds has another name than one that does not: Envoy 1.40 crashes where a listener with listener filters
    begins to bind under its old name (docs/envoy.md).
    """
    return f"{address}_{port}{'_bound' if any(w.binds for w in wanted) else ''}"


def wishes_at(e: Engine, sight: Sight, address: str, port: int) -> tuple[Wish, ...]:
    """What services want of one listener."""
    return e.get(listener_wishes, sight.wide).get((address, port), ())


def asked_labels(e: Engine, sight: Sight, address: str, port: int) -> frozenset[str]:
    """Labels of the client that the rules for one listener's connections ask for."""
    hosts = {w.host for w in e.get(wishes_at, sight, address, port) if w.speech is not Speech.HTTP}
    keys = {mesh_virtual_service(e, sight, host) for host in hosts}
    found = frozenset(name for key in keys if key for name in e.get(connection_labels, key))
    return found.union(*(selector_names(e, host, sight.namespace) for host in hosts))


def own_table(host: str, port: int) -> str:
    """Route table of one service on one port, where only the first bytes say that HTTP is spoken."""
    return f"{host}:{port}"


def sniffed_tables(e: Engine, sight: Sight) -> tuple[tuple[str, int], ...]:
    """(host, port) of services that have a route table of their own."""
    found = e.get(listener_wishes, sight).items()
    return tuple(dict.fromkeys((w.host, w.port) for (address, _), wanted in found for w in sniffed(address, wanted)))


def sniffed(address: str, wanted: tuple[Wish, ...]) -> tuple[Wish, ...]:
    """Of one listener's wishes those that get HTTP chains of their own: ranges, and the first at an address."""
    auto = (w for i, w in enumerate(wanted) if w.speech is Speech.AUTO and (w.ranges or (address != ANY and not i)))
    return tuple(auto)
