"""Write the demand for authenticated callers as RBAC filters that refuse all others.

Place:  view/strict → [envoy/strict] → pipeline/{extensions,runtime}, envoy/inbound

Requests meet an extension (ECDS), which holds for those on live connections too. A connection of bytes keeps the
filters that it began with, extensions included. So each plain chain has a filter from the start that judges whatever
the caller sends by a runtime value (RTDS), which filters read anew each time (docs/envoy.md).
"""

from collections.abc import Mapping

from meltemi.core.envoy import pb
from meltemi.core.view.strict import Demand

POLICY = "mutual-tls-required"
"""The policy's name, as Envoy's log and the response's details have it."""
_VALUE = "meltemi.mtls_required."
_ALWAYS = 100  # per cent


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


def while_plain(port: int) -> pb.Filter:
    """What closes a plain connection as soon as its caller speaks and the port demands mutual TLS.

    `port`: the chain's, 0 for the chain of all others.
    """
    written = pb.NetworkRBAC(stat_prefix="mtls_required", enforcement_type=pb.NetworkRBAC.CONTINUOUS)
    rule = written.matcher.matcher_list.matchers.add()
    rule.predicate.single_predicate.input.CopyFrom(_extension("port", pb.DestinationPortInput()))
    rule.predicate.single_predicate.custom_match.CopyFrom(_extension("demanded", _demanded(port)))
    rule.on_match.action.CopyFrom(_extension("refuse", pb.RBACAction(name=POLICY, action=pb.RBACRules.DENY)))
    otherwise = pb.RBACAction(name="plain", action=pb.RBACRules.ALLOW)
    written.matcher.on_no_match.action.CopyFrom(_extension("allow", otherwise))
    return pb.Filter(name="inbound.peer.network", typed_config=pb.any_of(written))


def demand_values(ports: tuple[int, ...]) -> Mapping[str, int]:
    """The runtime values that `while_plain` reads. `ports`: where mutual TLS is demanded."""
    return {f"{_VALUE}{port}": _ALWAYS for port in ports}


def _demanded(port: int) -> pb.RuntimeFraction:
    written = pb.RuntimeFraction()
    written.runtime_fraction.runtime_key = f"{_VALUE}{port}"
    written.runtime_fraction.default_value.numerator = 0
    return written


def _extension(name: str, config: pb.Message) -> pb.XdsExtension:
    return pb.XdsExtension(name=name, typed_config=pb.any_of(config))
