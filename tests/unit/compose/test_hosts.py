"""compose/hosts knows which names mean the same, and which is the closer one."""

import pytest

from meltemi.core.compose.hosts import closest, common, covers, is_ip, is_range, plain_range, qualified, short_names

# fmt: off
QUALIFIED = {
    "a bare name":       ("reviews",         "reviews.default.svc.cluster.local"),
    "a name with dots":  ("reviews.other",   "reviews.other"),
    "a wildcard":        ("*",               "*"),
    "an IPv6 address":   ("fd00::1",         "fd00::1"),
}
COVERS = {
    "itself":                  ("a.example.com", "a.example.com",   True),
    "a wildcard its names":    ("*.example.com", "a.example.com",   True),
    "not its bare suffix":     ("*.example.com", "example.com",     False),
    "everything":              ("*",             "a.example.com",   True),
    "a wider wildcard":        ("*.com",         "*.example.com",   True),
    "not a narrower one":      ("*.example.com", "*.com",           False),
    "not another name":        ("a.example.com", "b.example.com",   False),
}
# fmt: on


@pytest.mark.parametrize(("written", "full"), QUALIFIED.values(), ids=QUALIFIED)
def test_short_names_are_completed(written: str, full: str) -> None:
    assert qualified(written, "default") == full


@pytest.mark.parametrize(("pattern", "host", "yes"), COVERS.values(), ids=COVERS)
def test_covers(pattern: str, host: str, *, yes: bool) -> None:
    assert covers(pattern, host) is yes


def test_common_names_are_those_of_the_narrower_pattern() -> None:
    assert common("*.example.com", "a.example.com") == "a.example.com"
    assert common("a.example.com", "*") == "a.example.com"
    assert common("a.example.com", "b.example.com") is None


def test_the_longest_wildcard_is_closest() -> None:
    patterns = frozenset({"*", "*.com", "*.example.com", "b.example.com"})

    assert closest("a.example.com", patterns) == "*.example.com"
    assert closest("b.example.com", patterns) == "b.example.com"
    assert closest("a.org", patterns) == "*"
    assert closest("a.org", frozenset({"*.com"})) is None


def test_a_service_has_its_bare_name_in_its_own_namespace_only() -> None:
    full = "reviews.default.svc.cluster.local"

    assert short_names(full, "default") == (full, "reviews", "reviews.default", "reviews.default.svc")
    assert short_names(full, "other") == (full, "reviews.default", "reviews.default.svc")
    assert short_names("api.example.com", "default") == ("api.example.com",)


def test_ranges_and_addresses() -> None:
    assert is_ip("10.0.0.1")
    assert is_ip("10.0.0.1/32")
    assert not is_ip("10.0.0.0/8")
    assert not is_ip("example.com")
    assert is_range("fd00::/8")
    assert plain_range("10.1.2.3/8") == "10.0.0.0/8"
