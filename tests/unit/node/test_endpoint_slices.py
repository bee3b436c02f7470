"""Endpoints follow the state of pods."""

from typing import Any

import pytest

from meltemi.core.node.endpoint_slices import endpoint_slice_actions, slices_of
from meltemi.core.node.objects import Delete, Object, Put
from unit.node.objects import WEB, pod, stored


def service(**spec: Any) -> Object:
    return stored("Service", "web", {"spec": {"selector": WEB, "ports": [{"port": 80, "name": "http"}], **spec}})


# fmt: off
CONDITIONS = {
    #                      pod                                 publishNotReady → ready, serving, terminating
    "ready":               (pod("a"),                             False, (True, True, False)),
    "not ready":           (pod("a", ready=False),                False, (False, False, False)),
    "leaving":             (pod("a", leaving=True),               False, (False, True, True)),
    "published anyway":    (pod("a", ready=False),                True,  (True, False, False)),
}
ABSENT = {
    "without address": pod("a", ip=""),
    "at its end":      pod("a", phase="Succeeded"),
}
# fmt: on


@pytest.mark.parametrize(("of", "anyway", "wanted"), CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(of: Object, anyway: bool, wanted: tuple[bool, bool, bool]) -> None:
    (found,) = slices_of(service(publishNotReadyAddresses=anyway), [of])

    assert tuple(found["endpoints"][0]["conditions"].values()) == wanted


@pytest.mark.parametrize("of", ABSENT.values(), ids=ABSENT)
def test_pods_that_are_no_endpoints(of: Object) -> None:
    (found,) = slices_of(service(), [of])

    assert found["endpoints"] == []


def test_a_named_port_is_looked_up_in_each_pod() -> None:
    named = service(ports=[{"port": 80, "targetPort": "web"}])
    pods = [
        pod(name, ip=ip, spec={"containers": [{"ports": [{"name": "web", "containerPort": number}]}]})
        for name, ip, number in (("a", "198.18.0.2", 8080), ("b", "198.18.0.3", 9090), ("c", "198.18.0.4", 8080))
    ]

    found = {s["ports"][0]["port"]: [e["addresses"][0] for e in s["endpoints"]] for s in slices_of(named, pods)}

    assert found == {8080: ["198.18.0.2", "198.18.0.4"], 9090: ["198.18.0.3"]}


def test_the_name_stays_while_endpoints_come_and_go() -> None:
    empty, full = slices_of(service(), []), slices_of(service(), [pod("a")])

    assert empty[0]["metadata"]["name"] == full[0]["metadata"]["name"]


def test_only_what_differs_is_written() -> None:
    (tree,) = slices_of(service(), [pod("a")])
    old = stored("EndpointSlice", tree["metadata"]["name"], tree, group="discovery.k8s.io")

    assert list(endpoint_slice_actions(service(), [pod("a")], [old])) == []
    (change,) = endpoint_slice_actions(service(), [pod("a", leaving=True)], [old])
    assert isinstance(change, Put)
    assert change.expected == old.revision


def test_a_slice_that_no_port_needs_any_more_goes() -> None:
    old = stored("EndpointSlice", "web-old", {"endpoints": [], "ports": []}, group="discovery.k8s.io")

    gone = [a for a in endpoint_slice_actions(service(), [], [old]) if isinstance(a, Delete)]

    assert [a.key.name for a in gone] == ["web-old"]


@pytest.mark.parametrize("spec", [{"selector": None}, {"type": "ExternalName"}])
def test_services_without_slices_of_ours(spec: dict[str, Any]) -> None:
    assert slices_of(service(**spec), [pod("a")]) == []


def test_a_pod_that_asks_for_a_name_of_its_own_has_it() -> None:
    (found,) = slices_of(service(), [pod("a", spec={"hostname": "web-0", "subdomain": "web"})])

    assert found["endpoints"][0]["hostname"] == "web-0"
