"""How an endpoint is picked.

Place:  model/traffic LoadBalancerSettings → [view/load_balancer] → envoy/load_balancer, view/endpoints
Source: Istio, "Destination Rule", message LoadBalancerSettings
"""

from enum import StrEnum

from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.traffic.destination_rule import (
    ConsistentHashLB,
    LoadBalancerSettings,
    LocalityLoadBalancerSetting,
    SimpleLB,
    ZoneAwareLoadBalancerSetting,
)
from meltemi.core.model.units import Percent, Seconds
from meltemi.core.model.value import Value

RING_SIZE = 1024


class Pick(StrEnum):
    """Envoy's ways to pick."""

    LEAST_REQUEST = "LEAST_REQUEST"
    ROUND_ROBIN = "ROUND_ROBIN"
    RANDOM = "RANDOM"
    RING_HASH = "RING_HASH"
    MAGLEV = "MAGLEV"
    ORIGINAL = "CLUSTER_PROVIDED"
    """The address that the caller asked for, or the host that it named."""


class Warmup(Value, frozen=True, kw_only=True):
    """New endpoints get traffic slowly."""

    duration: Seconds
    least: Percent
    aggression: float


class Balancer(Value, frozen=True, kw_only=True):
    """How an endpoint is picked, settled."""

    pick: Pick = Pick.LEAST_REQUEST
    ring_size: int = RING_SIZE
    table_size: int | None = None
    """Of Maglev; None is Envoy's default, 65537."""
    warmup: Warmup | None = None
    by_latency: bool = False
    """Endpoints are picked by turns, those more often that answered sooner (view/latency)."""
    by_locality: bool = False
    """Localities get shares by weight, before endpoints are picked."""
    panic: int = 0
    """Percent of healthy endpoints below which all are used; 0 is never."""


_SIMPLE = {
    SimpleLB.ROUND_ROBIN: Pick.ROUND_ROBIN,
    SimpleLB.RANDOM: Pick.RANDOM,
    SimpleLB.PASSTHROUGH: Pick.ORIGINAL,
}
"""All others are LEAST_REQUEST."""


def effective_balancer(written: LoadBalancerSettings | None, *, panic: int = 0, by_locality: bool = False) -> Balancer:
    """Settle."""
    if written is None:
        return Balancer(panic=panic, by_locality=by_locality)
    hashing = written.consistent_hash
    pick = _hash_pick(hashing) if hashing else _SIMPLE.get(written.simple or SimpleLB.UNSPECIFIED, Pick.LEAST_REQUEST)
    return Balancer(
        pick=pick,
        ring_size=_ring_size(hashing) if hashing else RING_SIZE,
        table_size=hashing.maglev.table_size if hashing and hashing.maglev else None,
        warmup=_warmup(written),
        by_locality=by_locality,
        panic=panic,
    )


def _hash_pick(hashing: ConsistentHashLB) -> Pick:
    return Pick.MAGLEV if hashing.maglev is not None else Pick.RING_HASH


def _ring_size(hashing: ConsistentHashLB) -> int:
    written = hashing.ring_hash.minimum_ring_size if hashing.ring_hash else None
    return written or hashing.minimum_ring_size or RING_SIZE


def _warmup(written: LoadBalancerSettings) -> Warmup | None:
    if written.warmup is not None and written.warmup.duration:
        return Warmup(
            duration=written.warmup.duration,
            least=Percent(10) if written.warmup.minimum_percent is None else written.warmup.minimum_percent,
            aggression=written.warmup.aggression or 1.0,
        )
    if written.warmup_duration_secs:
        return Warmup(duration=written.warmup_duration_secs, least=Percent(10), aggression=1.0)
    return None


Preference = LocalityLoadBalancerSetting | ZoneAwareLoadBalancerSetting


def locality_setting(written: LoadBalancerSettings | None, settings: MeshConfig) -> Preference | None:
    """Preference among localities, a host's own before the mesh's; None where it is turned off."""
    zones = written.zone_aware_lb_setting if written else None
    if zones is not None and zones.enabled is not False:
        return zones
    own = written.locality_lb_setting if written else None
    if own is not None:
        return own if own.enabled is not False else None
    return settings.locality_lb_setting if settings.locality_lb_setting.enabled is not False else None
