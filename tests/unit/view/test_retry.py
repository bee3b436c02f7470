"""view/retry settles what a user left open."""

import pytest

from meltemi.core.model.traffic.virtual_service import HTTPRetry
from meltemi.core.model.units import Seconds
from meltemi.core.view.retry import DEFAULT_CONDITIONS, Retry, effective_retry, longest_wait

# fmt: off
CASES = {
    #                    written                                                   → conditions           num  codes
    "nothing written":   (None,                                                      DEFAULT_CONDITIONS,   2,  ()),
    "attempts only":     (HTTPRetry(attempts=3),                                     DEFAULT_CONDITIONS,   3,  ()),
    "codes join names":  (HTTPRetry(attempts=3, retry_on="5xx, 429"),                ("5xx",),             3,  (429,)),
    "codes alone":       (HTTPRetry(attempts=1, retry_on="503"),                     (),                   1,  (503,)),
}
# fmt: on


@pytest.mark.parametrize(("written", "conditions", "attempts", "codes"), CASES.values(), ids=CASES)
def test_policy(written: HTTPRetry | None, conditions: tuple[str, ...], attempts: int, codes: tuple[int, ...]) -> None:
    settled = effective_retry(written, hashed=False)

    assert settled is not None
    assert (settled.conditions, settled.attempts, settled.status_codes) == (conditions, attempts, codes)


def test_zero_attempts_turn_retries_off() -> None:
    """Zero is an answer; absence is a question that the default answers."""
    assert effective_retry(HTTPRetry(attempts=0), hashed=False) is None
    assert effective_retry(HTTPRetry(), hashed=False) is None


def test_a_hashed_route_may_return_to_a_tried_host() -> None:
    settled = effective_retry(None, hashed=True)

    assert settled is not None
    assert not settled.avoid_tried_hosts


def test_a_time_limit_bounds_all_tries() -> None:
    assert longest_wait(Retry(), Seconds(3)) == 3
    assert longest_wait(Retry(attempts=2, per_try_timeout=Seconds(1)), Seconds(0)) == 3
    assert longest_wait(None, Seconds(0)) == 0
