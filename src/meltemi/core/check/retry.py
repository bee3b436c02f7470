"""Rules for `http[].retries`.

Place:  model/traffic → [check/retry] → view/retry → envoy/retry
"""

from collections.abc import Iterator
from difflib import get_close_matches
from http import HTTPStatus

from meltemi.core.check.report import at, error
from meltemi.core.check.values import check_duration
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.virtual_service import HTTPRetry

CONDITIONS = frozenset(
    {
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "retriable-4xx",
        "refused-stream",
        "retriable-status-codes",
        "retriable-headers",
        "envoy-ratelimited",
        "http3-post-connect-failure",
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    }
)
"""Source: Envoy, router filter, `x-envoy-retry-on` and `x-envoy-retry-grpc-on`. Closed on purpose: Envoy passes over
names that it does not know, so a typo would mean "never retry"."""

_STATUS_CODES = frozenset(str(int(status)) for status in HTTPStatus)


def check_retry(retry: HTTPRetry | None, path: Path) -> Iterator[Finding]:
    """Attempts, conditions and limits of one retry policy."""
    if retry is None:
        return
    if (retry.attempts or 0) < 0:
        yield error("M2014", at(path, "attempts"), f"{retry.attempts} is negative", "0 turns retries off")
    written = retry.per_try_timeout is not None or retry.retry_on or retry.retry_remote_localities is not None
    if not retry.attempts and written:
        tip = "write 'attempts: 2', or remove the rest"
        yield error("M2105", path, "retries are off without 'attempts', so the rest says nothing", tip)
    yield from check_duration(retry.per_try_timeout, at(path, "perTryTimeout"))
    yield from check_duration(retry.backoff, at(path, "backoff"))
    if retry.retry_on:
        for name in retry.retry_on.split(","):
            yield from _check_condition(name, at(path, "retryOn"))


def _check_condition(name: str, path: Path) -> Iterator[Finding]:
    if name in CONDITIONS or name in _STATUS_CODES:
        return
    near = get_close_matches(name.strip(), sorted(CONDITIONS | _STATUS_CODES), n=1)
    tip = f"did you mean {near[0]!r}?" if near else "see: meltemi code M2104"
    yield error("M2104", path, f"unknown retry condition {name!r}", tip)
