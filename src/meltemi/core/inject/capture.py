"""What of a pod's traffic the proxy gets, and the iptables rules that say so.

Place:  inject · flags of `pilot-agent istio-iptables` → [capture] → iptables-restore (shell/agent/iptables)
Source: Istio's chains and their order, so that its documentation and tools describe what is found here.
"""

import ipaddress
from collections.abc import Iterator

from meltemi.core.model.value import Value

NAT, RAW = "nat", "raw"
INBOUND, IN_REDIRECT = "ISTIO_INBOUND", "ISTIO_IN_REDIRECT"
OUTPUT, REDIRECT, DNS = "ISTIO_OUTPUT", "ISTIO_REDIRECT", "ISTIO_OUTPUT_DNS"
ALL = "*"
DNS_PORT = "15053"
"""Where a proxy of names listens, if there is one."""


class Capture(Value, frozen=True, kw_only=True):
    """The flags. Lists are tuples of words; `("*",)` means everything, `()` nothing."""

    outbound_port: str = "15001"
    inbound_port: str = "15006"
    tunnel_port: str = "15008"
    """HBONE; never redirected."""
    uids: tuple[str, ...] = ("1337",)
    gids: tuple[str, ...] = ("1337",)
    """Whose packets are the proxy's own."""
    marks: tuple[str, ...] = ()
    """Marks of the proxy's own packets, where users do not tell."""
    inbound_ports: tuple[str, ...] = ()
    exclude_inbound_ports: tuple[str, ...] = ()
    outbound_ranges: tuple[str, ...] = ()
    exclude_outbound_ranges: tuple[str, ...] = ()
    outbound_ports: tuple[str, ...] = ()
    """Captured whatever their address."""
    exclude_outbound_ports: tuple[str, ...] = ()
    exclude_interfaces: tuple[str, ...] = ()
    virtual_interfaces: tuple[str, ...] = ()
    """Interfaces of virtual machines, whose inbound traffic is somebody's outbound traffic."""
    owner_groups: tuple[str, ...] = (ALL,)
    """Only processes of these groups are captured."""
    exclude_owner_groups: tuple[str, ...] = ()
    redirect_dns: bool = False
    dns_servers: tuple[str, ...] = ()
    """Resolvers whose questions are redirected; without any, none are."""
    loopback: str = "127.0.0.1/32"
    """What of IPv4's loopback is never captured."""


class Rule(Value, frozen=True, kw_only=True):
    """One rule, or (with `first`) one that goes in front of its chain."""

    table: str
    chain: str
    spec: tuple[str, ...]
    first: bool = False


class Family(Value, frozen=True, kw_only=True):
    """What differs between the two kinds of addresses."""

    version: int
    proxy: str
    """Source address of the proxy's own connections to its application."""
    loopback: str


def rules(capture: Capture, *, version: int) -> tuple[Rule, ...]:
    """All rules of one IP version (4 or 6), in the order in which they are made."""
    family = (
        Family(version=4, proxy="127.0.0.6/32", loopback=capture.loopback)
        if version == 4
        else Family(version=6, proxy="::6/128", loopback="::1/128")
    )
    return (*_interfaces(capture), *_targets(capture), *_inbound(capture), *_outbound(capture, family))


def _rule(chain: str, *spec: str, table: str = NAT) -> Rule:
    return Rule(table=table, chain=chain, spec=spec)


def _front(chain: str, *spec: str) -> Rule:
    return Rule(table=NAT, chain=chain, spec=spec, first=True)


def _interfaces(c: Capture) -> Iterator[Rule]:
    for name in c.exclude_interfaces:
        yield _front("PREROUTING", "-i", name, "-j", "RETURN")
        yield _front("OUTPUT", "-o", name, "-j", "RETURN")
    for name in c.virtual_interfaces:
        yield _front("PREROUTING", "-i", name, "-j", "RETURN")


def _targets(c: Capture) -> Iterator[Rule]:
    yield _rule(INBOUND, "-p", "tcp", "--dport", c.tunnel_port, "-j", "RETURN")
    yield _rule(REDIRECT, "-p", "tcp", "-j", "REDIRECT", "--to-ports", c.outbound_port)
    yield _rule(IN_REDIRECT, "-p", "tcp", "-j", "REDIRECT", "--to-ports", c.inbound_port)


def _inbound(c: Capture) -> Iterator[Rule]:
    if not c.inbound_ports:
        return
    yield _rule("PREROUTING", "-p", "tcp", "-j", INBOUND)
    if c.inbound_ports == (ALL,):
        for port in c.exclude_inbound_ports:
            yield _rule(INBOUND, "-p", "tcp", "--dport", port, "-j", "RETURN")
        yield _rule(INBOUND, "-p", "tcp", "-j", IN_REDIRECT)
        return
    for port in c.inbound_ports:
        yield _rule(INBOUND, "-p", "tcp", "--dport", port, "-j", IN_REDIRECT)


