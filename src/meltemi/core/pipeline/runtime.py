"""The runtime values of a scope: what must take hold of connections that are open already.

Place:  envoy/strict → [pipeline/runtime] → pipeline/slots
"""

from meltemi.core.compose.authentication import workload_modes
from meltemi.core.compose.peer_authentication import PeerModes
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy import pb
from meltemi.core.envoy.strict import demand_values
from meltemi.core.model.proxy import Answers, Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.strict import closed

NAME = "mesh"
"""As the bootstrap asks for it (shell/agent/bootstrap)."""


def runtime_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """One resource for each proxy: Envoy does not start without it."""
    modes = (
        e.get(workload_modes, scope.namespace, scope.labels, scope.targets)
        if scope.role is Role.SIDECAR
        else PeerModes()
    )
    body = Call(function=runtime_body, args=(scope.answers, modes))
    return (Slot(type=ResourceType.RUNTIME, name=NAME, body=body),)


def runtime_body(e: Engine, answers: Answers, modes: PeerModes) -> Resource:
    """Where callers must have come by mutual TLS."""
    message = pb.Runtime(name=NAME)
    message.layer.update(demand_values(e.get(closed, answers, modes)))
    return resource_of(ResourceType.RUNTIME, message, origin=modes.origin)
