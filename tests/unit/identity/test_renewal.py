"""identity/renewal: well before the end, not all at once, and told when it is late."""

from datetime import timedelta

import pytest

from meltemi.core.identity.renewal import DEFAULT, Schedule, is_short, renew_at, retry_after, soon
from meltemi.core.model.units import Seconds
from unit.identity.pki import NOW

DAY = timedelta(hours=24)


@pytest.mark.parametrize(("chance", "part"), [(0.0, 0.4), (0.5, 0.5), (1.0, 0.6)])
def test_renewal_is_spread_around_a_part_of_life(chance: float, part: float):
    due = renew_at(NOW, NOW + DAY, chance=chance)

    assert (due - NOW) / DAY == pytest.approx(part)


def test_renewal_stays_within_life():
    wild = Schedule(at=0.9, jitter=0.5)

    assert renew_at(NOW, NOW + DAY, chance=1.0, schedule=wild) == NOW + DAY


@pytest.mark.parametrize(("passed", "short"), [(0.0, False), (0.5, False), (0.89, False), (0.91, True), (1.5, True)])
def test_short_is_the_last_tenth(passed: float, short: bool):
    assert is_short(NOW, NOW + DAY, NOW + passed * DAY) is short


def test_several_renewals_fit_before_it_is_short():
    assert DEFAULT.at + DEFAULT.jitter < 1 - DEFAULT.short


@pytest.mark.parametrize(("left", "most"), [(3600.0, 30.0), (10.0, 5.0), (-1.0, 0.0)])
def test_a_change_of_authority_is_followed_within_the_span_and_within_half_of_what_is_left(left: float, most: float):
    due = soon(NOW, NOW + timedelta(seconds=left), chance=1.0, span=Seconds(30))

    assert (due - NOW).total_seconds() <= most


def test_waiting_grows_to_a_bound():
    waits = [retry_after(n, chance=0.0, first=Seconds(1), longest=Seconds(10)) for n in (1, 2, 3, 4, 5, 500)]

    assert waits == [1, 2, 4, 8, 10, 10]
    assert retry_after(1, chance=1.0, first=Seconds(1), longest=Seconds(10)) == 0.5