def _outbound(c: Capture, family: Family) -> Iterator[Rule]:
    servers = _of_version(c.dns_servers, family.version) if c.redirect_dns else ()
    yield _rule("OUTPUT", "-j", OUTPUT)
    for port in c.exclude_outbound_ports:
        yield _rule(OUTPUT, "-p", "tcp", "--dport", port, "-j", "RETURN")
    # The proxy speaks to its application from this address: that is the end of the way in.
    yield _rule(OUTPUT, "-o", "lo", "-s", family.proxy, "-j", "RETURN")
    for own in _own(c):
        yield from _owner(c, family, own, dns=bool(servers))
    for group in c.exclude_owner_groups:
        yield _rule(OUTPUT, "-m", "owner", "--gid-owner", group, "-j", "RETURN")
    if c.owner_groups != (ALL,):
        others = [word for group in c.owner_groups for word in ("-m", "owner", "!", "--gid-owner", group)]
        yield _rule(OUTPUT, *others, "-j", "RETURN")
    if servers:
        yield from _dns(c, family, servers)
    # Who says localhost means the container beside it, not the mesh.
    yield _rule(OUTPUT, "-d", family.loopback, "-j", "RETURN")
    yield from _ranges(c, family)


class Own(Value, frozen=True, kw_only=True):
    """How a rule asks whether a packet is the proxy's own."""

    module: str
    flag: str
    name: str

    @property
    def yes(self) -> tuple[str, ...]:
        return "-m", self.module, self.flag, self.name

    @property
    def no(self) -> tuple[str, ...]:
        return "-m", self.module, "!", self.flag, self.name


def _own(c: Capture) -> Iterator[Own]:
    for flag, names in (("--uid-owner", c.uids), ("--gid-owner", c.gids)):
        yield from (Own(module="owner", flag=flag, name=name) for name in names)
    yield from (Own(module="mark", flag="--mark", name=name) for name in c.marks)


def _owner(c: Capture, family: Family, own: Own, *, dns: bool) -> Iterator[Rule]:
    by_user = own.flag != "--gid-owner"
    tunnel = (
        ("-m", "multiport", "!", "--dports", f"53,{c.tunnel_port}")
        if dns and by_user
        else ("!", "--dport", c.tunnel_port)
    )
    # An application that calls its own service by the service's address: the proxy picks this very pod, and the
    # request has to come in through the front door.
    away = ("-o", "lo", "!", "-d", family.loopback, "-p", "tcp", *tunnel)
    yield _rule(OUTPUT, *away, *own.yes, "-j", IN_REDIRECT)
    # An application that calls itself by its own address is left alone.
    if not _includes_loopback(c):
        port = ("-p", "tcp", "!", "--dport", "53") if dns else ()
        yield _rule(OUTPUT, "-o", "lo", *port, *own.no, "-j", "RETURN")
    # What the proxy itself sends is on its way out.
    yield _rule(OUTPUT, *own.yes, "-j", "RETURN")


def _ranges(c: Capture, family: Family) -> Iterator[Rule]:
    for cidr in _of_version(c.exclude_outbound_ranges, family.version):
        yield _rule(OUTPUT, "-d", cidr, "-j", "RETURN")
    for port in c.outbound_ports:
        yield _rule(OUTPUT, "-p", "tcp", "--dport", port, "-j", REDIRECT)
    if c.outbound_ranges == (ALL,):
        for name in c.virtual_interfaces:
            yield _front("PREROUTING", "-i", name, "-j", REDIRECT)
        yield _rule(OUTPUT, "-j", REDIRECT)
        return
    for cidr in _of_version(c.outbound_ranges, family.version):
        for name in c.virtual_interfaces:
            yield _front("PREROUTING", "-i", name, "-d", cidr, "-j", REDIRECT)
        yield _rule(OUTPUT, "-d", cidr, "-j", REDIRECT)


def _dns(c: Capture, family: Family, servers: tuple[str, ...]) -> Iterator[Rule]:
    """Questions to the resolvers go to the proxy of names; two conntrack zones keep its own questions apart."""
    bits = "32" if family.version == 4 else "128"
    yield _rule(OUTPUT, "-j", DNS)
    for proto, option in (("tcp", "--to-ports"), ("udp", "--to-port")):
        for server in servers:
            there = ("-p", proto, "--dport", "53", "-d", f"{server}/{bits}")
            yield _rule(DNS, *there, "-j", "REDIRECT", option, DNS_PORT)
    yield _rule("OUTPUT", "-j", DNS, table=RAW)
    for own in _own(c):
        yield _rule(DNS, "-p", "udp", "--dport", "53", *own.yes, "-j", "CT", "--zone", "1", table=RAW)
        yield _rule(DNS, "-p", "udp", "--sport", DNS_PORT, *own.yes, "-j", "CT", "--zone", "2", table=RAW)
    yield _rule("PREROUTING", "-j", INBOUND, table=RAW)
    for server in servers:
        to, back = ("-d", f"{server}/{bits}"), ("-s", f"{server}/{bits}")
        yield _rule(DNS, "-p", "udp", "--dport", "53", *to, "-j", "CT", "--zone", "2", table=RAW)
        yield _rule(INBOUND, "-p", "udp", "--sport", "53", *back, "-j", "CT", "--zone", "1", table=RAW)


def _of_version(ranges: tuple[str, ...], version: int) -> tuple[str, ...]:
    return tuple(r for r in ranges if r != ALL and ipaddress.ip_network(r, strict=False).version == version)


def _includes_loopback(c: Capture) -> bool:
    networks = (ipaddress.ip_network(r, strict=False) for r in c.outbound_ranges if r != ALL)
    return any(n.network_address.is_loopback for n in networks)
