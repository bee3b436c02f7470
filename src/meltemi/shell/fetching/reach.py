"""Where anything may be fetched from: names → addresses that a connection may go to.

Place:  shell/fetching · [reach] → web

Whoever writes a document chooses an address that the control plane connects to, from where it stands: what
only this machine or its link can reach (loopback, the metadata services of clouds) is not his to ask. Addresses of
private networks are: issuers of a company or of the mesh are there. It is the address that is judged, after the name
is looked up, and the connection goes to that very address: a name that changes its mind changes nothing.
"""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

import msgspec

from meltemi.core.node.dns_table import DnsTable, decode

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

CHASE = 8
"""Aliases that are followed before a chain counts as endless."""
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "168.63.129.16", "fd00:ec2::254")))
"""What clouds tell their machines about themselves, where it is not on the link (Alibaba, Azure, AWS)."""
_NAT64 = ip_network("64:ff9b::/96")
_THIS_HOST = ip_network("0.0.0.0/8")


class UnreachableError(Exception):
    """A host has no address that a connection may go to; the text says why."""


class Reach:
    """Looks up names, of Services and of the world, and judges what comes."""

    def __init__(self, table: Path, *, also: tuple[str, ...] = ()) -> None:
        """`table`: the names of Services, as the node writes them; `also`: networks that are allowed all the same."""
        self._table = table
        self._also = tuple(map(ip_network, also))

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Where a connection to a host may go to, in the order to try. Raises UnreachableError."""
        found = await self._look_up(host.lower().rstrip("."))
        allowed = [address for address in found if not self._fault(address)]
        if not allowed:
            said = ", ".join(dict.fromkeys(f"{one} is {self._fault(one)}" for one in found))
            raise UnreachableError(f"{host!r} cannot be fetched from: {said}" if said else f"{host!r} is not known")
        return tuple(map(str, allowed))

    def _fault(self, address: Address) -> str:
        if any(address in network for network in self._also):
            return ""
        return next((said for one in _forms(address) if (said := fault_of(one))), "")

    async def _look_up(self, host: str) -> tuple[Address, ...]:
        """A Service's name by the node's table. One of two words may be either: then the world's own names go first,
        since whoever has a namespace `com` has not the names of others."""
        table = self._read()
        domain = table.zones[0] if table.zones else ""
        for name in (host, f"{host}.{domain}"):
            if domain and name.endswith(f".svc.{domain}"):
                return await self._of_table(table, name)
        return await _of_world(host) or await self._of_table(table, f"{host}.svc.{domain}")

    async def _of_table(self, table: DnsTable, name: str) -> tuple[Address, ...]:
        for _ in range(CHASE):
            found = table.names.get(name)
            if found is None:
                return ()
            if not found.alias:
                return tuple(map(ip_address, found.addresses))
            name = found.alias
            if name not in table.names:
                return await _of_world(name)
        return ()

    def _read(self) -> DnsTable:
        """Without a node there are no Services' names."""
        try:
            return decode(self._table.read_bytes())
        except (OSError, msgspec.DecodeError):
            return DnsTable(zones=(), names={}, pointers={})


async def _of_world(host: str) -> tuple[Address, ...]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    texts = dict.fromkeys(str(where[0]) for *_, where in found)
    return tuple(ip_address(text) for text in texts)


def _forms(address: Address) -> Iterator[Address]:
    """An address, and those of IPv4 that it stands for."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    for meant in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())):
        if meant is not None:
            yield meant


def fault_of(address: Address) -> str:
    """Why nothing is fetched from an address; empty where it may be."""
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local or (isinstance(address, IPv6Address) and (address.is_site_local or address.scope_id)):
        return "an address of the link"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified or address in _THIS_HOST:
        return "no address of a host"
    if address.is_reserved and address not in _NAT64:
        return "a reserved address"
    return "where a cloud tells its secrets" if address in _METADATA else ""
