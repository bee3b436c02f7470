"""Faults that the client's proxy injects.

Place:  model/traffic HTTPFaultInjection → [view/fault] → envoy/fault
"""

from meltemi.core.model.traffic.common import Percent as WrittenPercent
from meltemi.core.model.traffic.virtual_service import (
    HTTPFaultInjection,
    HTTPFaultInjectionAbort,
    HTTPFaultInjectionDelay,
)
from meltemi.core.model.units import Percent, Seconds
from meltemi.core.model.value import Value

# Source: grpc, doc/statuscodes.md.
GRPC_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)


class Fault(Value, frozen=True, kw_only=True):
    """Settled faults of one route; a part that never happens is absent."""

    delay: Seconds | None = None
    delay_percent: Percent = Percent(0)
    http_status: int | None = None
    grpc_status: int | None = None
    abort_percent: Percent = Percent(0)


def effective_fault(written: HTTPFaultInjection | None) -> Fault | None:
    """Settle one fault; None where nothing would ever be injected."""
    if written is None:
        return None
    delay, delay_percent = _delay(written.delay)
    http, grpc, abort_percent = _abort(written.abort)
    if delay is None and http is None and grpc is None:
        return None
    return Fault(
        delay=delay, delay_percent=delay_percent, http_status=http, grpc_status=grpc, abort_percent=abort_percent
    )


def _delay(written: HTTPFaultInjectionDelay | None) -> tuple[Seconds | None, Percent]:
    if written is None or not written.fixed_delay:
        return None, Percent(0)
    share = percent(written.percentage, written.percent)
    return (written.fixed_delay, share) if share else (None, share)


def _abort(written: HTTPFaultInjectionAbort | None) -> tuple[int | None, int | None, Percent]:
    if written is None:
        return None, None, Percent(0)
    share = percent(written.percentage, written.percent)
    grpc = grpc_code(written.grpc_status) if written.grpc_status is not None else None
    http = written.http_status if grpc is None else None
    return (http, grpc, share) if share else (None, None, share)


def percent(written: WrittenPercent | None, old: int | None) -> Percent:
    """Share of requests: `percentage`, else the deprecated `percent`, else none."""
    return written.value if written is not None else Percent(old or 0)


def grpc_code(word: str) -> int | None:
    """Number of a gRPC status given by name or number; None where there is no such status."""
    if word.isdecimal():
        return int(word)
    return GRPC_CODES.index(word.upper()) if word.upper() in GRPC_CODES else None
