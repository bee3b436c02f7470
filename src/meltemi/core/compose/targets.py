"""What a workload answers itself: the services that select it, and those that have it as an endpoint.

Place:  compose/{registry,workloads} → [compose/targets] → pipeline/scope

There may be as many workloads as there are proxies. So what is asked for each of them is kept small: whether it is an
endpoint is looked up in an index. It is cut in parts by services, so that a changed endpoint makes one of them anew,
and each part in pieces by addresses, so that only the workloads of a piece look again.
"""

from collections.abc import Iterator, Mapping
from zlib import crc32

from meltemi.core.compose.registry import endpoints, hosts, service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Target
from meltemi.core.model.registry.service import Service, ServicePort
from meltemi.core.model.units import PortNumber
from meltemi.core.model.value import Value

PARTS = 32
"""Of the index. More make a change cheaper and a new workload dearer."""
PIECES = 64
"""Of a part. More make a change cheaper for each workload, and dearer for the part."""

Selector = tuple[tuple[str, str], ...]
Selectors = Mapping[tuple[str, str], tuple[tuple[str, Selector], ...]]
"""Label → services that ask for it first, and for what else."""
Index = Mapping[str, tuple[Target, ...]]
"""Address → what is answered there."""


class Answering(Value, frozen=True, kw_only=True):
    """A workload, as far as it decides what it answers."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    addresses: tuple[str, ...]
    names: tuple[tuple[str, int], ...] = ()
    """Container port names → numbers."""


def targets(e: Engine, own: Answering) -> tuple[Target, ...]:
    """What a workload answers, sorted.

    The selector counts before the first endpoint is there: a proxy must know its ports before it is ready.
    """
    listed = {
        found
        for address in own.addresses
        for part in range(PARTS)
        for found in e.get(piece, part, _piece(address)).get(address, ())
    }
    answered = {(t.host, t.port) for t in listed}
    selected = (t for t in _selected(e, own) if (t.host, t.port) not in answered)
    return tuple(sorted({*listed, *selected}))


def piece(e: Engine, part: int, at: int) -> Index:
    """The addresses of one piece of a part."""
    return e.get(index, part)[at]


def index(e: Engine, part: int) -> tuple[Index, ...]:
    """The endpoints of the part's services, in pieces."""
    found: tuple[dict[str, tuple[Target, ...]], ...] = tuple({} for _ in range(PIECES))
    for host in e.get(hosts_in, part):
        for address, answered in e.get(index_of, host).items():
            of = found[_piece(address)]
            of[address] = of.get(address, ()) + answered
    return found


def hosts_in(e: Engine, part: int) -> tuple[str, ...]:
    """The services of one part."""
    return e.get(parted)[part]


def parted(e: Engine) -> tuple[tuple[str, ...], ...]:
    """All services, by part."""
    found: list[list[str]] = [[] for _ in range(PARTS)]
    for host in e.get(hosts):
        found[crc32(host.encode()) % PARTS].append(host)
    return tuple(map(tuple, found))


def index_of(e: Engine, host: str) -> Index:
    """The endpoints of one service."""
    found = e.get(service, host)
    made: dict[str, tuple[Target, ...]] = {}
    for port in found.ports if found else ():
        for x in e.get(endpoints, host, port.number):
            target = Target(host=host, port=port.number, target=x.port)
            made[x.address] = (*made.get(x.address, ()), target)
    return made


def _selected(e: Engine, own: Answering) -> Iterator[Target]:
    labels, by_label = set(own.labels), e.get(selectors_in, own.namespace)
    for host, selector in (one for label in own.labels for one in by_label.get(label, ())):
        if found := e.get(service, host) if labels.issuperset(selector) else None:
            yield from (t for port in found.ports if (t := _target(found, port, own)))


def selectors_in(e: Engine, namespace: str) -> Selectors:
    """The services of a namespace that select workloads, and whom, by the first label that they ask for."""
    return e.get(selectors).get(namespace, {})


def selectors(e: Engine) -> Mapping[str, Selectors]:
    """The same of all namespaces."""
    made: dict[str, dict[tuple[str, str], tuple[tuple[str, Selector], ...]]] = {}
    for host in e.get(hosts):
        namespace, selector = e.get(selector_of, host) or ("", ())
        if selector:
            own = made.setdefault(namespace, {})
            own[selector[0]] = (*own.get(selector[0], ()), (host, selector))
    return made


def selector_of(e: Engine, host: str) -> tuple[str, Selector] | None:
    """Namespace and selector of a service; None where it selects nobody."""
    found = e.get(service, host)
    return (found.namespace, found.selector) if found and found.selector else None


def _target(found: Service, port: ServicePort, own: Answering) -> Target | None:
    number = dict(own.names).get(port.target) if isinstance(port.target, str) else port.target or port.number
    return Target(host=found.host, port=port.number, target=PortNumber(number)) if number else None


def _piece(address: str) -> int:
    return crc32(address.encode()) % PIECES
