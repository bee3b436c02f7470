"""Addresses for services that have none: by them connections that name no host are told apart.

Place:  ServiceEntries → [automatic] → compose/service_entries (listeners), node/entry_names (answers to names)
Source: Istio, "DNS Proxying", "Address auto allocation"; label `networking.istio.io/enable-autoallocate-ip`

The sidecar listens at what the resolver says, and the two are made by different processes: both ask here. An address
comes from the name, so it is the same after every restart. Of two names that would have one, the older keeps it.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network

from meltemi.core.model.value import Value

NETWORK = IPv4Network("240.240.0.0/16")
"""As Istio's: of the addresses that nobody can have (RFC 1112, class E)."""
LABEL = "networking.istio.io/enable-autoallocate-ip"
CAPTURE = "DNS_CAPTURE"
"""Node metadata of a proxy whose workload's questions for names are answered by the mesh."""
_FREE = NETWORK.num_addresses - 2


class Nameless(Value, frozen=True, kw_only=True, order=True):
    """A document with hosts that want addresses."""

    age: tuple[str, str, str]
    """Creation time, name, namespace."""
    hosts: tuple[str, ...]


def wanting(hosts: tuple[str, ...], *, addresses: bool, resolution: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """The hosts of a ServiceEntry that get an address. `addresses`: it has some of its own.

    With resolution NONE the application must know the address; a wildcard is no name to ask for.
    """
    if addresses or resolution in ("", "NONE") or labels.get(LABEL, "").lower() == "false":
        return ()
    return tuple(dict.fromkeys(host.lower() for host in hosts if not host.startswith("*")))


def allocated(documents: Iterable[Nameless]) -> Mapping[str, str]:
    """Host → its address."""
    found: dict[str, int] = {}
    taken: set[int] = set()
    for host in dict.fromkeys(host for one in sorted(documents) for host in one.hosts):
        if len(taken) == _FREE:
            break
        number = int.from_bytes(sha256(host.encode()).digest()[:8], "big") % _FREE
        while number in taken:
            number = (number + 1) % _FREE
        taken.add(number)
        found[host] = number
    return {host: str(IPv4Address(int(NETWORK[1]) + number)) for host, number in found.items()}
