"""xds/asked: the names by which virtual hosts are asked for."""

import pytest

from meltemi.core.xds.asked import LONGEST, asked_name


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("80/reviews", "80/reviews"),
        ("80/reviews:9080", "80/reviews"),
        ("8080/a_b.example.com.:80", "8080/a_b.example.com."),
        ("80/[2001:db8::1]", "80/[2001:db8::1]"),
        ("80/[2001:db8::1]:80", "80/[2001:db8::1]"),
        ("80/198.19.0.1:80", "80/198.19.0.1"),
        ("80/*", None),
        ("80/*.example.com", None),
        ("80/a/b", None),
        ("80/", None),
        ("80/:80", None),
        ("/a", None),
        ("a", None),
        ("80/" + "a" * (LONGEST + 1), None),
    ],
)
def test_the_name_of_what_is_asked_for(asked: str, name: str | None) -> None:
    assert asked_name(asked) == name
