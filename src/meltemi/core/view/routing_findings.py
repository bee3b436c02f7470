"""What routing has to say across documents: names that lead nowhere, and statements that another one takes away.

Place:  compose, view → [view/routing_findings] → pipeline/findings

One cell a document, so a changed document is looked at alone; conflicts read the same indexes as the routes.
"""

from collections.abc import Iterator

from meltemi.core.check.report import at, warning
from meltemi.core.compose.delegates import http_rules
from meltemi.core.compose.destination_rules import subsets_of
from meltemi.core.compose.gateways import (
    Bound,
    bound_servers,
    gateway,
    gateway_keys,
    selections,
    sharing,
    shut_out,
)
from meltemi.core.compose.registry import hosts, service
from meltemi.core.compose.virtual_services import MESH, Head, gateways_of, head, heads, mesh_winners, virtual_service
from meltemi.core.compose.visibility import visible
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.proxy import Sight
from meltemi.core.model.registry.service import AppProtocol, Service
from meltemi.core.model.traffic.common import Destination
from meltemi.core.view.destination import Target, ports, target
from meltemi.core.view.table_names import claim, names_of
from meltemi.core.view.virtual_host import hosts_at
from meltemi.core.view.wishes import ANY, Speech, Wish, listener_wishes, wishes


def routing_findings(e: Engine) -> tuple[Finding, ...]:
    """Everything that routing has to say, document by document."""
    found: list[Finding] = []
    for h in e.get(heads):
        found += e.get(virtual_service_findings, h.key)
    for chosen in e.get(selections):
        found += e.get(gateway_findings, chosen.key)
    found += e.get(host_conflicts)
    for host in e.get(hosts):
        found += e.get(service_findings, host)
    return tuple(found)


def virtual_service_findings(e: Engine, key: Key) -> tuple[Finding, ...]:
    """Gateways, delegates, destinations and subsets that one VirtualService names and that do not exist."""
    spec = e.get(virtual_service, key)
    if spec is None:
        return ()
    found = [f for i, g in enumerate(gateways_of(spec, key.namespace)) for f in _gateway(e, g, key, i)]
    for path, destination in _destinations(e, key):
        found += _destination(e, destination, key, path)
    found += _delegates(e, key)
    found += _unserved(e, key)
    return tuple(found)


def _unserved(e: Engine, key: Key) -> Iterator[Finding]:
    """Sidecars listen for services: connections to a host that is none never meet rules of it."""
    h = e.get(head, key)
    rules = " and ".join(f"{word!r}" for word in ("tls", "tcp") if h and word in h.protocols)
    if h is None or not rules or MESH not in h.gateways:
        return
    for i, host in enumerate(h.hosts):
        if "*" not in host and e.get(service, host) is None:
            message = f"there is no service {host!r}: its {rules} rules have no effect in sidecars"
            tip = "add a Service or a ServiceEntry, or name only gateways"
            yield _on(key, warning("M3113", at(Path("spec"), "hosts", i), message, tip))


def _gateway(e: Engine, name: str, key: Key, index: int) -> Iterator[Finding]:
    if name != MESH and name not in e.get(gateway_keys):
        path = at(Path("spec"), "gateways", index)
        yield _on(key, warning("M3104", path, f"there is no Gateway {name!r}", "write 'namespace/name'"))


def _destinations(e: Engine, key: Key) -> Iterator[tuple[Path, Destination]]:
    """Every destination that is written in one document itself, with its place."""
    spec = e.get(virtual_service, key)
    root = Path("spec")
    for i, rule in enumerate(spec.http if spec else ()):
        here = at(root, "http", i)
        for j, way in enumerate(rule.route):
            if way.destination:
                yield at(here, "route", j, "destination"), way.destination
        if rule.mirror:
            yield at(here, "mirror"), rule.mirror
        for j, copy in enumerate(rule.mirrors):
            if copy.destination:
                yield at(here, "mirrors", j, "destination"), copy.destination
    connections = (("tls", spec.tls), ("tcp", spec.tcp)) if spec else ()
    for name, rules in connections:
        for i, rule in enumerate(rules):
            for j, way in enumerate(rule.route):
                if way.destination:
                    yield at(root, name, i, "route", j, "destination"), way.destination


def _destination(e: Engine, written: Destination, key: Key, path: Path) -> Iterator[Finding]:
    to = target(e, written, namespace=key.namespace, port=0)
    if not visible(e, to.host, Sight(namespace=key.namespace)):
        tip = "requests that come here are answered 503; apply a Service or ServiceEntry, or correct the name"
        yield _on(key, warning("M3101", at(path, "host"), f"there is no service {to.host!r} for this namespace", tip))
        return
    yield from _subset(e, to, key, path)
    own = e.get(ports, to.host)
    if to.port and to.port not in own:
        listed = ", ".join(map(str, own))
        tip = f"its ports are {listed}" if own else ""
        place = at(path, "port", "number") if written.port else path
        yield _on(key, warning("M3103", place, f"service {to.host!r} has no port {to.port}", tip))


def _subset(e: Engine, to: Target, key: Key, path: Path) -> Iterator[Finding]:
    if to.subset and to.subset not in subsets_of(e, to.host, key.namespace):
        tip = "requests that come here are answered 503; a DestinationRule for the host must define it"
        yield _on(key, warning("M3102", at(path, "subset"), f"there is no subset {to.subset!r} of {to.host!r}", tip))


