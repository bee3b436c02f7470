"""The names that hosts answer to in a sidecar's route tables.

Place:  compose/registry, view/virtual_host → [view/table_names] → view/{held,routing_findings}, pipeline/outbound
Source: Istio, "Protocol Selection"; Envoy, route.v3.VirtualHost.domains; Kubernetes, "DNS for Services and Pods"

A name may stand in a table once: `table_domains` decides whose it is. What is called alike by everyone is decided once
for all (`everyones_domains`), and a namespace adds what only it calls differently (`own_domains`), unless it would take
a name from somebody else.
"""

from collections.abc import Iterable, Iterator, Mapping

from meltemi.core.compose.hosts import CLUSTER_DOMAIN, is_ip, is_near, short_names
from meltemi.core.compose.registry import addresses_of, alias, hosts, near_hosts, real_host, service
from meltemi.core.compose.visibility import shown_to, visible
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Sight
from meltemi.core.model.registry.service import Service
from meltemi.core.model.value import Value
from meltemi.core.view.route import Client
from meltemi.core.view.virtual_host import free_hosts, hosts_at, http_ports


class Claim(Value, frozen=True, kw_only=True):
    """The names that a service would like to be called by."""

    age: tuple[str, str]
    """Creation time and host: the oldest has first choice."""
    full: tuple[str, ...]
    """Its own full name, which nobody else may have."""
    others: tuple[str, ...]
    """Short names and addresses."""


def aliases(e: Engine) -> Mapping[str, tuple[str, ...]]:
    """Host → ExternalName Services that lead to it."""
    found: dict[str, list[str]] = {}
    for host in e.get(hosts):
        if e.get(alias, host):
            found.setdefault(e.get(real_host, host), []).append(host)
    return {to: tuple(names) for to, names in found.items()}


def aliases_of(e: Engine, host: str) -> tuple[str, ...]:
    """ExternalName Services that lead to one host."""
    return e.get(aliases).get(host, ())


def claim(e: Engine, host: str, sight: Sight) -> Claim:
    """What clients may call one host by."""
    found = e.get(service, host)
    if found is None:
        return Claim(age=("\uffff", host), full=(host,), others=())
    namespace = sight.namespace
    others = (a for a in e.get(aliases_of, host) if visible(e, a, sight.wide))
    named = [name for other in others for name in short_names(other, namespace)]
    own = short_names(host, namespace) if found.kubernetes else (host,)
    dotted = () if host.startswith("*") else (f"{host}.",)
    addresses = _addresses(e, found, named=sight.named)
    each = tuple(f"*.{n}" for n in own) if found.kubernetes and found.headless else ()
    return Claim(
        age=(found.created or "\uffff", host), full=(host,), others=(*dotted, *own[1:], *addresses, *each, *named)
    )


def _bare(address: str) -> str:
    """An address as it stands in a Host header."""
    plain = address.partition("/")[0]
    return f"[{plain}]" if ":" in plain else plain


def table_domains(e: Engine, sight: Sight, port: int) -> Mapping[str, tuple[str, ...]]:
    """Host → the names that it answers to in one table. Nobody loses the full name; else the oldest wins."""
    table = (*e.get(hosts_at, sight, port), *e.get(free_hosts, sight, port))
    aliased = e.get(aliases)
    # what a host is called differs in its own namespace only, if nobody else leads to it
    claims = {
        host: e.get(claim, host, sight if host in aliased or is_near(host, sight.namespace) else sight.anywhere)
        for host in table
    }
    taken = {name for c in claims.values() for name in c.full}
    domains = {host: list(c.full) for host, c in claims.items()}
    for host, c in sorted(claims.items(), key=lambda item: item[1].age):
        for name in c.others:
            if name not in taken:
                taken.add(name)
                domains[host].append(name)
    return {host: tuple(names) for host, names in domains.items()}


def name_owners(e: Engine, sight: Sight, port: int) -> Mapping[str, str]:
    """Name → the host that answers to it in one table."""
    return {name: host for host, names in e.get(table_domains, sight, port).items() for name in names}


def own_domains(e: Engine, sight: Sight, port: int) -> Mapping[str, tuple[str, ...]] | None:
    """As `table_domains`, of the hosts that are called otherwise here than anywhere; all others as they are anywhere.

    None where that is not so, as a name goes to another host here: then all of them must be looked at.
    """
    if not set(e.get(free_hosts, sight.anywhere, port)) <= e.get(own_free_hosts, sight, port):
        return None
    claims = {host: e.get(claim, host, sight) for host in _own_hosts(e, sight, port)}
    owners = e.get(name_owners, sight.anywhere, port)
    taken: dict[str, str] = {}
    found: dict[str, tuple[str, ...]] = {}
    for host, own in claims.items():
        names: list[str] = []
        lost = e.get(claim, host, sight.anywhere).others if host in owners else ()
        for name in dict.fromkeys((*own.full, *own.others)):
            owner = owners.get(name) or taken.setdefault(name, host)
            if owner == host:
                names.append(name)
            elif name not in lost:  # else it goes to the same host as anywhere
                return None
        found[host] = tuple(names)
    return found


