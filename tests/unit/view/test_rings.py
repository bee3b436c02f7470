"""How large a ring is, in the form of today and in the old one."""

import pytest

from meltemi.core.envoy import pb
from meltemi.core.envoy.load_balancer import write_balancer
from meltemi.core.model.traffic.destination_rule import ConsistentHashLB, LoadBalancerSettings, RingHash
from meltemi.core.view.load_balancer import effective_balancer


@pytest.mark.parametrize(
    ("hashing", "size"),
    [
        (ConsistentHashLB(ring_hash=RingHash(minimum_ring_size=64)), 64),
        (ConsistentHashLB(minimum_ring_size=32), 32),
        (ConsistentHashLB(), 1024),
    ],
)
def test_a_ring_is_as_large_as_the_rule_says(hashing: ConsistentHashLB, size: int) -> None:
    written = pb.Cluster()
    write_balancer(effective_balancer(LoadBalancerSettings(consistent_hash=hashing)), written)

    assert written.ring_hash_lb_config.minimum_ring_size.value == size
