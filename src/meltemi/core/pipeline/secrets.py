"""The Secrets of users that a proxy asks for. A workload's own certificate never comes this way.

Place:  compose/credentials, view/proxy_credentials → envoy/credential → [pipeline/secrets] → pipeline/slots

A proxy is given Secrets of its own namespace only, and only those that some Gateway or DestinationRule names for it.
"""

from meltemi.core.compose.credentials import credential
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.credential import authorities_message, certificate_message
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.gateway import place_of
from meltemi.core.view.proxy_credentials import Asked, asked, asked_by_sidecar


def secret_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """One for each Secret that a proxy asks for."""
    if scope.role is Role.ROUTER:
        wanted = e.get(asked, place_of(scope))
    else:
        wanted = e.get(asked_by_sidecar, scope.namespace, scope.labels)
    return tuple(
        Slot(
            type=ResourceType.SECRET,
            name=one.resource,
            body=Call(function=secret_body, args=(scope.namespace, one)),
        )
        for one in wanted
    )


def secret_body(e: Engine, namespace: str, one: Asked) -> Resource | None:
    """A certificate or authorities; None where there is no such Secret, or not what is needed in it."""
    found = e.get(credential, namespace, one.name)
    if found.fault or found.origin is None:
        return None
    if found.roots:
        message = authorities_message(one.resource, roots=found.roots, revoked=found.revoked)
    else:
        message = certificate_message(one.resource, chain=found.chain, key=found.key)
    return resource_of(ResourceType.SECRET, message, origin=(found.origin,))
