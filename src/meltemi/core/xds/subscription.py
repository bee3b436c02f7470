"""What one proxy wants of a type, has been sent, and holds.

Place:  xds · the memory of xds/stream, one for each type
"""

from copy import copy
from dataclasses import dataclass, field, fields

from meltemi.core.model.resource import Resource

UNKNOWN = ""
"""The version of what the proxy may hold in one version or another; a hash is never empty."""


@dataclass(slots=True)
class Subscription:
    """What one proxy wants of a type, has been sent, and holds."""

    subscribed: bool = False
    answered: bool = False
    """Whether something was sent since the stream began."""
    names: set[str] = field(default_factory=set[str])
    sent: dict[str, str] = field(default_factory=dict[str, str])
    held: dict[str, str] = field(default_factory=dict[str, str])
    refused: dict[str, str] = field(default_factory=dict[str, str])
    unsure: set[str] = field(default_factory=set[str])
    """Names in a response of several that was refused: the proxy may have taken them, or not."""
    absent: set[str] = field(default_factory=set[str])
    """Names that were asked for and answered with "there is none"."""
    ahead: set[str] = field(default_factory=set[str])
    """Names that the proxy will ask for when it reads what was sent just before, and is sent without being asked."""
    asked: set[str] = field(default_factory=set[str])
    """Names that were asked for on demand and are not answered yet."""
    answering: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """Nonce → such names that are answered by a response which may be refused: then they are not."""
    dirty: set[str] = field(default_factory=set[str])
    in_flight: dict[str, dict[str, Resource | None]] = field(default_factory=dict[str, dict[str, Resource | None]])
    """Nonce → name → what was sent; None for a removal."""
    apart: list[set[str]] = field(default_factory=list[set[str]])
    """Groups of names that are sent in responses of their own: a response that held them all was refused."""

    def copy(self) -> "Subscription":
        """The same, to be changed on its own. What was sent in a response is never changed, and so not copied."""
        return Subscription(*(copy(getattr(self, name)) for name in _FIELDS))

    def share(self, other: "Subscription") -> None:
        """Keep one object of what is equal in both."""
        for name in _FIELDS:
            if getattr(self, name) == getattr(other, name):
                setattr(self, name, getattr(other, name))

    def holds(self, name: str) -> bool:
        """Whether the proxy holds it and will go on doing so: a removal under way counts as done."""
        if name not in self.held:
            return False
        return not self.in_flight or not any(sent.get(name, name) is None for sent in self.in_flight.values())

    def unsettled(self) -> set[str]:
        """Names that are to be looked at, or under way."""
        return self.dirty.union(*self.in_flight.values())

    def fall_back(self, name: str) -> None:
        """What was sent was refused: the last sending is what is held, unless another one is under way."""
        if any(name in sent for sent in self.in_flight.values()):
            return
        if name in self.unsure:
            self.sent[name] = UNKNOWN
        elif name in self.held:
            self.sent[name] = self.held[name]
        else:
            self.sent.pop(name, None)


_FIELDS = tuple(one.name for one in fields(Subscription))
