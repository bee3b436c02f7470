"""The packet rules of Services: virtual addresses, refusals, the way out, the gateway's port.

Place:  node · services → [nft] → shell/runtime/services gives the text to `nft -f -`
In:     NodeSettings, ServiceViews      Out: text that replaces the whole table in one transaction

Connections to a Service's address get one of its endpoints at random, both from pods (prerouting) and from the host
(output). What reaches the filter hooks with a Service's address found no endpoint, and is refused at once.
"""

from collections.abc import Iterable, Iterator, Sequence

from meltemi.core.model.value import Value
from meltemi.core.node.services import Port, ServiceView
from meltemi.core.node.settings import NodeSettings


class Target(Value, frozen=True, kw_only=True):
    """One port of a Service, and where it leads."""

    name: str
    """NAMESPACE/NAME/PROTOCOL/PORT."""
    cluster_ip: str
    port: Port
    backends: tuple[tuple[str, int], ...]
    """(address, port)."""


def targets(views: Iterable[ServiceView]) -> tuple[Target, ...]:
    """The ports with a virtual address and at least one endpoint."""
    return tuple(target for view in views if view.cluster_ip for target in _targets(view))


def _targets(view: ServiceView) -> Iterator[Target]:
    for port in view.ports:
        backends = tuple(
            (endpoint.ip, found.number)
            for endpoint in view.reachable
            for found in endpoint.ports
            if (found.name, found.protocol) == (port.name, port.protocol)
        )
        if backends and port.protocol in ("TCP", "UDP"):
            name = f"{view.namespace}/{view.name}/{port.protocol.lower()}/{port.number}"
            yield Target(name=name, cluster_ip=view.cluster_ip, port=port, backends=backends)


def gateway_target(settings: NodeSettings, all_targets: Iterable[Target]) -> Target | None:
    """Where the gateway's port leads; None if there is none, or nothing behind it."""
    wanted = f"{settings.gateway_service}/tcp/{settings.gateway_service_port}"
    return next((t for t in all_targets if settings.gateway_port and t.name == wanted), None)


def ruleset(settings: NodeSettings, all_targets: Sequence[Target]) -> str:
    """The whole table, replacing the one that may be there."""
    lines = [
        *_removal(settings),
        f"table ip {settings.table} {{",
        *_services_map(all_targets),
        *_hairpin_set(all_targets),
        *(line for number, target in enumerate(all_targets) for line in _service_chain(number, target)),
        *_destination_chains(settings, gateway_target(settings, all_targets), all_targets),
        *_source_chain(settings),
        *_filter_chains(settings),
        "}",
    ]
    return "\n".join(lines) + "\n"


def removal(settings: NodeSettings) -> str:
    """Takes the table away; no error if it is not there."""
    return "\n".join(_removal(settings)) + "\n"


def _removal(settings: NodeSettings) -> tuple[str, ...]:
    # The first line makes it exist, so that the second one cannot fail.
    return f"table ip {settings.table}", f"delete table ip {settings.table}"


def _block(head: str, *lines: str) -> Iterator[str]:
    yield f"  {head} {{"
    yield from (f"    {line}" for line in lines)
    yield "  }"


def _services_map(all_targets: Sequence[Target]) -> Iterator[str]:
    entries = ", ".join(
        f"{t.cluster_ip} . {t.port.protocol.lower()} . {t.port.number} : goto s{number}"
        for number, t in enumerate(all_targets)
    )
    elements = (f"elements = {{ {entries} }}",) if entries else ()
    yield from _block("map services", "type ipv4_addr . inet_proto . inet_service : verdict", *elements)


def _hairpin_set(all_targets: Sequence[Target]) -> Iterator[str]:
    addresses = sorted({ip for t in all_targets for ip, _ in t.backends})
    entries = ", ".join(f"{ip} . {ip}" for ip in addresses)
    elements = (f"elements = {{ {entries} }}",) if entries else ()
    yield from _block("set hairpin", "type ipv4_addr . ipv4_addr", *elements)


def _service_chain(number: int, target: Target) -> Iterator[str]:
    yield "  # " + "".join(c for c in target.name if c.isprintable())
    yield from _block(f"chain s{number}", _choice(target))


def _choice(target: Target) -> str:
    protocol, count = target.port.protocol.lower(), len(target.backends)
    entries = ", ".join(f"{number} : {ip} . {port}" for number, (ip, port) in enumerate(target.backends))
    return f"meta l4proto {protocol} dnat ip to numgen random mod {count} map {{ {entries} }}"


def _destination_chains(settings: NodeSettings, gateway: Target | None, all_targets: Sequence[Target]) -> Iterator[str]:
    lead = "ip daddr . meta l4proto . th dport vmap @services"
    door = (
        (f"fib daddr type local tcp dport {settings.gateway_port} goto s{all_targets.index(gateway)}",)
        if gateway
        else ()
    )
    yield from _block("chain prerouting", "type nat hook prerouting priority -100;", lead)
    yield from _block("chain output", "type nat hook output priority -100;", lead, *door)


def _source_chain(settings: NodeSettings) -> Iterator[str]:
    """Who must not be seen with the address that he has: itself as its own peer, localhost, a pod outside."""
    yield from _block(
        "chain postrouting",
        "type nat hook postrouting priority 100;",
        f"ip saddr . ip daddr @hairpin snat to {settings.node_ip}",
        f'oifname "{settings.veth_prefix}*" fib saddr type local snat to {settings.node_ip}',
        f"ip saddr {settings.pod_cidr} ip daddr != {{ {settings.pod_cidr}, {settings.service_cidr} }} masquerade",
    )


def _filter_chains(settings: NodeSettings) -> Iterator[str]:
    refuse = "reject with tcp reset", "reject with icmp port-unreachable"
    yield from _block("chain refuse", f"meta l4proto tcp {refuse[0]}", refuse[1])
    lost = (
        f"ip daddr {settings.service_cidr} goto refuse",
        # A pod that is gone has no interface any more: without this its packets would leave the machine.
        f'ip daddr {settings.pod_cidr} oifname != "lo" oifname != "{settings.veth_prefix}*" goto refuse',
    )
    yield from _block("chain forward", "type filter hook forward priority 0;", *lost)
    yield from _block("chain local", "type filter hook output priority 0;", *lost)
    # route_localnet, which the gateway's port needs, must not open the host's loopback to pods.
    yield from _block(
        "chain martian",
        "type filter hook prerouting priority -300;",
        f'iifname "{settings.veth_prefix}*" ip daddr 127.0.0.0/8 drop',
    )