def _delegates(e: Engine, key: Key) -> Iterator[Finding]:
    spec = e.get(virtual_service, key)
    for i, route in enumerate(spec.http if spec else ()):
        if route.delegate is None:
            continue
        origin = Path(f"spec.http[{i}]")
        to = Key(
            group=key.group,
            kind=key.kind,
            namespace=route.delegate.namespace or key.namespace,
            name=route.delegate.name,
        )
        top = e.get(head, to)
        if top is None:
            yield _on(key, warning("M3105", at(origin, "delegate"), f"there is no {to}", "the rule has no effect"))
        elif top.hosts:
            tip = "a delegate has no 'hosts'; the rule has no effect"
            yield _on(key, warning("M3105", at(origin, "delegate"), f"{to} has hosts of its own", tip))
        elif not any(rule.origin.key == to for rule in e.get(http_rules, key)):
            tip = "its matches contradict those of this rule, or it is not exported to this namespace"
            yield _on(key, warning("M3105", at(origin, "delegate"), f"no rule of {to} has an effect here", tip))


def host_conflicts(e: Engine) -> tuple[Finding, ...]:
    """VirtualServices for sidecars that an older one for the same host takes the host away from."""
    found: list[Finding] = []
    for h in e.get(heads):
        spaces = (h.key.namespace,) if MESH in h.gateways else ()
        for space in spaces:
            winners = e.get(mesh_winners, Sight(namespace=space))
            for i, host in enumerate(h.hosts):
                winner = winners.get(host, h.key)
                if winner != h.key:
                    found.append(_taken(h, host, winner, i))
    return tuple(found)


def _taken(h: Head, host: str, winner: Key, index: int) -> Finding:
    tip = "one VirtualService speaks for a host in sidecars, the oldest; put the rules together, or use delegates"
    message = f"sidecars take their rules for {host!r} from {winner}, which is older"
    return _on(h.key, warning("M3106", at(Path("spec"), "hosts", index), message, tip))


def gateway_findings(e: Engine, key: Key) -> tuple[Finding, ...]:
    """Servers of one Gateway that cannot be served beside older ones, or not yet."""
    spec = e.get(gateway, key)
    if spec is None:
        return ()
    found: list[Finding] = []
    for servers in e.get(bound_servers, spec.selector, ()).values():
        first = sharing(servers)[0]
        found += [_shut_out(s, first) for s in shut_out(servers) if s.origin.key == key]
    return tuple(found)


def _shut_out(server: Bound, first: Bound) -> Finding:
    message = f"port {server.number} is served as {first.kind.value} by Gateway {first.gateway}, which is older"
    tip = "servers share a port only where all speak plain HTTP, or all TLS"
    return _on(server.origin.key, warning("M3107", at(server.origin.path, "port"), message, tip))


def service_findings(e: Engine, host: str) -> tuple[Finding, ...]:
    """Ports of one service whose protocol must be found out, or that an older service's port hides."""
    found = e.get(service, host)
    if found is None:
        return ()
    return (*_undeclared(found), *_hidden(e, found), *_names_taken(e, found))


def _undeclared(found: Service) -> Iterator[Finding]:
    for i, port in enumerate(found.ports):
        if port.protocol is AppProtocol.AUTO:
            message = f"port {port.number} does not say what it speaks: the proxy waits for the client's first bytes"
            tip = "name the port 'http-…', 'grpc-…' or 'tcp-…', or set appProtocol; a server that speaks first needs it"
            yield _on(found.origin.key, warning("M3109", at(Path("spec"), "ports", i), message, tip))


def _hidden(e: Engine, found: Service) -> Iterator[Finding]:
    """Connections have one owner per address and port; only names and address ranges tell more of them apart."""
    own = {(w.address, w.port) for w in e.get(wishes, found.host, False) if _takes_all(w)}
    if not own:
        return  # of a large mesh only what shares a listener is looked through
    wanted = e.get(listener_wishes, Sight(namespace=found.namespace))
    for i, port in enumerate(found.ports):
        for address in (ANY, *found.addresses):
            if (address, port.number) not in own:
                continue
            rivals = [w for w in wanted.get((address, port.number), ()) if _takes_all(w)]
            if len(rivals) > 1 and found.host in {w.host for w in rivals[1:]} and rivals[0].host != found.host:
                message = f"connections to {address}:{port.number} go to {rivals[0].host!r}, which is older"
                tip = "give the service an address of its own, or another port"
                yield _on(found.origin.key, warning("M3108", at(Path("spec"), "ports", i), message, tip))


def _takes_all(wish: Wish) -> bool:
    return wish.speech in (Speech.TCP, Speech.AUTO) and not wish.ranges


def _names_taken(e: Engine, found: Service) -> Iterator[Finding]:
    """Names that lead to another service in the same route table."""
    sight = Sight(namespace=found.namespace)
    for port in found.ports:
        table = e.get(hosts_at, sight, port.number)
        if found.host not in table:
            continue
        wanted = e.get(claim, found.host, sight)
        own = e.get(names_of, sight, port.number, found.host)
        lost = [name for name in (*wanted.full, *wanted.others) if name not in own]
        if lost:
            message = f"on port {port.number} another service answers to {', '.join(map(repr, lost))}"
            yield _on(found.origin.key, warning("M3111", Path("spec"), message, "names lead to the oldest service"))
            return


def _on(key: Key, finding: Finding) -> Finding:
    return Finding(
        code=finding.code,
        severity=finding.severity,
        message=finding.message,
        help=finding.help,
        key=key,
        path=finding.path,
    )
