"""How long connections of bytes to a destination may last.

Place:  view/traffic_policy → [view/tcp_limits] → view/{outbound,gateway}
Source: Istio, message ConnectionPoolSettings.TCPSettings, fields `maxConnectionDuration` and `idleTimeout`
"""

from meltemi.core.compose.destination_rules import rules_for
from meltemi.core.engine.engine import Engine
from meltemi.core.view.destination import Target
from meltemi.core.view.listener import Limits
from meltemi.core.view.traffic_policy import Aim, policy_for


def tcp_limits(e: Engine, to: tuple[Target, ...], namespace: str, labels: tuple[tuple[str, str], ...] = ()) -> Limits:
    """Of a chain with these destinations: the narrowest, since the chain closes the client's connection."""
    found = [_of(e, one, namespace, labels) for one in to if not one.fixed]
    ages = [one.age for one in found if one.age is not None]
    idles = [one.idle for one in found if one.idle is not None]
    return Limits(age=min(ages, default=None), idle=min(idles, default=None))


def _of(e: Engine, to: Target, namespace: str, labels: tuple[tuple[str, str], ...]) -> Limits:
    rules = e.get(rules_for, to.host, namespace, labels)
    pool = e.get(policy_for, Aim(host=to.host, port=to.port, subset=to.subset, rules=rules)).connection_pool
    tcp = pool.tcp if pool else None
    return Limits(age=tcp.max_connection_duration, idle=tcp.idle_timeout) if tcp else Limits()
