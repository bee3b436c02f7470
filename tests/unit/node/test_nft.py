"""The rules' text, where the kernel's own view (tests/e2e/services) would not show a fault."""

import pytest

from meltemi.core.node.nft import Target, gateway_target, ruleset, targets
from meltemi.core.node.services import Endpoint, Port, ServiceView, service_views
from meltemi.core.node.settings import NodeSettings
from unit.node.objects import stored

HTTP = Port(name="http", number=80)
THERE = Port(name="http", number=8080)


def view(*endpoints: Endpoint, ip: str = "198.19.0.2") -> ServiceView:
    return ServiceView(namespace="default", name="web", cluster_ip=ip, ports=(HTTP,), endpoints=endpoints)


READY = Endpoint(ip="198.18.0.2", ports=(THERE,))
LEAVING = Endpoint(ip="198.18.0.3", ports=(THERE,), ready=False)
GONE = Endpoint(ip="198.18.0.4", ports=(THERE,), ready=False, serving=False)

# fmt: off
CASES: dict[str, tuple[ServiceView, list[str]]] = {
    "ready ones only":            (view(READY, LEAVING, GONE),          ["198.18.0.2"]),
    "leaving ones when alone":    (view(LEAVING, GONE),                 ["198.18.0.3"]),
    "nobody":                     (view(GONE),                          []),
    "headless":                   (view(READY, ip=""),                  []),
}
# fmt: on


@pytest.mark.parametrize(("of", "wanted"), CASES.values(), ids=CASES)
def test_backends(of: ServiceView, wanted: list[str]) -> None:
    assert [ip for target in targets([of]) for ip, _ in target.backends] == wanted


def test_the_gateway_needs_a_port_and_a_service() -> None:
    found = targets([view(READY)])
    settings = NodeSettings(gateway_service="default/web")

    assert gateway_target(settings, found) is None
    assert gateway_target(NodeSettings(gateway_service="default/web", gateway_port=8080), found) == found[0]


def test_what_is_no_address_never_reaches_the_rules() -> None:
    """One line that the kernel refuses would keep all of them out."""
    endpoints = {"subsets": [{"addresses": [{"ip": "fd00::1"}, {"ip": "x } ;"}], "ports": [{"port": 80}]}]}
    service = stored("Service", "web", {"spec": {"clusterIP": "198.19.0.2", "ports": [{"port": 80}]}})

    (got,) = service_views([service, stored("Endpoints", "web", endpoints)])

    assert got.endpoints == ()


def test_a_name_cannot_become_a_rule() -> None:
    target = Target(name="a\nflush ruleset", cluster_ip="198.19.0.2", port=HTTP, backends=(("198.18.0.2", 80),))

    assert "\nflush" not in ruleset(NodeSettings(mesh_id="abcdef"), [target])
