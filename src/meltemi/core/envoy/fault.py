"""Write settled faults as the per-route configuration of Envoy's fault filter.

Place:  view/fault → [envoy/fault] → envoy/route
"""

from meltemi.core.envoy import pb
from meltemi.core.model.units import Percent
from meltemi.core.view.fault import Fault

FILTER = "envoy.filters.http.fault"
"""Name of the filter in the connection manager's chain."""

PARTS_OF_A_PERCENT = 10_000


def fault_config(fault: Fault) -> pb.HTTPFault:
    """Translate field by field."""
    written = pb.HTTPFault()
    if fault.delay is not None:
        written.delay.fixed_delay.CopyFrom(pb.duration(fault.delay))
        written.delay.percentage.CopyFrom(fraction(fault.delay_percent))
    if fault.grpc_status is not None:
        written.abort.grpc_status = fault.grpc_status
        written.abort.percentage.CopyFrom(fraction(fault.abort_percent))
    elif fault.http_status is not None:
        written.abort.http_status = fault.http_status
        written.abort.percentage.CopyFrom(fraction(fault.abort_percent))
    return written


def fraction(percent: Percent) -> pb.FractionalPercent:
    """A share of requests, in millionths."""
    return pb.FractionalPercent(numerator=round(percent * PARTS_OF_A_PERCENT), denominator=pb.FractionalPercent.MILLION)
