"""Everything that a scope gets, by name.

Place:  pipeline/{runtime,secrets,clusters,endpoints,extensions,inbound,outbound,gateway} → pipeline/patched
        → [pipeline/slots] → shell/publish, `compile`
"""

from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.pipeline.clusters import cluster_slots
from meltemi.core.pipeline.endpoints import endpoint_slots
from meltemi.core.pipeline.extensions import extension_slots
from meltemi.core.pipeline.gateway import gateway_slots
from meltemi.core.pipeline.inbound import inbound_slots
from meltemi.core.pipeline.outbound import outbound_slots
from meltemi.core.pipeline.patched import patched_slots
from meltemi.core.pipeline.runtime import runtime_slots
from meltemi.core.pipeline.secrets import secret_slots
from meltemi.core.pipeline.slot import Slot


def slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """Names and the calls that make their bodies; equal calls of several scopes are one."""
    plain = e.get(plain_slots, scope)
    return patched_slots(e, scope, plain) if scope.patches else plain


def plain_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """The same before it is changed in Envoy's own words."""
    own = (
        (*e.get(inbound_slots, scope), *e.get(outbound_slots, scope))
        if scope.role is Role.SIDECAR
        else e.get(gateway_slots, scope)
    )
    shared = (runtime_slots, secret_slots, cluster_slots, endpoint_slots, extension_slots)
    return (*(slot for slots_of in shared for slot in e.get(slots_of, scope)), *own)
