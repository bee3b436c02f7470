"""What surrounds the rules: variables, resolvers."""

from pathlib import Path

from meltemi.core.inject.capture import Capture
from meltemi.shell.agent.iptables import resolvers, with_environment


def test_groups_and_loopback_come_as_variables():
    env = {
        "ISTIO_OUTBOUND_OWNER_GROUPS": "java,202",
        "ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE": "ops",
        "ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR": "127.0.0.0/8",
    }

    got = with_environment(Capture(), env)

    assert (got.owner_groups, got.exclude_owner_groups, got.loopback) == (("java", "202"), ("ops",), "127.0.0.0/8")


def test_without_variables_the_flags_stand():
    assert with_environment(Capture(), {}) == Capture()


def test_resolvers(tmp_path: Path):
    file = tmp_path / "resolv.conf"
    file.write_text("# nameserver 9.9.9.9\nsearch shop\nnameserver 198.18.0.1\nnameserver ::1\n")

    assert resolvers(file) == ("198.18.0.1", "::1")
