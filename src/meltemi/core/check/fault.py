"""Rules for `http[].fault`.

Place:  model/traffic → [check/fault] → view/fault → envoy/fault
"""

from collections.abc import Iterator
from difflib import get_close_matches

from meltemi.core.check.report import at, error, warning
from meltemi.core.check.values import check_duration, check_percent, check_share
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.virtual_service import (
    HTTPFaultInjection,
    HTTPFaultInjectionAbort,
    HTTPFaultInjectionDelay,
)

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
"""In the order of their numbers. Source: gRPC, statuscodes."""


def check_status(status: int, path: Path) -> Iterator[Finding]:
    """A status that a proxy may answer with."""
    if not 200 <= status <= 600:
        yield error("M2111", path, f"{status} is no status that can be answered", "write 200 to 599")


def check_fault(fault: HTTPFaultInjection | None, path: Path) -> Iterator[Finding]:
    """Delay and abort, at least one of them."""
    if fault is None:
        return
    if fault.abort is None and fault.delay is None:
        yield error("M2122", path, "the fault has neither 'delay' nor 'abort'")
    if fault.abort:
        yield from _check_abort(fault.abort, at(path, "abort"))
    if fault.delay:
        yield from _check_delay(fault.delay, at(path, "delay"))


def _check_abort(abort: HTTPFaultInjectionAbort, path: Path) -> Iterator[Finding]:
    yield from check_share(abort.percentage, at(path, "percentage"))
    yield from check_percent(abort.percent, at(path, "percent"))
    if abort.grpc_status is not None:
        yield from _check_grpc(abort.grpc_status, at(path, "grpcStatus"))
    elif abort.http2_error is not None:
        yield error(
            "M2123", at(path, "http2Error"), "HTTP/2 errors cannot be injected", "use 'httpStatus' or 'grpcStatus'"
        )
    elif abort.http_status is not None:
        yield from check_status(abort.http_status, at(path, "httpStatus"))
    else:
        yield warning("M2122", path, "the abort does not say with what", "write 'httpStatus' or 'grpcStatus'")


def _check_grpc(status: str, path: Path) -> Iterator[Finding]:
    if status not in GRPC_CODES:
        near = get_close_matches(status.upper(), GRPC_CODES, n=1)
        tip = f"did you mean {near[0]!r}?" if near else "write a name like 'NOT_FOUND'"
        yield error("M2112", path, f"unknown gRPC status {status!r}", tip)


def _check_delay(delay: HTTPFaultInjectionDelay, path: Path) -> Iterator[Finding]:
    yield from check_share(delay.percentage, at(path, "percentage"))
    yield from check_percent(delay.percent, at(path, "percent"))
    yield from check_duration(delay.fixed_delay, at(path, "fixedDelay"))
    if delay.exponential_delay is not None:
        yield error("M2123", at(path, "exponentialDelay"), "exponential delays cannot be injected", "use 'fixedDelay'")
