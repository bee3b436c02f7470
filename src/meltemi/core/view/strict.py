"""Where a workload serves authenticated callers only.

Place:  compose/peer_authentication, view/inbound_ports → [view/strict] → view/inbound, envoy/strict
Source: Envoy keeps the connections of a listener that is changed (docs/envoy.md)
"""

from meltemi.core.compose.peer_authentication import PeerModes
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Answers
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.model.value import Value
from meltemi.core.view.inbound_ports import inbound_ports


class Demand(Value, frozen=True, kw_only=True):
    """Ports where a caller must have come by mutual TLS."""

    everywhere: bool = False
    ports: tuple[int, ...] = ()
    """Where it is demanded; with `everywhere`, where it is not."""

    @property
    def nowhere(self) -> bool:
        """Nothing is demanded."""
        return not self.everywhere and not self.ports


def demand(e: Engine, modes: PeerModes) -> Demand:
    """What a workload demands, by ports. Every derived function takes the engine."""
    everywhere = modes.mode is MutualTLSMode.STRICT
    differing = tuple(port for port, mode in modes.ports if (mode is MutualTLSMode.STRICT) is not everywhere)
    return Demand(everywhere=everywhere, ports=differing)


class Closed(Value, frozen=True, kw_only=True):
    """Plain connections that end although they are open."""

    ports: tuple[int, ...] = ()
    """Those at ports that have chains of their own."""
    spared: tuple[int, ...] | None = None
    """Those of the chain for all other ports end too, but where it was made for these `apart`; None: all of them."""


def closed(e: Engine, answers: Answers, modes: PeerModes) -> Closed:
    """Which plain connections end."""
    ports = {*e.get(inbound_ports, answers), *(number for number, _ in modes.ports)}
    demanded = tuple(sorted(port for port in ports if modes.at(port) is MutualTLSMode.STRICT))
    return Closed(ports=demanded, spared=None if modes.mode is MutualTLSMode.STRICT else apart(modes))


def apart(modes: PeerModes) -> tuple[int, ...]:
    """Ports where mutual TLS is demanded although it is not elsewhere.

    A connection to one of them may have begun on the chain for all other ports, before it was demanded. That chain
    knows its own version by them, so that it can be told that it is of yesterday.
    """
    return tuple(number for number, mode in modes.ports if mode is MutualTLSMode.STRICT)
