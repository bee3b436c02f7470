"""How long connections of bytes to a destination may last, and through which forward proxy they go.

Place:  view/traffic_policy → [view/tcp_limits] → view/{outbound,gateway}
Source: Istio, message ConnectionPoolSettings.TCPSettings, fields `maxConnectionDuration` and `idleTimeout`;
        message TrafficPolicy.TunnelSettings
"""

from meltemi.core.compose.destination_rules import rules_for
from meltemi.core.engine.engine import Engine
from meltemi.core.view.destination import Target
from meltemi.core.view.listener import Limits, Tunnel
from meltemi.core.view.traffic_policy import Aim, Policy, policy_for


def tcp_limits(e: Engine, to: tuple[Target, ...], namespace: str, labels: tuple[tuple[str, str], ...] = ()) -> Limits:
    """Of a chain with these destinations: the narrowest, since the chain closes the client's connection."""
    found = [_of(e, one, namespace, labels) for one in to if not one.fixed]
    ages = [one.age for one in found if one.age is not None]
    idles = [one.idle for one in found if one.idle is not None]
    return Limits(age=min(ages, default=None), idle=min(idles, default=None))


def tcp_tunnel(e: Engine, to: tuple[Target, ...], namespace: str, labels: tuple[tuple[str, str], ...]) -> Tunnel | None:
    """Of a chain with these destinations. None too where they differ: Envoy has one a chain."""
    found = {_tunnel(_policy(e, one, namespace, labels)) for one in to if not one.fixed}
    return found.pop() if len(found) == 1 else None


def _tunnel(policy: Policy) -> Tunnel | None:
    written = policy.tunnel
    if written is None:
        return None
    host = f"[{written.target_host}]" if ":" in written.target_host else written.target_host
    return Tunnel(target=f"{host}:{written.target_port}", post=written.protocol == "POST")


def _policy(e: Engine, to: Target, namespace: str, labels: tuple[tuple[str, str], ...]) -> Policy:
    rules = rules_for(e, to.host, namespace, labels)
    return e.get(policy_for, Aim(host=to.host, port=to.port, subset=to.subset, rules=rules))


def _of(e: Engine, to: Target, namespace: str, labels: tuple[tuple[str, str], ...]) -> Limits:
    pool = _policy(e, to, namespace, labels).connection_pool
    tcp = pool.tcp if pool else None
    return Limits(age=tcp.max_connection_duration, idle=tcp.idle_timeout) if tcp else Limits()
