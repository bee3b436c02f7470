"""The policy for one port of one subset, out of what a DestinationRule says of host, subset and port.

Place:  compose/destination_rules → [view/traffic_policy] → view/{cluster,endpoints,hashing}
Source: Istio, "Destination Rule": a subset's settings replace the host's one by one; a port's replace all four;
tunnel, PROXY header and retry budget have no form for a port, and stay
"""

from msgspec import structs

from meltemi.core.compose.destination_rules import Written, destination_rule, written_policy
from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.traffic.destination_rule import (
    ClientTLSSettings,
    ConnectionPoolSettings,
    LoadBalancerSettings,
    OutlierDetection,
    ProxyProtocol,
    RetryBudget,
    TrafficPolicy,
    TunnelSettings,
)
from meltemi.core.model.value import Value
from meltemi.core.view.names import cluster_name


class Policy(Value, frozen=True, kw_only=True):
    """What is written for one port."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTLSSettings | None = None
    tunnel: TunnelSettings | None = None
    proxy_protocol: ProxyProtocol | None = None
    retry_budget: RetryBudget | None = None
    by_latency: bool = False
    """Endpoints that answer sooner get more requests, where the way to pick has weights."""
    labels: tuple[tuple[str, str], ...] = ()
    """Of the subset's endpoints."""
    origins: tuple[Origin, ...] = ()


NO_POLICY = Policy()


class Aim(Value, frozen=True, kw_only=True, order=True):
    """What one outbound cluster stands for, and all that decides on its policy and its endpoints."""

    host: str
    port: int
    subset: str = ""
    rules: tuple[Key, ...] = ()
    """DestinationRules that together speak for the host, the oldest first."""

    @property
    def cluster(self) -> str:
        return cluster_name("outbound", self.port, self.subset, self.host)


def policy_for(e: Engine, aim: Aim) -> Policy:
    """The policy for one port of a host or of a subset."""
    written = e.get(written_policy, aim.rules, aim.subset)
    lowest = over(NO_POLICY, mesh(e).default_traffic_policy, aim.port)
    whole = over(lowest, written.policy, aim.port)
    merged = over(whole, written.subset.traffic_policy if written.subset else None, aim.port)
    return structs.replace(merged, by_latency=written.by_latency, labels=_labels(written), origins=written.origins)


def _labels(written: Written) -> tuple[tuple[str, str], ...]:
    return written.subset.labels if written.subset else ()


def over(lower: Policy, upper: TrafficPolicy | None, port: int) -> Policy:
    """`lower` with what `upper` says replaced."""
    if upper is None:
        return lower
    own = next((p for p in upper.port_level_settings if p.port and p.port.number == port), None)
    kept = Policy(
        tunnel=upper.tunnel or lower.tunnel,
        proxy_protocol=upper.proxy_protocol or lower.proxy_protocol,
        retry_budget=upper.retry_budget or lower.retry_budget,
    )
    if own is not None:
        return structs.replace(
            kept,
            load_balancer=own.load_balancer,
            connection_pool=own.connection_pool,
            outlier_detection=own.outlier_detection,
            tls=own.tls,
        )
    return structs.replace(
        kept,
        load_balancer=upper.load_balancer or lower.load_balancer,
        connection_pool=upper.connection_pool or lower.connection_pool,
        outlier_detection=upper.outlier_detection or lower.outlier_detection,
        tls=upper.tls or lower.tls,
    )


def failover_labels(e: Engine, key: Key) -> frozenset[str]:
    """Labels of the client by which one DestinationRule prefers endpoints."""
    spec = e.get(destination_rule, key)
    if spec is None:
        return frozenset()
    policies = (spec.traffic_policy, *(s.traffic_policy for s in spec.subsets))
    balancers = [p.load_balancer for p in policies if p]
    balancers += [own.load_balancer for p in policies if p for own in p.port_level_settings]
    settings = [one for b in balancers if b for one in (b.locality_lb_setting, b.zone_aware_lb_setting)]
    return frozenset(written.partition("=")[0] for s in settings if s for written in s.failover_priority)
