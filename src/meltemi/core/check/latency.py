"""Rules for the annotation of a DestinationRule that asks for weights by latency.

Place:  compose/destination_rules BY_LATENCY → [check/latency] → check/destination_rule
"""

from collections.abc import Iterator

from meltemi.core.check.context import Context
from meltemi.core.check.report import ROOT, at, error, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.destination_rule import (
    BY_LATENCY,
    DestinationRule,
    LoadBalancerSettings,
    SimpleLB,
    TrafficPolicy,
)

_TIP = "use ROUND_ROBIN or LEAST_REQUEST there, or remove the annotation"


def check_latency(rule: DestinationRule, context: Context) -> Iterator[Finding]:
    """True or false, and a way to pick that has weights."""
    written = dict(context.meta.annotations).get(BY_LATENCY)
    if written is None:
        return
    if written not in ("true", "false"):
        place = at(Path("metadata.annotations"), BY_LATENCY)
        yield error("M2212", place, f"{written!r} is neither true nor false", "write 'true' or 'false', in quotes")
    elif written == "true":
        yield from _check_policy(rule.traffic_policy, at(ROOT, "trafficPolicy"))
        for i, subset in enumerate(rule.subsets):
            yield from _check_policy(subset.traffic_policy, at(ROOT, "subsets", i, "trafficPolicy"))


def _check_policy(policy: TrafficPolicy | None, path: Path) -> Iterator[Finding]:
    if policy is None:
        return
    yield from _check_balancer(policy.load_balancer, at(path, "loadBalancer"))
    for i, port in enumerate(policy.port_level_settings):
        yield from _check_balancer(port.load_balancer, at(path, "portLevelSettings", i, "loadBalancer"))


def _check_balancer(settings: LoadBalancerSettings | None, path: Path) -> Iterator[Finding]:
    if settings is None:
        return
    if settings.consistent_hash is not None:
        yield _idle(at(path, "consistentHash"), "consistentHash")
    elif settings.simple in (SimpleLB.RANDOM, SimpleLB.PASSTHROUGH):
        yield _idle(at(path, "simple"), str(settings.simple))


def _idle(path: Path, how: str) -> Finding:
    return warning("M2212", path, f"{BY_LATENCY!r} has no effect with {how}", _TIP)
