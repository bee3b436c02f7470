"""Rules for `localityLbSetting` and `zoneAwareLbSetting`, of DestinationRules and of the mesh.

Place:  model/traffic → [check/locality] → view/locality
"""

from collections.abc import Iterator

from meltemi.core.check.report import at, error, note, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.topology import TOPOLOGY_LABELS
from meltemi.core.model.traffic.destination_rule import (
    LocalityLoadBalancerSetting,
    OutlierDetection,
    ZoneAwareLoadBalancerSetting,
)

_ANY = ("*", "*", "*")


def check_locality(
    setting: LocalityLoadBalancerSetting | None, outlier: OutlierDetection | None, path: Path
) -> Iterator[Finding]:
    """Distribution or failover, with localities that do not overlap."""
    if setting is None:
        return
    if setting.distribute and setting.failover:
        yield error("M2205", at(path, "failover"), "'distribute' and 'failover' exclude each other", "keep one of them")
        return
    if setting.failover:
        for i, label in enumerate(setting.failover_priority):
            if label in TOPOLOGY_LABELS:
                yield error("M2205", at(path, "failoverPriority", i), f"{label!r} cannot stand beside 'failover'")
    yield from _check_distribute(setting, at(path, "distribute"))
    yield from _check_failover(setting, outlier, path)


def check_zone_aware(
    setting: ZoneAwareLoadBalancerSetting | None, outlier: OutlierDetection | None, path: Path
) -> Iterator[Finding]:
    """Failover only: regions and zones are seen to by themselves."""
    if setting is None:
        return
    for i, label in enumerate(setting.failover_priority):
        if label in TOPOLOGY_LABELS:
            yield error(
                "M2205", at(path, "failoverPriority", i), f"{label!r} is seen to by zone-aware routing", "remove it"
            )
    yield from _check_failover(setting, outlier, path)
    if setting.enabled is not False:
        message = "the own region goes before others, but its zones get equal shares"
        yield note("M2214", path, message, "see: meltemi code M2214")


def _check_distribute(setting: LocalityLoadBalancerSetting, path: Path) -> Iterator[Finding]:
    for i, rule in enumerate(setting.distribute):
        place = at(path, i, "to")
        total = sum(weight for _, weight in rule.to)
        for locality, weight in rule.to:
            if not 1 <= weight <= 100:
                yield error("M2205", at(place, locality), f"weight {weight} is not within 1 to 100")
        if total != 100:
            yield error("M2205", place, f"the weights sum up to {total}, not to 100")
        yield from _check_localities([locality for locality, _ in rule.to], place)
    yield from _check_localities([rule.from_ for rule in setting.distribute], path)


def _check_localities(names: list[str], path: Path) -> Iterator[Finding]:
    seen: list[tuple[str, ...]] = []
    for name in names:
        parts = tuple(name.split("/", 2))
        if "*" in name[:-1]:
            yield error("M2205", path, f"'*' stands inside locality {name!r}", "it is allowed at the end only")
        elif not all(parts):
            yield error("M2205", path, f"locality {name!r} has an empty part", "write region/zone/subzone")
        elif any(_overlap(parts, other) for other in seen):
            yield error("M2205", path, f"locality {name!r} overlaps with one before it")
        seen.append(parts)


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    pairs = zip((*one, *_ANY)[:3], (*other, *_ANY)[:3], strict=True)
    return all(mine == theirs or "*" in (mine, theirs) for mine, theirs in pairs)


def _check_failover(
    setting: LocalityLoadBalancerSetting | ZoneAwareLoadBalancerSetting, outlier: OutlierDetection | None, path: Path
) -> Iterator[Finding]:
    if (setting.failover or setting.failover_priority) and outlier is None:
        tip = "add 'outlierDetection', which says when an endpoint is ill"
        yield warning("M2206", path, "failover never happens without outlier detection", tip)
    for i, rule in enumerate(setting.failover):
        place = at(path, "failover", i)
        if rule.from_ == rule.to:
            yield error("M2205", place, f"region {rule.to!r} fails over to itself")
        if "/" in rule.from_ + rule.to:
            yield error("M2205", place, "failover is between regions", "write regions without '/'")
        if "*" in rule.from_ + rule.to:
            yield error("M2205", place, "failover is between named regions", "write regions without '*'")
