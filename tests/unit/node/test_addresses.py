"""Addresses are given in turn, never twice at a time."""

import pytest

from meltemi.core.node.addresses import NoAddressError, free_address

# fmt: off
CASES = {
    #                         used                          after          → given
    "the first":             (set[str](),                   "",            "198.18.0.2"),
    "the next":              ({"198.18.0.2"},               "198.18.0.2",  "198.18.0.3"),
    "not the one just freed":(set[str](),                   "198.18.0.2",  "198.18.0.3"),
    "past the used":         ({"198.18.0.2", "198.18.0.3"}, "",            "198.18.0.4"),
    "round the end":         ({"198.18.0.6"},               "198.18.0.6",  "198.18.0.2"),
    "from elsewhere":        (set[str](),                   "10.0.0.1",    "198.18.0.2"),
}
# fmt: on


@pytest.mark.parametrize(("used", "after", "given"), CASES.values(), ids=CASES)
def test_next_address(used: set[str], after: str, given: str) -> None:
    assert free_address("198.18.0.0/29", used, after=after) == given


def test_a_full_network_says_so() -> None:
    with pytest.raises(NoAddressError, match="all 1 addresses"):
        free_address("198.18.0.0/30", {"198.18.0.2"})
