"""view/fault settles shares of both forms, and drops what never happens."""

from meltemi.core.model.traffic.common import Percent
from meltemi.core.model.traffic.virtual_service import (
    HTTPFaultInjection,
    HTTPFaultInjectionAbort,
    HTTPFaultInjectionDelay,
)
from meltemi.core.model.units import Percent as Share
from meltemi.core.model.units import Seconds
from meltemi.core.view.fault import Fault, effective_fault, grpc_code


def test_both_forms_of_a_share() -> None:
    new = HTTPFaultInjectionDelay(fixed_delay=Seconds(7), percentage=Percent(value=Share(0.5)))
    old = HTTPFaultInjectionAbort(http_status=500, percent=30)

    got = effective_fault(HTTPFaultInjection(delay=new, abort=old))

    assert got == Fault(delay=Seconds(7), delay_percent=Share(0.5), http_status=500, abort_percent=Share(30))


def test_a_fault_without_a_share_never_happens() -> None:
    written = HTTPFaultInjection(delay=HTTPFaultInjectionDelay(fixed_delay=Seconds(7)))

    assert effective_fault(written) is None


def test_grpc_codes_by_name_and_number() -> None:
    assert grpc_code("UNAVAILABLE") == grpc_code("14") == 14
    assert grpc_code("NO_SUCH_CODE") is None
