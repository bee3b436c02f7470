"""Where a workload serves authenticated callers only.

Place:  compose/peer_authentication, view/inbound → [view/strict] → envoy/strict
Source: Envoy keeps the connections of a listener that is changed; what an extension refuses, it refuses at once, on
        these connections too (docs/envoy.md)
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


def demanded_at(e: Engine, answers: Answers, modes: PeerModes) -> tuple[int, ...]:
    """Of the workload's ports that have chains of their own, those where it is demanded; 0 stands for all others."""
    ports = {0, *e.get(inbound_ports, answers), *(number for number, _ in modes.ports)}
    return tuple(sorted(port for port in ports if modes.at(port) is MutualTLSMode.STRICT))
