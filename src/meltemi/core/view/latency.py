"""Whether requests are spread by how soon endpoints answered: annotation `meltemi.io/weights-by-latency`.

Place:  compose/destination_rules, view/traffic_policy → [view/latency] → view/cluster, view/route, envoy/latency
See:    design 0024
"""

from collections.abc import Iterable

from meltemi.core.compose.destination_rules import rules_for
from meltemi.core.compose.registry import port_of
from meltemi.core.engine.engine import Engine
from meltemi.core.model.registry.service import AppProtocol
from meltemi.core.model.traffic.destination_rule import LoadBalancerSettings, SimpleLB
from meltemi.core.view.destination import Target
from meltemi.core.view.traffic_policy import Aim, policy_for

REPORT = "endpoint-load-metrics"
"""The header by which Envoy's balancer hears of an endpoint. Source: ORCA; Envoy, router."""
_WITHOUT_WEIGHTS = (SimpleLB.RANDOM, SimpleLB.PASSTHROUGH)


def has_weights(written: LoadBalancerSettings | None) -> bool:
    """Whether the written way to pick lets one endpoint be picked more often than another."""
    return written is None or (written.consistent_hash is None and written.simple not in _WITHOUT_WEIGHTS)


def weighs(e: Engine, aim: Aim) -> bool:
    """Whether the endpoints of a cluster get weights by latency: requests are measured, bytes are not."""
    policy = e.get(policy_for, aim)
    if not policy.by_latency or not has_weights(policy.load_balancer):
        return False
    port = e.get(port_of, aim.host, aim.port)
    return port is not None and measured(port.protocol)


def measured(protocol: AppProtocol) -> bool:
    """Whether what is spoken may be requests."""
    return protocol.is_http or protocol is AppProtocol.AUTO


def weighs_one(e: Engine, to: Iterable[Target], namespace: str, labels: tuple[tuple[str, str], ...]) -> bool:
    """Whether answers of one of these destinations have the header that says how long they took."""
    return any(not one.fixed and e.get(weighs, _aim(e, one, namespace, labels)) for one in to)


def _aim(e: Engine, to: Target, namespace: str, labels: tuple[tuple[str, str], ...]) -> Aim:
    return Aim(host=to.host, port=to.port, subset=to.subset, rules=rules_for(e, to.host, namespace, labels))
