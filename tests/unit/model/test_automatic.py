"""Addresses of the mesh: each name has its own, the same whatever else comes and goes."""

from ipaddress import IPv4Address

import pytest

from meltemi.core.model.registry import automatic
from meltemi.core.model.registry.automatic import LABEL, NETWORK, Nameless, allocated, wanting

HOSTS = tuple(f"h{n}.example.com" for n in range(3000))


def nameless(*hosts: str, year: int = 2020) -> Nameless:
    return Nameless(age=(f"{year}-01-01T00:00:00Z", "n", "default"), hosts=hosts)


def test_each_host_has_an_address_of_its_own():
    found = allocated([nameless(*HOSTS)])

    assert set(found) == set(HOSTS)
    assert len(set(found.values())) == len(HOSTS)
    assert all(IPv4Address(address) in NETWORK for address in found.values())


def test_what_comes_later_moves_nobody():
    before = allocated([nameless(*HOSTS[:1500])])
    after = allocated([nameless(*HOSTS[1500:], year=2021), nameless(*HOSTS[:1500])])

    assert before.items() <= after.items()


def test_when_there_are_no_more_the_youngest_have_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(automatic, "_FREE", 2)

    assert set(allocated([nameless("c", year=2021), nameless("a", "b")])) == {"a", "b"}


@pytest.mark.parametrize(
    ("addresses", "resolution", "labels", "found"),
    [
        (False, "DNS", {}, ("a.com",)),
        (False, "STATIC", {LABEL: "true"}, ("a.com",)),
        (False, "DNS", {LABEL: "False"}, ()),
        (True, "DNS", {}, ()),
        (False, "NONE", {}, ()),
        (False, "", {}, ()),
    ],
)
def test_who_wants_an_address(addresses: bool, resolution: str, labels: dict[str, str], found: tuple[str, ...]):
    hosts = ("*.a.com", "A.com", "a.com")

    assert wanting(hosts, addresses=addresses, resolution=resolution, labels=labels) == found
