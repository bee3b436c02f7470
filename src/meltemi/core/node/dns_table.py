"""What every cluster name means.

Place:  node · services, entry_names → [dns_table] → STATE/node/dns.json → dns_answer, in every pod's sandbox
Source: Kubernetes, "DNS-Based Service Discovery" specification, version 1.1.0
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from meltemi.core.model.value import Value
from meltemi.core.node.entry_names import Shown
from meltemi.core.node.services import Endpoint, Port, ServiceView
from meltemi.core.node.settings import NodeSettings


class Target(Value, frozen=True, kw_only=True, array_like=True):
    """One SRV record."""

    port: int
    host: str


class Name(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that one name means; nothing at all for a name that only has others below it."""

    addresses: tuple[str, ...] = ()
    alias: str = ""
    """CNAME."""
    targets: tuple[Target, ...] = ()


class DnsTable(Value, frozen=True, kw_only=True):
    """All names, in lower case and without the last dot. What ends in one of `zones` and is not here does not exist."""

    zones: tuple[str, ...]
    names: Mapping[str, Name]
    pointers: Mapping[str, str]
    """`2.0.19.198.in-addr.arpa` → name."""
    entries: Mapping[str, tuple[Shown, ...]] = {}
    """Names of ServiceEntries, for workloads whose questions the mesh captures."""


def dns_table(
    settings: NodeSettings, views: Iterable[ServiceView], entries: Mapping[str, tuple[Shown, ...]] | None = None
) -> DnsTable:
    """The names of all Services, and of ServiceEntries."""
    names: dict[str, Name] = {}
    pointers: dict[str, str] = {}
    for view in views:
        base = f"{view.name}.{view.namespace}.svc.{settings.cluster_domain}"
        names.update(_names(view, base))
        pointers.update(_pointers(view, base))
    for parent in {parent for name in names for parent in _parents(name)} - names.keys():
        names[parent] = Name()
    zones = (settings.cluster_domain, *(_reverse_zone(c) for c in (settings.pod_cidr, settings.service_cidr)))
    return DnsTable(
        zones=zones, names=dict(sorted(names.items())), pointers=dict(sorted(pointers.items())), entries=entries or {}
    )


def encode(table: DnsTable) -> bytes:
    """The table as a file's content."""
    return msgspec.json.encode(table)


def decode(content: bytes) -> DnsTable:
    """The table of a file. Raises msgspec.DecodeError."""
    return msgspec.json.decode(content, type=DnsTable)


def _names(view: ServiceView, base: str) -> dict[str, Name]:
    if view.external_name:
        return {base: Name(alias=view.external_name.lower())}
    if not view.headless:
        own = Name(addresses=(view.cluster_ip,) if view.cluster_ip else ())
        return {base: own, **{_srv(p, base): Name(targets=(Target(port=p.number, host=base),)) for p in _named(view)}}
    ready = [e for e in view.endpoints if e.ready]
    found = {base: Name(addresses=_unique(e.ip for e in ready))}
    by_host: defaultdict[str, list[str]] = defaultdict(list)
    by_port: defaultdict[str, list[Target]] = defaultdict(list)
    for endpoint in ready:
        host = _host(endpoint, base)
        by_host[host].append(endpoint.ip)
        for port in endpoint.ports:
            if port.name:
                by_port[_srv(port, base)].append(Target(port=port.number, host=host))
    found |= {host: Name(addresses=_unique(addresses)) for host, addresses in by_host.items()}
    return found | {name: Name(targets=tuple(targets)) for name, targets in by_port.items()}


def _named(view: ServiceView) -> Iterator[Port]:
    return (port for port in view.ports if port.name)


def _srv(port: Port, base: str) -> str:
    return f"_{port.name.lower()}._{port.protocol.lower()}.{base}"


def _host(endpoint: Endpoint, base: str) -> str:
    """A pod of a headless Service has a name of its own: the one it asks for, or its address with dashes."""
    return f"{endpoint.hostname.lower() or endpoint.ip.replace('.', '-')}.{base}"


def _pointers(view: ServiceView, base: str) -> Iterator[tuple[str, str]]:
    if view.cluster_ip:
        yield reverse_name(view.cluster_ip), base
    if view.headless:
        yield from ((reverse_name(e.ip), _host(e, base)) for e in view.endpoints if e.ready)


def reverse_name(ip: str) -> str:
    """`198.19.0.2` → `2.0.19.198.in-addr.arpa`."""
    return ".".join(reversed(ip.split("."))) + ".in-addr.arpa"


def _reverse_zone(cidr: str) -> str:
    """`198.18.0.0/16` → `18.198.in-addr.arpa`; where a network ends inside a byte, the zone of its first addresses."""
    address, _, length = cidr.partition("/")
    whole = -(-int(length) // 8)
    return ".".join(reversed(address.split(".")[:whole])) + ".in-addr.arpa"


def _parents(name: str) -> Iterator[str]:
    while (name := name.partition(".")[2]).count(".") >= 1:
        yield name


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
