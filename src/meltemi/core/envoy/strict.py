"""Write the demand for authenticated callers as RBAC filters that refuse all others.

Place:  view/strict → [envoy/strict] → pipeline/{extensions,runtime}, envoy/{inbound,plain}

A connection keeps the network filters that it began with, extensions included. So each plain chain has one from the
start that judges whatever the caller sends by a runtime value (RTDS), which filters read anew each time. It ends
requests under way too: upgraded ones, and streams over HTTP/2. What it does not see are requests inside TLS of the
application that ends here; these meet an extension (ECDS), which holds on live connections (docs/envoy.md).
"""

from collections.abc import Mapping

from meltemi.core.envoy import pb
from meltemi.core.view.strict import Closed, Demand

POLICY = "mutual-tls-required"
"""The policy's name, as Envoy's log and the response's details have it."""
_VALUE = "meltemi.mtls_required."
_NEVER, _ALWAYS = 0, 100  # per cent


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


def while_plain(port: int, apart: tuple[int, ...]) -> pb.Filter:
    """What closes a plain connection as soon as its caller speaks and the port demands mutual TLS.

    `port`: the chain's, 0 for the chain of all others; `apart`: see view/strict.
    """
    written = pb.NetworkRBAC(stat_prefix="mtls_required", enforcement_type=pb.NetworkRBAC.CONTINUOUS)
    rule = written.matcher.matcher_list.matchers.add()
    rule.predicate.single_predicate.input.CopyFrom(_extension("port", pb.DestinationPortInput()))
    rule.predicate.single_predicate.custom_match.CopyFrom(_extension("demanded", _demanded(port, apart)))
    rule.on_match.action.CopyFrom(_extension("refuse", pb.RBACAction(name=POLICY, action=pb.RBACRules.DENY)))
    otherwise = pb.RBACAction(name="plain", action=pb.RBACRules.ALLOW)
    written.matcher.on_no_match.action.CopyFrom(_extension("allow", otherwise))
    return pb.Filter(name="inbound.peer.network", typed_config=pb.any_of(written))


def demand_values(closed: Closed) -> Mapping[str, int]:
    """The runtime values that `while_plain` and `plain_refused` read."""
    others = {f"{_VALUE}0": _ALWAYS} if closed.spared is None else {_others(closed.spared): _NEVER}
    return {**{f"{_VALUE}{port}": _ALWAYS for port in closed.ports}, **others}


def plain_refused(port: int) -> pb.RuntimeFractionalPercent:
    """Whether a port demands mutual TLS now, or (0) all do that no service names."""
    written = pb.RuntimeFractionalPercent(runtime_key=f"{_VALUE}{port}")
    written.default_value.numerator = _NEVER
    return written


def _demanded(port: int, apart: tuple[int, ...]) -> pb.RuntimeFraction:
    written = pb.RuntimeFraction()
    written.runtime_fraction.runtime_key = f"{_VALUE}{port}" if port else _others(apart)
    # Nobody tells a chain that there is a newer one: it is not told any more that it is the newest.
    written.runtime_fraction.default_value.numerator = _NEVER if port else _ALWAYS
    return written


def _others(apart: tuple[int, ...]) -> str:
    return _VALUE + ".".join(("others", *map(str, apart)))


def _extension(name: str, config: pb.Message) -> pb.XdsExtension:
    return pb.XdsExtension(name=name, typed_config=pb.any_of(config))
