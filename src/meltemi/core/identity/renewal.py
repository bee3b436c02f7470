"""When a certificate is renewed, and when its remaining life is short.

Place:  identity · used by shell/agent (when to ask) and servers/ca (whom to warn)
"""

from datetime import datetime, timedelta

from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value


class Schedule(Value, frozen=True, kw_only=True):
    """Parts of a certificate's life, 0 to 1."""

    at: float = 0.5
    """When it is renewed. Istio's SECRET_GRACE_PERIOD_RATIO."""
    jitter: float = 0.1
    """How much earlier or later, at most: so that pods that started together do not ask together. Istio has 0.01."""
    short: float = 0.1
    """How little of it must be left to be called short: by then several renewals must have failed."""


DEFAULT = Schedule()


def renew_at(begins: datetime, ends: datetime, *, chance: float, schedule: Schedule = DEFAULT) -> datetime:
    """When to ask for the next one. `chance`: 0 to 1, random."""
    part = schedule.at + schedule.jitter * (2 * chance - 1)
    return begins + (ends - begins) * min(max(part, 0.0), 1.0)


def soon(now: datetime, ends: datetime, *, chance: float, span: Seconds) -> datetime:
    """When to ask because the authority has changed: within `span`, but before half of what is left has passed."""
    left = max((ends - now).total_seconds(), 0.0)
    return now + (ends - now) * 0.5 * chance if left < 2 * span else now + timedelta(seconds=span * chance)


def retry_after(failures: int, *, chance: float, first: Seconds, longest: Seconds) -> Seconds:
    """How long to wait after so many failures in a row (1 or more): twice as long each time, less up to a half."""
    delay = min(first * 2.0 ** min(failures - 1, 32), longest)
    return Seconds(delay * (1 - chance / 2))


def is_short(begins: datetime, ends: datetime, now: datetime, *, schedule: Schedule = DEFAULT) -> bool:
    """Whether somebody should be told: it should have been renewed long ago."""
    return (ends - now) < (ends - begins) * schedule.short
