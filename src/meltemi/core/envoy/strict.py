"""Write the demand for authenticated callers as an RBAC filter that refuses all others.

Place:  view/strict → [envoy/strict] → pipeline/extensions
"""

from meltemi.core.envoy import pb
from meltemi.core.view.strict import Demand

POLICY = "mutual-tls-required"
"""The policy's name, as Envoy's log and the response's details have it."""


def demand_message(demand: Demand) -> pb.HTTPRBAC:
    """A filter that denies requests over plain text; one that does nothing where nothing is demanded."""
    written = pb.HTTPRBAC()
    if demand.nowhere:
        return written
    written.rules.action = pb.RBACRules.DENY
    policy = written.rules.policies[POLICY]
    policy.principals.add().not_id.authenticated.SetInParent()
    policy.permissions.append(_where(demand))
    return written


def _where(demand: Demand) -> pb.Permission:
    ports = pb.Permission()
    for port in demand.ports:
        ports.or_rules.rules.add(destination_port=port)
    if not demand.everywhere:
        return ports
    return pb.Permission(not_rule=ports) if demand.ports else pb.Permission(any=True)
