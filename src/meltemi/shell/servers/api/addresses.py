"""Addresses of Services: none is given twice.

Place:  servers/api · objects → [addresses] → admission
"""

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

from meltemi.core.model.document import Key

RESERVED = 10
"""The first addresses of the range are left for the system."""


@dataclass(slots=True)
class Addresses:
    """Which Service has which address, kept up to date by whoever writes Services."""

    network: IPv4Network
    _of: dict[Key, str] = field(default_factory=dict[Key, str])
    _taken: dict[str, Key] = field(default_factory=dict[str, Key])
    _next: int = RESERVED
    """An address that was given back rests until the range has gone round: callers may still know it."""

    def copy(self) -> "Addresses":
        """One that goes its own way."""
        return replace(self, _of=dict(self._of), _taken=dict(self._taken))

    def owner(self, address: str) -> Key | None:
        """The Service that has an address."""
        return self._taken.get(address)

    def note(self, key: Key, address: str) -> None:
        """A Service has this address now; "" or `None` (headless) for none."""
        self._taken.pop(self._of.pop(key, ""), None)
        if address not in ("", "None"):
            self._of[key] = address
            self._taken[address] = key

    def free(self) -> str | None:
        """An address that no Service has; None where all are taken."""
        first, size = int(self.network.network_address), self.network.num_addresses - 1
        for step in range(size - RESERVED):
            number = RESERVED + (self._next - RESERVED + step) % (size - RESERVED)
            address = str(IPv4Address(first + number))
            if address not in self._taken:
                self._next = number + 1
                return address
        return None