def own_free_hosts(e: Engine, sight: Sight, port: int) -> frozenset[str]:
    """`free_hosts`, to look one up."""
    return frozenset(e.get(free_hosts, sight, port))


def _own_hosts(e: Engine, sight: Sight, port: int) -> Iterable[str]:
    """Hosts of a table that are near, that other names lead to, or that not everyone sees."""
    everyones = e.get(table_domains, sight.anywhere, port)
    own = {host for host in e.get(shown_to, sight.namespace) if port in e.get(http_ports, host)}
    own |= e.get(own_free_hosts, sight, port)
    named = (host for host in (*e.get(near_hosts, sight.namespace), *e.get(aliases)) if host in everyones)
    return sorted(own.union(named))


def domains_of(e: Engine, sight: Sight, port: int, host: str) -> tuple[str, ...]:
    """The names of one host in one table."""
    own = e.get(own_domains, sight, port) if sight.is_open else None
    if own is None:
        return e.get(table_domains, sight, port).get(host, (host,))
    return own.get(host) or e.get(table_domains, sight.anywhere, port).get(host, (host,))


def host_domains(e: Engine, table: str, host: str, client: Client) -> tuple[str, ...]:
    """The names of one host in a sidecar's table."""
    if table != str(client.port):
        return ("*",)  # it is alone there
    if client.on_demand:
        return e.get(names_of, client.sight, client.port, host)
    return domains_of(e, client.sight, client.port, host)


def owner_of(e: Engine, sight: Sight, port: int, name: str) -> str | None:
    """Whose virtual host has a name (or wildcard) in one table, found without looking at all of its hosts.

    `table_domains` follows the same rule for all names at once, which is cheaper where all are wanted.
    """
    table = e.get(table_set, sight, port)
    if name in table:
        return name
    found = (host for host in _candidates(e, name, sight) if host in table)
    claims = {host: e.get(claim, host, sight) for host in found}
    return min(((c.age, host) for host, c in claims.items() if name in c.others), default=((), None))[1]


def names_of(e: Engine, sight: Sight, port: int, host: str) -> tuple[str, ...]:
    """The names of one host in one table."""
    claimed = e.get(claim, host, sight)
    others = (n for n in dict.fromkeys(claimed.others) if owner_of(e, sight, port, n) == host)
    return (*claimed.full, *others)


def table_set(e: Engine, sight: Sight, port: int) -> frozenset[str]:
    """Hosts of one table, to look one up."""
    return frozenset((*e.get(hosts_at, sight, port), *e.get(free_hosts, sight, port)))


def _candidates(e: Engine, name: str, sight: Sight) -> Iterator[str]:
    """Hosts that could claim a name besides the one that it is the full name of."""
    yield from e.get(addressed, sight.named).get(name, ())
    known = e.get(host_set)
    for host in _full_names(name.removeprefix("*.").removesuffix("."), sight.namespace):
        if host in known:
            yield host
            if e.get(alias, host):
                yield real_host(e, host)


def _full_names(name: str, namespace: str) -> tuple[str, ...]:
    """Names that one may be a short form of (compose/hosts, `short_names`)."""
    return (
        name,
        f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}",
        f"{name}.svc.{CLUSTER_DOMAIN}",
        f"{name}.{CLUSTER_DOMAIN}",
    )


def host_set(e: Engine) -> frozenset[str]:
    """Every host, to look one up."""
    return frozenset(e.get(hosts))


def addressed(e: Engine, named: bool) -> Mapping[str, tuple[str, ...]]:
    """Address as it stands in a Host header → services that have it. `named`: as in Sight."""
    found: dict[str, list[str]] = {}
    for host in e.get(hosts):
        for address in e.get(own_addresses, host, named):
            found.setdefault(address, []).append(host)
    return {address: tuple(names) for address, names in found.items()}


def own_addresses(e: Engine, host: str, named: bool) -> tuple[str, ...]:
    """A service's own addresses; stands between its many changes and the index."""
    found = e.get(service, host)
    return _addresses(e, found, named=named) if found else ()


def _addresses(e: Engine, found: Service, *, named: bool) -> tuple[str, ...]:
    return tuple(_bare(a) for a in addresses_of(e, found, named=named) if is_ip(a))
