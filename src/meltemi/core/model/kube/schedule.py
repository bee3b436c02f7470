"""When a CronJob runs: the five fields of cron.

Place:  model/kube · check/kube refuses what is no schedule; node/cron_jobs asks when
Source: Kubernetes, concepts/workloads/controllers/cron-jobs, "Schedule syntax"; crontab(5): where day and weekday are
        both restricted, either is enough.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from meltemi.core.model.value import Value

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = {name: i for i, name in enumerate(_MONTHS, 1)}
WEEKDAYS = {name: i for i, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
FIELDS: tuple[tuple[str, int, int, Mapping[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, MONTHS),
    ("day of week", 0, 7, WEEKDAYS),
)
DAYS = 366 * 8
"""How far is looked: 29 February comes within eight years."""


class ScheduleError(ValueError):
    """A text is no schedule; says why."""


class Schedule(Value, frozen=True, kw_only=True):
    """Moments in UTC."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either: bool
    """Day and weekday are both restricted, so one of them is enough."""

    def after(self, moment: float) -> float | None:
        """The first moment after another (both seconds since 1970); None where there is none."""
        first = datetime.fromtimestamp(moment, UTC).date()
        found = (at for n in range(DAYS) for at in self._of(first + timedelta(days=n)) if at > moment)
        return next(found, None)

    def until(self, moment: float) -> float | None:
        """The last moment that is not after another (both seconds since 1970); None where there is none."""
        first = datetime.fromtimestamp(moment, UTC).date()
        days = (first - timedelta(days=n) for n in range(DAYS))
        return next((at for day in days for at in reversed(list(self._of(day))) if at <= moment), None)

    def _of(self, day: date) -> Iterator[float]:
        if not self._falls_on(day):
            return
        for hour in self.hours:
            for minute in self.minutes:
                yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC).timestamp()

    def _falls_on(self, day: date) -> bool:
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (in_month or in_week if self.either else in_month and in_week)


def schedule(text: str) -> Schedule:
    """Read a schedule. Raises ScheduleError."""
    words = MACROS.get(text.strip().lower(), text).split()
    if len(words) != len(FIELDS):
        raise ScheduleError(f"{text!r} has {len(words)} fields, not 5")
    read = [_field(word, *field) for word, field in zip(words, FIELDS, strict=True)]
    return Schedule(
        minutes=tuple(sorted(read[0])),
        hours=tuple(sorted(read[1])),
        days=frozenset(read[2]),
        months=frozenset(read[3]),
        weekdays=frozenset(day % 7 for day in read[4]),
        either=not any(words[i].startswith(("*", "?")) for i in (2, 4)),
    )


def _field(word: str, name: str, low: int, high: int, names: Mapping[str, int]) -> set[int]:
    found: set[int] = set()
    for each in word.split(","):
        span, slash, step = each.partition("/")
        first, dash, last = span.partition("-")
        if span in ("*", "?"):
            begin, end = low, high
        else:
            begin = _number(first, names, name)
            end = _number(last, names, name) if dash else high if slash else begin
        width = _number(step, {}, name) if slash else 1
        if not (low <= begin <= end <= high and width > 0):
            raise ScheduleError(f"{each!r} is no {name}: {low} to {high}")
        found.update(range(begin, end + 1, width))
    return found


def _number(text: str, names: Mapping[str, int], field: str) -> int:
    value = names.get(text.lower())
    if value is None and not text.isdecimal():
        raise ScheduleError(f"{text!r} is no {field}")
    return int(text) if value is None else value
