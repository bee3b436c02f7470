"""How requests that belong together are sent to one endpoint.

Place:  model/traffic ConsistentHashLB → [view/hashing] → envoy/hashing
Source: Istio, "Destination Rule", message ConsistentHashLB
"""

from meltemi.core.compose.destination_rules import rules_for
from meltemi.core.engine.engine import Engine
from meltemi.core.model.traffic.destination_rule import ConsistentHashLB
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.view.destination import Target
from meltemi.core.view.traffic_policy import Aim, policy_for


class Hash(Value, frozen=True, kw_only=True):
    """What of a request is hashed; one of the first four is set."""

    header: str = ""
    cookie: str = ""
    query: str = ""
    source_ip: bool = False
    cookie_path: str = ""
    cookie_ttl: Seconds | None = None
    """None: the cookie must come from the application; else the proxy sets it, 0 for the session."""
    cookie_attributes: tuple[tuple[str, str], ...] = ()


def hashes(written: ConsistentHashLB | None) -> tuple[Hash, ...]:
    """Settle what is hashed; nothing where the policy does not hash."""
    if written is None:
        return ()
    if written.http_header_name:
        return (Hash(header=written.http_header_name),)
    if written.http_cookie:
        cookie = written.http_cookie
        attributes = tuple((a.name, a.value) for a in cookie.attributes)
        return (Hash(cookie=cookie.name, cookie_path=cookie.path, cookie_ttl=cookie.ttl, cookie_attributes=attributes),)
    if written.use_source_ip:
        return (Hash(source_ip=True),)
    if written.http_query_parameter_name:
        return (Hash(query=written.http_query_parameter_name),)
    return ()


def hash_of(e: Engine, to: Target, namespace: str, labels: tuple[tuple[str, str], ...]) -> tuple[Hash, ...]:
    """What is hashed of requests to a destination, for clients in `namespace` with these labels.

    A subset's policy goes before the host's; settings of a port replace all others of the same policy.
    """
    if to.fixed:
        return ()
    rules = rules_for(e, to.host, namespace, labels)
    policy = e.get(policy_for, Aim(host=to.host, port=to.port, subset=to.subset, rules=rules))
    return hashes(policy.load_balancer.consistent_hash if policy.load_balancer else None)
