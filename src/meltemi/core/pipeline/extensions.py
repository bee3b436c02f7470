"""The extensions in a scope's filter chains: what security and policy decide, and code of users.

Place:  view/{authorization,strict,tokens}, envoy/{authorization,strict,tokens}, pipeline/traffic_extensions
        → [pipeline/extensions] → pipeline/slots
"""

from meltemi.core.compose.authentication import PortPolicies, origin_policies, workload_modes
from meltemi.core.compose.authorization import Applied, Policies, origins, policies_of
from meltemi.core.compose.peer_authentication import PeerModes
from meltemi.core.compose.rbac import Roles, roles_of, served_of
from meltemi.core.compose.request_authentication import token_policies
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy import pb
from meltemi.core.envoy.authorization import http_rules, network_rules
from meltemi.core.envoy.filters import (
    ALLOW,
    AUDIT,
    AUTHENTICATION,
    CUSTOM,
    DENY,
    NETWORK_ALLOW,
    NETWORK_AUDIT,
    NETWORK_CUSTOM,
    NETWORK_DENY,
    NETWORK_PROVIDER,
    PEER,
    PLACES,
    PROVIDER,
    SHOWN,
    Place,
    Side,
    extension,
)
from meltemi.core.envoy.origins import by_ports, origins_message
from meltemi.core.envoy.policy_header import policy_header
from meltemi.core.envoy.strict import demand_message
from meltemi.core.envoy.tokens import token_message
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import Role, Scope, Served
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.pipeline.authorizers import custom_body, nobody, provider_body
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.pipeline.traffic_extensions import code_calls, network_slots
from meltemi.core.view.authorization import Policy, granted_policies, policies
from meltemi.core.view.origins import asked_tokens
from meltemi.core.view.strict import demand
from meltemi.core.view.tokens import tokens

SIDES = {Role.SIDECAR: (Side.INBOUND, Side.OUTBOUND), Role.ROUTER: (Side.GATEWAY,)}
SERVING = {Role.SIDECAR: Side.INBOUND, Role.ROUTER: Side.GATEWAY}
"""Where others are let in."""
RULES: dict[Place, Action] = {
    AUDIT: Action.AUDIT,
    DENY: Action.DENY,
    ALLOW: Action.ALLOW,
    NETWORK_AUDIT: Action.AUDIT,
    NETWORK_DENY: Action.DENY,
    NETWORK_ALLOW: Action.ALLOW,
}


def extension_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """One extension for each place on each side of the proxy, and filters of bytes."""
    decided = _decided(e, scope) | code_calls(e, scope, SIDES[scope.role])
    places = [(place, side) for side in SIDES[scope.role] for place in PLACES[side]]
    fixed = (
        Slot(
            type=ResourceType.EXTENSION,
            name=place.extension(side),
            body=decided.get((place, side)) or Call(function=idle_body, args=(place, side)),
        )
        for place, side in places
    )
    return (*fixed, *network_slots(e, scope))


def _decided(e: Engine, scope: Scope) -> dict[tuple[Place, Side], Call]:
    """The places where something is decided."""
    side = SERVING[scope.role]
    found = e.get(policies_of, scope.namespace, scope.labels)
    calls = {
        (place, side): Call(function=rules_body, args=(place, side, action, some))
        for place, action in RULES.items()
        if (some := _those(found, action))
    }
    believed = e.get(token_policies, scope.namespace, scope.labels)
    asked = e.get(origin_policies, scope.namespace, scope.targets)
    if asked:
        calls[AUTHENTICATION, side] = Call(function=origins_body, args=(side, believed, asked))
    elif believed:
        calls[AUTHENTICATION, side] = Call(function=tokens_body, args=(side, believed))
    if found.custom:
        for place in (CUSTOM, NETWORK_CUSTOM):
            calls[place, side] = Call(function=custom_body, args=(place, side, found.custom))
        for place in (PROVIDER, NETWORK_PROVIDER):
            calls[place, side] = Call(function=provider_body, args=(place, side, found.custom))
    if scope.own.policy_header:
        calls[SHOWN, side] = Call(function=shown_body, args=(side,))
    if scope.role is Role.SIDECAR:
        modes = e.get(workload_modes, scope.namespace, scope.labels, scope.targets)
        calls[PEER, side] = Call(function=peer_body, args=(modes,))
        served = served_of(e, scope)
        if found.judges_by_roles and e.get(roles_of, served):
            for place in (ALLOW, NETWORK_ALLOW):
                calls[place, side] = Call(function=roles_body, args=(place, side, found.allow, served))
    return calls


