"""Rules for `loadBalancer`.

Place:  model/traffic → [check/load_balancer] → view/cluster
"""

from collections.abc import Iterator

from meltemi.core.check.locality import check_locality, check_zone_aware
from meltemi.core.check.report import at, error, required, warning
from meltemi.core.check.values import check_duration
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.destination_rule import (
    ConsistentHashLB,
    HTTPCookie,
    LoadBalancerSettings,
    OutlierDetection,
    SimpleLB,
    WarmupConfiguration,
)

MAX_TABLE = 5_000_011
"""Source: Envoy, MaglevLbConfig.table_size."""


def check_load_balancer(
    settings: LoadBalancerSettings | None, outlier: OutlierDetection | None, path: Path
) -> Iterator[Finding]:
    """What is hashed, localities, warm-up. `outlier` stands beside it: failover needs to know who is ill."""
    if settings is None:
        return
    if settings.consistent_hash:
        yield from _check_hash(settings.consistent_hash, at(path, "consistentHash"))
    if settings.locality_lb_setting and settings.zone_aware_lb_setting:
        place = at(path, "zoneAwareLbSetting")
        yield error(
            "M2205", place, "'localityLbSetting' and 'zoneAwareLbSetting' exclude each other", "keep one of them"
        )
    yield from check_locality(settings.locality_lb_setting, outlier, at(path, "localityLbSetting"))
    yield from check_zone_aware(settings.zone_aware_lb_setting, outlier, at(path, "zoneAwareLbSetting"))
    yield from check_duration(settings.warmup_duration_secs, at(path, "warmupDurationSecs"))
    if settings.warmup:
        yield from _check_warmup(settings.warmup, at(path, "warmup"))
    yield from _check_warmed(settings, path)


def _check_warmed(settings: LoadBalancerSettings, path: Path) -> Iterator[Finding]:
    """Envoy warms endpoints up where it picks by turn or by load."""
    word = "warmup" if settings.warmup else "warmupDurationSecs" if settings.warmup_duration_secs else ""
    how = "consistentHash" if settings.consistent_hash else settings.simple
    if word and how in ("consistentHash", SimpleLB.RANDOM, SimpleLB.PASSTHROUGH):
        message = f"{word!r} has no effect with {how}"
        yield warning("M1303", at(path, word), message, "use ROUND_ROBIN or LEAST_REQUEST, or remove it")


def _check_hash(settings: ConsistentHashLB, path: Path) -> Iterator[Finding]:
    if settings.http_cookie:
        yield from _check_cookie(settings.http_cookie, at(path, "httpCookie"))
    if settings.minimum_ring_size and (settings.maglev or settings.ring_hash):
        yield error("M2204", at(path, "minimumRingSize"), "the ring's size is written twice", "write 'ringHash' only")
    if settings.maglev:
        yield from _check_table(settings.maglev.table_size or 0, at(path, "maglev", "tableSize"))


def _check_cookie(cookie: HTTPCookie, path: Path) -> Iterator[Finding]:
    if not cookie.name:
        yield required(path, "name")
    for i, attribute in enumerate(cookie.attributes):
        if not attribute.name:
            yield required(at(path, "attributes", i), "name")


def _check_table(size: int, path: Path) -> Iterator[Finding]:
    if size >= MAX_TABLE:
        yield error("M2204", path, f"table size {size} is not below {MAX_TABLE}")
    elif not _is_prime(size):
        yield error("M2204", path, f"table size {size} is no prime number", "65537 is one")


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % factor for factor in range(2, int(number**0.5) + 1))


def _check_warmup(warmup: WarmupConfiguration, path: Path) -> Iterator[Finding]:
    if warmup.duration is None:
        yield required(path, "duration")
    yield from check_duration(warmup.duration, at(path, "duration"))
    if warmup.minimum_percent is not None and not 0 <= warmup.minimum_percent <= 100:
        yield error(
            "M2210", at(path, "minimumPercent"), f"{warmup.minimum_percent:g} is no percentage", "write 0 to 100"
        )
    if warmup.aggression is not None and warmup.aggression < 1:
        yield error(
            "M2210", at(path, "aggression"), f"{warmup.aggression:g} is below 1", "1 grows linearly, more is faster"
        )
