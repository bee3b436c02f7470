"""Write how an endpoint is picked.

Place:  view/load_balancer → [envoy/load_balancer] → envoy/cluster
"""

from meltemi.core.envoy import pb
from meltemi.core.view.load_balancer import Balancer, Pick, Warmup

AGGRESSION_KEY = "upstream.slow_start.aggression"
"""Envoy wants a runtime key; nothing sets it."""


def write_balancer(balancer: Balancer, cluster: pb.Cluster) -> None:
    """Add it to a cluster."""
    cluster.lb_policy = pb.Cluster.LbPolicy.Value(balancer.pick)
    if balancer.pick is Pick.RING_HASH:
        cluster.ring_hash_lb_config.minimum_ring_size.value = balancer.ring_size
    elif balancer.pick is Pick.MAGLEV and balancer.table_size:
        cluster.maglev_lb_config.table_size.value = balancer.table_size
    elif balancer.warmup is not None:
        _write_warmup(balancer.warmup, balancer.pick, cluster)
    common = cluster.common_lb_config
    common.healthy_panic_threshold.value = balancer.panic
    if balancer.by_locality:
        common.locality_weighted_lb_config.SetInParent()


def _write_warmup(warmup: Warmup, pick: Pick, cluster: pb.Cluster) -> None:
    """Only these two ways to pick know slow starts."""
    if pick is Pick.ROUND_ROBIN:
        config = cluster.round_robin_lb_config.slow_start_config
    elif pick is Pick.LEAST_REQUEST:
        config = cluster.least_request_lb_config.slow_start_config
    else:
        return
    config.slow_start_window.CopyFrom(pb.duration(warmup.duration))
    config.min_weight_percent.value = warmup.least
    config.aggression.default_value = warmup.aggression
    config.aggression.runtime_key = AGGRESSION_KEY