def _those(found: Policies, action: Action) -> tuple[Applied, ...]:
    by_action = {Action.AUDIT: found.audit, Action.DENY: found.deny, Action.ALLOW: found.allow}
    return by_action[action]


def idle_body(e: Engine, place: Place, side: Side) -> Resource:  # every derived function takes the engine
    """What stands in one place: nothing that asks or refuses."""
    return resource_of(ResourceType.EXTENSION, extension(place, side))


def shown_body(e: Engine, side: Side) -> Resource:  # every derived function takes the engine
    """What says which rule decided."""
    message = extension(SHOWN, side, policy_header(gateway=side is Side.GATEWAY))
    return resource_of(ResourceType.EXTENSION, message)


def peer_body(e: Engine, modes: PeerModes) -> Resource:
    """What refuses requests that did not come by mutual TLS, also on connections that are open already."""
    settled = e.get(demand, modes)
    message = extension(PEER, Side.INBOUND, demand_message(settled))
    return resource_of(ResourceType.EXTENSION, message, origin=modes.origin)


def tokens_body(e: Engine, side: Side, believed: tuple[Key, ...]) -> Resource:
    """What verifies tokens."""
    settled = e.get(tokens, believed)
    message = extension(AUTHENTICATION, side, token_message(settled, routed=side is Side.GATEWAY))
    return resource_of(ResourceType.EXTENSION, message, origin=settled.origin)


def origins_body(e: Engine, side: Side, believed: tuple[Key, ...], asked: PortPolicies) -> Resource:
    """What verifies tokens where Policies ask for some, at some ports or at all."""
    settled = e.get(tokens, believed) if believed else None
    routed = side is Side.GATEWAY
    base = token_message(settled, routed=routed) if settled else pb.JwtAuthentication()
    every = {port: e.get(asked_tokens, policies) for port, policies in asked}
    *ports, others = ((port, origins_message(base, one, routed=routed)) for port, one in every.items())
    message = extension(AUTHENTICATION, side, by_ports(dict(ports), others[1]))
    origin = dict.fromkeys((*(settled.origin if settled else ()), *(o for one in every.values() for o in one.origin)))
    return resource_of(ResourceType.EXTENSION, message, origin=tuple(origin))


def rules_body(e: Engine, place: Place, side: Side, action: Action, applied: tuple[Applied, ...]) -> Resource:
    """The rules of one action, those that are only tried beside those in force."""
    enforced = _rules(e, tuple(one for one in applied if not one.tried), place.network)
    tried = _rules(e, tuple(one for one in applied if one.tried), place.network)
    write = network_rules if place.network else http_rules
    message = extension(place, side, write(action, enforced, tried))
    shut = b"" if enforced is None or action is Action.AUDIT else nobody(place, side)
    return resource_of(ResourceType.EXTENSION, message, refused=shut, origin=origins(applied))


def roles_body(e: Engine, place: Place, side: Side, applied: tuple[Applied, ...], served: Served) -> Resource:
    """What roles allow, where no policy that allows is in force. `applied`: such policies that are only tried."""
    roles = e.get(roles_of, served) or Roles()
    enforced = None if roles.enforced is None else granted_policies(e, roles.enforced, place.network)
    tried = _rules(e, applied, place.network)
    if roles.tried is not None:
        tried = (*(tried or ()), *granted_policies(e, roles.tried, place.network))
    write = network_rules if place.network else http_rules
    message = extension(place, side, write(Action.ALLOW, enforced, tried))
    return resource_of(ResourceType.EXTENSION, message, origin=(*roles.origin, *origins(applied)))


def _rules(e: Engine, applied: tuple[Applied, ...], network: bool) -> tuple[Policy, ...] | None:
    if not applied:
        return None
    return tuple(policy for one in applied for policy in e.get(policies, one.key, network))
