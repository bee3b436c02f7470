"""Schedules of CronJobs, as crontab(5) says."""

from datetime import UTC, datetime

import pytest

from meltemi.core.model.kube.schedule import ScheduleError, schedule

# fmt: off
CASES = {
    #                     schedule             from                → after              until
    "every minute":      ("* * * * *",         "2027-01-15 08:00", "2027-01-15 08:01", "2027-01-15 08:00"),
    "steps":             ("*/15 * * * *",      "2027-01-15 08:01", "2027-01-15 08:15", "2027-01-15 08:00"),
    "steps from":        ("5/20 * * * *",      "2027-01-15 08:01", "2027-01-15 08:05", "2027-01-15 07:45"),
    "lists and ranges":  ("0 6-8,22 * * *",    "2027-01-15 08:00", "2027-01-15 22:00", "2027-01-15 08:00"),
    "over a year's end": ("30 4 1 jan *",      "2027-01-15 08:00", "2028-01-01 04:30", "2027-01-01 04:30"),
    "weekday":           ("0 0 * * mon-fri",   "2027-01-15 08:00", "2027-01-18 00:00", "2027-01-15 00:00"),
    "Sunday is 7 too":   ("0 0 * * 7",         "2027-01-15 08:00", "2027-01-17 00:00", "2027-01-10 00:00"),
    "either day":        ("0 0 13 * fri",      "2027-01-15 08:00", "2027-01-22 00:00", "2027-01-15 00:00"),
    "macro":             ("@hourly",           "2027-01-15 08:30", "2027-01-15 09:00", "2027-01-15 08:00"),
    "leap day":          ("0 0 29 2 *",        "2027-01-15 08:00", "2028-02-29 00:00", "2024-02-29 00:00"),
}
# fmt: on


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("text", "start", "after", "until"), CASES.values(), ids=CASES)
def test_moments(text: str, start: str, after: str, until: str) -> None:
    read = schedule(text)

    assert read.after(seconds(start)) == seconds(after)
    assert read.until(seconds(start)) == seconds(until)


@pytest.mark.parametrize("text", ["", "* * * *", "60 * * * *", "* 8-6 * * *", "*/0 * * * *", "x * * * *", "@sometimes"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        schedule(text)


def test_a_day_that_never_comes() -> None:
    assert schedule("0 0 31 2 *").after(seconds("2027-01-15 08:00")) is None
