"""Rules become one text for iptables-restore, which replaces those of an earlier run."""

import pytest
from msgspec import structs

from meltemi.core.inject.capture import Capture, rules
from meltemi.core.inject.restore import restore_text, words

CAPTURE = Capture(inbound_ports=("*",), outbound_ports=("9000",), exclude_interfaces=("eth1",))

SAVED = """\
*nat
:PREROUTING ACCEPT [0:0]
:ISTIO_INBOUND - [0:0]
-A PREROUTING -i eth1 -j RETURN
-A PREROUTING -i eth2 -j RETURN
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A ISTIO_INBOUND -p tcp -m tcp --dport 15008 -j RETURN
COMMIT
*filter
-A INPUT -j ISTIO_INBOUND
COMMIT
"""


def test_chains_are_made_before_rules_name_them():
    lines = restore_text(rules(CAPTURE, version=4)).splitlines()

    made = {line.split()[1] for line in lines if line.startswith("-N")}
    first_rule = next(i for i, line in enumerate(lines) if line.startswith(("-A", "-I")))
    assert made == {"ISTIO_INBOUND", "ISTIO_IN_REDIRECT", "ISTIO_OUTPUT", "ISTIO_REDIRECT"}
    assert all(not line.startswith("-N") for line in lines[first_rule:])


def test_what_stands_is_taken_away_first_and_nothing_else():
    lines = restore_text(rules(CAPTURE, version=4), saved=SAVED).splitlines()

    assert [line for line in lines if line[:2] in {"-D", "-F", "-X"}] == [
        "-D PREROUTING -i eth1 -j RETURN",
        "-D PREROUTING -p tcp -j ISTIO_INBOUND",
        "-F ISTIO_INBOUND",
        "-X ISTIO_INBOUND",
    ]


def test_tables_without_rules_are_not_touched():
    assert "*raw" not in restore_text(rules(CAPTURE, version=4), saved=SAVED)


# fmt: off
WORDS = {
    "none":   ("",         ()),
    "one":    ("80",       ("80",)),
    "blanks": (" 80, 90,", ("80", "90")),
    "all":    ("*",        ("*",)),
}
# fmt: on


@pytest.mark.parametrize(("text", "parts"), WORDS.values(), ids=WORDS)
def test_words(text: str, parts: tuple[str, ...]):
    assert words(text) == parts


def test_an_ipv6_range_concerns_ipv6_only():
    capture = Capture(outbound_ranges=("10.0.0.0/8", "2001:db8::/32"))

    text = [restore_text(rules(capture, version=v)) for v in (4, 6)]

    assert ["2001:db8::/32" in t for t in text] == [False, True]
    assert ["10.0.0.0/8" in t for t in text] == [True, False]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("dns", [False, True])
def test_a_mark_tells_the_proxy_as_its_user_would(version: int, dns: bool):
    capture = Capture(
        outbound_ranges=("*",), inbound_ports=("*",), redirect_dns=dns, dns_servers=("10.0.0.53", "fd::53")
    )

    by_user = restore_text(rules(structs.replace(capture, gids=()), version=version))
    by_mark = restore_text(rules(structs.replace(capture, uids=(), gids=(), marks=("1337",)), version=version))

    assert "--uid-owner" in by_user
    assert by_mark == by_user.replace("-m owner", "-m mark").replace("--uid-owner", "--mark")
