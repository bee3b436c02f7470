"""Our rules against those that Istio's own tool would make (conformance/interception)."""

import json
from pathlib import Path
from typing import Any

import pytest

from meltemi.core.inject.capture import Capture, Rule, rules
from meltemi.core.inject.restore import words

GIVEN = Path(__file__).parents[2].parent / "shared/conformance/interception/given"
SHARED = GIVEN.parent / "shared/defaults.json"
FIELDS = {
    "ProxyPort": "outbound_port",
    "InboundCapturePort": "inbound_port",
    "InboundTunnelPort": "tunnel_port",
    "HostIPv4LoopbackCidr": "loopback",
    "RedirectDNS": "redirect_dns",
}
LISTS = {
    "ProxyUID": "uids",
    "ProxyGID": "gids",
    "InboundPortsInclude": "inbound_ports",
    "InboundPortsExclude": "exclude_inbound_ports",
    "OutboundIPRangesInclude": "outbound_ranges",
    "OutboundIPRangesExclude": "exclude_outbound_ranges",
    "OutboundPortsInclude": "outbound_ports",
    "OwnerGroupsInclude": "owner_groups",
    "OwnerGroupsExclude": "exclude_owner_groups",
    "RerouteVirtualInterfaces": "virtual_interfaces",
    "ExcludeInterfaces": "exclude_interfaces",
}
IGNORED = {"EnableIPv6", "DryRun", "DNSServersV4", "DNSServersV6", "InboundTProxyMark", "InboundTProxyRouteTable"}
"""Read by the test itself, or of TPROXY, which is refused."""

Chains = dict[tuple[str, str], list[str]]

pytestmark = pytest.mark.skipif(not GIVEN.is_dir(), reason="the shared conformance cases are not here")


def cases() -> list[dict[str, Any]]:
    lines = (GIVEN / "cases.jsonl").read_text().splitlines() if GIVEN.is_dir() else []
    return [json.loads(line) for line in lines]


def capture_of(config: dict[str, Any]) -> Capture:
    written: dict[str, Any] = json.loads(SHARED.read_text())["config"] | config
    unknown = written.keys() - FIELDS.keys() - LISTS.keys() - IGNORED
    assert not unknown
    values: dict[str, Any] = {FIELDS[k]: v for k, v in written.items() if k in FIELDS}
    values |= {LISTS[k]: words(v) for k, v in written.items() if k in LISTS}
    servers = (*written.get("DNSServersV4", ()), *written.get("DNSServersV6", ()))
    return Capture(**values, dns_servers=servers)  # pyright: ignore[reportArgumentType] -- keys are checked above


def placed(made: tuple[Rule, ...]) -> Chains:
    chains: Chains = {}
    for rule in made:
        chain = chains.setdefault((rule.table, rule.chain), [])
        chain.insert(0 if rule.first else len(chain), " ".join(rule.spec))
    return chains


def read_blocks(text: str) -> list[Chains]:
    """One map of chains for each IP version: a second `nat` block begins the second."""
    families: list[Chains] = []
    table = ""
    for line in text.splitlines():
        first, _, rest = line.partition(" ")
        if first == "*":
            table = rest
            if table == "nat":
                families.append({})
        elif first in {"-A", "-I"}:
            chain, _, spec = rest.partition(" ")
            rules_ = families[-1].setdefault((table, chain), [])
            rules_.insert(0 if first == "-I" else len(rules_), spec.removeprefix("1 ") if first == "-I" else spec)
    return families


@pytest.mark.parametrize("case", cases(), ids=lambda c: c["name"])
def test_every_chain_has_the_rules_of_istio_in_their_order(case: dict[str, Any]):
    config: dict[str, Any] = case["config"]
    versions = (4, 6) if config.get("EnableIPv6") else (4,)

    got = [placed(rules(capture_of(config), version=v)) for v in versions]

    assert got == read_blocks((GIVEN / str(case["expected"])).read_text())
