"""Rules for `outlierDetection`.

Place:  model/traffic → [check/outlier] → view/cluster
"""

from collections.abc import Iterator

from meltemi.core.check.report import at, error
from meltemi.core.check.values import check_duration, check_not_negative, check_percent
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.destination_rule import OutlierDetection


def check_outlier(outlier: OutlierDetection | None, path: Path) -> Iterator[Finding]:
    """Intervals, counts and shares."""
    if outlier is None:
        return
    yield from check_duration(outlier.base_ejection_time, at(path, "baseEjectionTime"))
    yield from check_duration(outlier.interval, at(path, "interval"))
    yield from check_percent(outlier.max_ejection_percent, at(path, "maxEjectionPercent"))
    yield from check_percent(outlier.min_health_percent, at(path, "minHealthPercent"))
    for word, count in (
        ("consecutiveErrors", outlier.consecutive_errors),
        ("consecutiveGatewayErrors", outlier.consecutive_gateway_errors),
        ("consecutive5xxErrors", outlier.consecutive_5xx_errors),
        ("consecutiveLocalOriginFailures", outlier.consecutive_local_origin_failures),
    ):
        yield from check_not_negative(count, at(path, word))
    if outlier.consecutive_local_origin_failures and not outlier.split_external_local_origin_errors:
        tip = "add 'splitExternalLocalOriginErrors: true'"
        place = at(path, "consecutiveLocalOriginFailures")
        yield error("M2208", place, "local failures are counted by themselves only where they are split off", tip)
    yield from check_outlier(outlier.http, at(path, "http"))
