"""The rules of ServiceEntries, one row a rule."""

import pytest

from meltemi.core.model.tree import Tree
from unit.check.support import faults, warnings

PORT: Tree = {"number": 80, "name": "http", "protocol": "HTTP"}
TCP: Tree = {"number": 81, "name": "tcp", "protocol": "TCP"}


def entry(resolution: str = "DNS", **fields: Tree) -> Tree:
    return {"hosts": ["a.com"], "ports": [PORT], "resolution": resolution, **fields}


# fmt: off
FAULTS: dict[str, tuple[Tree, list[str]]] = {
    "sound": (entry(), []),
    "no hosts": ({"ports": [PORT]}, ["M2013 spec"]),
    "star": (entry("NONE", hosts=["*"]), ["M2401 spec.hosts[0]"]),
    "range": (entry(addresses=["10.0.0.0/8"]), ["M2402 spec.addresses[0]"]),
    "endpoints without resolution": (entry("NONE", endpoints=[{"address": "1.1.1.1"}]), ["M2403 spec.endpoints"]),
    "wildcard by DNS": (entry(hosts=["*.a.com"]), ["M2403 spec.hosts[0]"]),
    "two endpoints": (entry("DNS_ROUND_ROBIN", endpoints=[{"address": "b.com"}, {"address": "c.com"}]),
                      ["M2403 spec.endpoints"]),
    "dynamic": (entry("DYNAMIC_DNS"), ["M2403 spec.hosts"]),
    "dynamic wildcard": (entry("DYNAMIC_DNS", hosts=["*.a.com"]), []),
    "selector and endpoints": (entry("STATIC", endpoints=[{"address": "1.1.1.1"}],
                               workloadSelector={"labels": {"a": "b"}}), ["M2404 spec.workloadSelector"]),
    "port twice": (entry(ports=[PORT, PORT]), ["M2405 spec.ports[1].name", "M2405 spec.ports[1].number"]),
    "endpoint's port": (entry("STATIC", endpoints=[{"address": "1.1.1.1", "ports": {"x": 1}}]),
                        ["M2406 spec.endpoints[0].ports.x"]),
    "name as address": (entry("STATIC", endpoints=[{"address": "b.com"}]), ["M2407 spec.endpoints[0].address"]),
    "socket": (entry("STATIC", endpoints=[{"address": "unix:///a"}]), []),
    "relative socket": (entry("STATIC", endpoints=[{"address": "unix://a"}]), ["M2016 spec.endpoints[0].address"]),
    "hosts share TCP": (entry("STATIC", hosts=["a.com", "b.com"], ports=[TCP], addresses=["1.1.1.1"]),
                        ["M2408 spec.ports[0]"]),
    "nobody and somebody": (entry(exportTo=["~", "a"]), ["M2010 spec.exportTo"]),
    "nobody": (entry(exportTo=["~"]), []),
    "wrong selector": (entry("STATIC", workloadSelector={"matchLabels": {"a": "b"}}),
                       ["M1101 spec.workloadSelector.matchLabels"]),
}
# fmt: on


@pytest.mark.parametrize(("spec", "want"), FAULTS.values(), ids=FAULTS)
def test_faults(spec: Tree, want: list[str]):
    assert faults("ServiceEntry", spec) == want


def test_tcp_without_an_address_is_said():
    assert warnings("ServiceEntry", entry(ports=[TCP])) == ["M2409 spec.ports[0]"]


@pytest.mark.parametrize("kind", ["Sidecar", "EnvoyFilter"])
def test_a_selector_of_another_form_selects_nothing_in_silence(kind: str) -> None:
    """As in Istio, these kinds have `labels`; `matchLabels` of others would leave a document that selects everybody."""
    spec: Tree = {"workloadSelector": {"matchLabels": {"a": "b"}}}
    assert "M1101 spec.workloadSelector.matchLabels" in faults(kind, spec)
