"""Which address is given next.

Place:  node · used for pods (shell/runtime/ipam) and for Services (when the API creates one)
"""

from collections.abc import Container
from ipaddress import AddressValueError, IPv4Address, IPv4Network

RESERVED = 2
"""The network's own address and the host's are given to nobody; neither is the last one (broadcast)."""


class NoAddressError(Exception):
    """Every address of a network is in use."""


def free_address(cidr: str, used: Container[str], *, after: str = "") -> str:
    """The first address behind `after` (from the start for "") that is not used; past the end it goes on at the start.

    To pass the address given last as `after` keeps an address out of use for as long as possible, so that nobody who
    still knows it meets a stranger. Raises NoAddressError.
    """
    network = IPv4Network(cidr)
    usable = network.num_addresses - RESERVED - 1
    first = RESERVED
    if after and (last := _address(after)) in network:
        first = int(last) - int(network.network_address) + 1
    for step in range(usable):
        candidate = str(network[(first - RESERVED + step) % usable + RESERVED])
        if candidate not in used:
            return candidate
    raise NoAddressError(f"all {usable} addresses of {cidr} are in use")


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        return IPv4Address(0)
