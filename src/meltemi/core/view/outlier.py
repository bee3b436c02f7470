"""When an endpoint that fails is left out for a while.

Place:  model/traffic OutlierDetection → [view/outlier] → envoy/outlier
Source: Istio, "Destination Rule", message OutlierDetection
"""

from meltemi.core.model.traffic.destination_rule import OutlierDetection
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value


class Outlier(Value, frozen=True, kw_only=True):
    """Passive health checks, settled; None leaves a number to Envoy's default, 0 turns a check off."""

    errors_5xx: int | None = None
    gateway_errors: int | None = None
    local_failures: int | None = None
    """Connections that came to nothing; counted apart from the answers' errors."""
    split: bool = False
    interval: Seconds = Seconds(10)
    ejection_time: Seconds = Seconds(30)
    most_ejected: int = 10
    """Percent."""


def effective_outlier(written: OutlierDetection | None) -> Outlier | None:
    """Settle; None where nothing is watched."""
    if written is None:
        return None
    if written.http is not None:
        # Istio 0.8 wrote the settings one level deeper.
        written = written.http
    gateway = written.consecutive_gateway_errors
    return Outlier(
        errors_5xx=written.consecutive_5xx_errors,
        gateway_errors=written.consecutive_errors if gateway is None else gateway,
        local_failures=written.consecutive_local_origin_failures,
        split=written.split_external_local_origin_errors,
        interval=written.interval or Seconds(10),
        ejection_time=written.base_ejection_time or Seconds(30),
        most_ejected=written.max_ejection_percent or 10,
    )


def panic_percent(written: OutlierDetection | None) -> int:
    """Below this share of healthy endpoints all are used, healthy or not. 0, the default: never."""
    if written is None:
        return 0
    return (written.http or written).min_health_percent or 0
