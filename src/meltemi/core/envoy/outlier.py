"""Write outlier detection.

Place:  view/outlier → [envoy/outlier] → envoy/cluster
"""

from meltemi.core.envoy import pb
from meltemi.core.view.outlier import Outlier

ALWAYS = 100
"""Percent of chance that a reached limit ejects."""


def outlier_detection(outlier: Outlier) -> pb.OutlierDetection:
    """Translate field by field; Envoy enforces the check of 5xx by default, the others only where it is told to."""
    written = pb.OutlierDetection(
        interval=pb.duration(outlier.interval),
        base_ejection_time=pb.duration(outlier.ejection_time),
        max_ejection_percent=pb.UInt32Value(value=outlier.most_ejected),
        split_external_local_origin_errors=outlier.split,
        # Envoy ejects by the share of successes as well, which nobody asked for.
        enforcing_success_rate=pb.UInt32Value(value=0),
    )
    if outlier.errors_5xx is not None:
        written.consecutive_5xx.value = outlier.errors_5xx
        written.enforcing_consecutive_5xx.value = ALWAYS if outlier.errors_5xx else 0
    if outlier.gateway_errors is not None:
        written.consecutive_gateway_failure.value = outlier.gateway_errors
        written.enforcing_consecutive_gateway_failure.value = ALWAYS if outlier.gateway_errors else 0
    if outlier.local_failures is not None:
        written.consecutive_local_origin_failure.value = outlier.local_failures
        written.enforcing_consecutive_local_origin_failure.value = ALWAYS if outlier.local_failures else 0
    return written
