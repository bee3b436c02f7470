"""What a proxy on demand holds: hosts that its workload has called or declared, and all that cannot be asked for.

Place:  compose/{calls,sidecars,visibility}, view/virtual_host → [view/held] → pipeline/{outbound,clusters}
Source: Envoy, "Virtual Host Discovery Service (VHDS)": a request whose host is in no virtual host asks for it

Only requests ask. Ports of bytes, of TLS and of protocols that are found out, and headless services, are there from the
start. A name with a `*` answers for whatever it covers, and hides that it could be asked for: that comes with it.
"""

from collections.abc import Iterator
from hashlib import sha256

from meltemi.core.compose.calls import called_in
from meltemi.core.compose.hosts import covers, patterns_of, qualified, short_names
from meltemi.core.compose.registry import real_host, service
from meltemi.core.compose.sidecars import named, narrow, sight_at
from meltemi.core.compose.virtual_services import mesh_virtual_service
from meltemi.core.compose.visibility import rule_destinations, seen_hosts, visible_hosts
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Caller, Sight
from meltemi.core.model.value import Value
from meltemi.core.view.destination import ports, seen_ports
from meltemi.core.view.table_names import addressed, aliases, names_of, owner_of, table_set
from meltemi.core.view.virtual_host import free_hosts, hosts_at, table_hosts

GROUPS = 64
"""Virtual hosts that names nobody has are spread over: a new one resends one of them."""
ANY = "*"

Ports = tuple[tuple[str, tuple[int, ...]], ...]
"""(host, ports)."""


class HeldTable(Value, frozen=True, kw_only=True):
    """What is held of one route table."""

    hosts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(host, names that it was called by)."""
    unknown: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """(group, names that nobody has)."""


def host_named(e: Engine, sight: Sight, port: int, name: str) -> str | None:
    """Who answers to a name in one table: itself, else the longest wildcard that covers it."""
    found = (owner_of(e, sight, port, pattern) for pattern in patterns_of(name))
    return next((host for host in found if host is not None), None)


def held_table(e: Engine, caller: Caller, sight: Sight, port: int) -> HeldTable:
    """What a workload's calls have brought into one table, and what is there without them."""
    one = e.get(sight_at, sight, port) or sight
    owners: dict[str, list[str]] = {host: [] for host in e.get(lasting_hosts, one, port)}
    unknown: dict[int, list[str]] = {}
    # made when the proxy comes, and not while a request waits
    e.get(aliases)
    e.get(addressed, sight.named)
    for name in e.get(called_in, caller, str(port)):
        host = e.get(host_named, one, port, name)
        if host is None:
            unknown.setdefault(group_of(name), []).append(name)
        else:
            owners.setdefault(host, []).append(name)
    for host in tuple(owners):
        for other in e.get(covered, one, port, host):
            owners.setdefault(other, [])
    return HeldTable(
        hosts=tuple((host, tuple(names)) for host, names in sorted(owners.items())),
        unknown=tuple((group, tuple(names)) for group, names in sorted(unknown.items())),
    )


def group_of(name: str) -> int:
    """The group of a name that nobody has."""
    return sha256(name.encode()).digest()[0] % GROUPS


def lasting_hosts(e: Engine, sight: Sight, port: int) -> tuple[str, ...]:
    """Hosts that a table holds whatever was called: headless ones, those that a Sidecar names, or all behind a `*`."""
    table = (*e.get(hosts_at, sight, port), *e.get(free_hosts, sight, port))
    if ANY in table:
        return table
    declared = e.get(declared_hosts, sight)
    return tuple(host for host in table if host in declared or e.get(is_headless, host))


def declared_hosts(e: Engine, sight: Sight) -> frozenset[str]:
    """Hosts that an egress listener names without a `*`."""
    if sight.listener is None:
        return frozenset()
    exact = {host for hosts in e.get(named, sight).values() for host in hosts.exact}
    return frozenset(exact & e.get(seen_hosts, sight))


def is_headless(e: Engine, host: str) -> bool:
    """Whether clients see the endpoints' own addresses; stands between a service's changes and the lists."""
    found = e.get(service, host)
    return found is not None and found.headless


def covered(e: Engine, sight: Sight, port: int, host: str) -> tuple[str, ...]:
    """Hosts with a name that a wildcard among the names of a held one answers to."""
    wildcards = tuple(name for name in e.get(names_of, sight, port, host) if name.startswith(ANY))
    if not wildcards:
        return ()
    names = e.get(aliases)
    return tuple(
        other
        for other in sorted(e.get(table_set, sight, port))
        if any(
            covers(w, n)
            for one in (other, *names.get(other, ()))
            for n in short_names(one, sight.namespace)
            for w in wildcards
        )
    )


# === clusters ===


def held_clusters(e: Engine, caller: Caller, sight: Sight, more: tuple[str, ...]) -> Ports:
    """Hosts and ports whose clusters a workload holds; `more`: hosts that it needs for other reasons."""
    found = dict(e.get(lasting_clusters, sight))
    seen = e.get(seen_hosts, sight)
    for host in {*e.get(held_hosts, caller, sight), *more}:
        if host in seen:
            found[host] = seen_ports(e, host, sight)
    return tuple(sorted(found.items()))


def held_hosts(e: Engine, caller: Caller, sight: Sight) -> frozenset[str]:
    """Hosts of all tables, and those that their rules lead to."""
    found: set[str] = set()
    for port in e.get(table_hosts, sight):
        one = e.get(sight_at, sight, port) or sight
        for host, _ in e.get(held_table, caller, sight, port).hosts:
            found.update((host, *led_to(e, one, host)))
    return frozenset(found)


def lasting_clusters(e: Engine, sight: Sight) -> Ports:
    """Those that are there whatever was called."""
    found: dict[str, tuple[int, ...]] = {}
    for host in e.get(visible_hosts, sight):
        if own := e.get(lasting_ports, host):
            shown = seen_ports(e, host, sight)
            found.setdefault(host, tuple(n for n in own if n in shown))
            for _, one in e.get(narrow, sight):
                found.update((to, seen_ports(e, to, sight)) for to in led_to(e, one, host))
    seen = e.get(seen_hosts, sight)
    return tuple((host, numbers) for host, numbers in found.items() if host in seen)


def lasting_ports(e: Engine, host: str) -> tuple[int, ...]:
    """Ports of a service that no request can ask for, as its protocol is not HTTP, or not said."""
    found = e.get(service, host)
    numbers = e.get(ports, host)
    if found is None or found.headless:
        return numbers
    asked = {p.number for p in found.ports if p.protocol.is_http}
    return tuple(n for n in numbers if n not in asked)


def led_to(e: Engine, sight: Sight, host: str) -> Iterator[str]:
    """Hosts that the rules for calls to a host lead to."""
    key = mesh_virtual_service(e, sight, host)
    for to in e.get(rule_destinations, key) if key else ():
        yield real_host(e, qualified(to.host.lower(), key.namespace if key else ""))
