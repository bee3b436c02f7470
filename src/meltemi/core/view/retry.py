"""How often a request is tried again, with all defaults settled.

Place:  model/traffic HTTPRetry → [view/retry] → envoy/retry
Source: Istio, "Virtual Service", message HTTPRetry; concepts/traffic-management, "Retries"
"""

from meltemi.core.model.traffic.virtual_service import HTTPRetry
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value

DEFAULT_ATTEMPTS = 2
DEFAULT_CONDITIONS = ("connect-failure", "refused-stream", "unavailable", "cancelled")
CONNECT_TIMEOUT = Seconds(10)
"""MeshConfig.connectTimeout's default: what one try costs that finds nobody."""


class Retry(Value, frozen=True, kw_only=True):
    """A settled policy."""

    attempts: int = DEFAULT_ATTEMPTS
    conditions: tuple[str, ...] = DEFAULT_CONDITIONS
    status_codes: tuple[int, ...] = ()
    per_try_timeout: Seconds | None = None
    backoff: Seconds | None = None
    avoid_tried_hosts: bool = True
    """Off where a hash picks the host: another host would break the affinity."""
    other_priorities: bool = False
    """A retry goes to another priority (locality) than the first try."""


def effective_retry(written: HTTPRetry | None, *, hashed: bool, default: HTTPRetry | None = None) -> Retry | None:
    """Settle what the user left open; None is no retry. Zero attempts is an answer, absence a question.

    `default`: the mesh's.
    """
    written = written or default
    if written is None:
        return Retry(avoid_tried_hosts=not hashed)
    if not written.attempts:
        return None
    words = tuple(w.strip() for w in written.retry_on.split(",") if w.strip())
    return Retry(
        attempts=written.attempts,
        conditions=tuple(w for w in words if not w.isdecimal()) if words else DEFAULT_CONDITIONS,
        status_codes=tuple(int(w) for w in words if w.isdecimal()),
        per_try_timeout=written.per_try_timeout or None,
        backoff=written.backoff or None,
        avoid_tried_hosts=written.retry_ignore_previous_hosts is not False and not hashed,
        other_priorities=bool(written.retry_remote_localities),
    )


def longest_wait(retry: Retry | None, timeout: Seconds) -> Seconds:
    """How long after its start a request may still pick an endpoint: its time limit, else what its tries may take."""
    if timeout:
        return timeout
    if retry is None:
        return Seconds(0)
    return Seconds((retry.per_try_timeout or CONNECT_TIMEOUT) * (retry.attempts + 1))
