"""Write how an endpoint is picked.

Place:  view/load_balancer → [envoy/load_balancer] → envoy/cluster
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.latency import AGGRESSION_KEY, by_latency
from meltemi.core.view.load_balancer import Balancer, Pick, Warmup


def write_balancer(balancer: Balancer, cluster: pb.Cluster) -> None:
    """Add it to a cluster."""
    cluster.common_lb_config.healthy_panic_threshold.value = balancer.panic
    if balancer.by_latency:
        cluster.lb_policy = pb.Cluster.LOAD_BALANCING_POLICY_CONFIG
        cluster.load_balancing_policy.CopyFrom(by_latency(balancer))
        return
    cluster.lb_policy = pb.Cluster.LbPolicy.Value(balancer.pick)
    if balancer.pick is Pick.RING_HASH:
        cluster.ring_hash_lb_config.minimum_ring_size.value = balancer.ring_size
    elif balancer.pick is Pick.MAGLEV and balancer.table_size:
        cluster.maglev_lb_config.table_size.value = balancer.table_size
    elif balancer.warmup is not None:
        _write_warmup(balancer.warmup, balancer.pick, cluster)
    if balancer.by_locality:
        cluster.common_lb_config.locality_weighted_lb_config.SetInParent()


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
