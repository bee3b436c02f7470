"""The rules of DestinationRules, one row a rule."""

import pytest

from meltemi.core.model.tree import Tree
from unit.check.support import faults, notes, warnings


def policy(**settings: Tree) -> dict[str, Tree]:
    return {"host": "a", "trafficPolicy": settings}


P = "spec.trafficPolicy"

# fmt: off
FAULTS: dict[str, tuple[Tree, list[str]]] = {
    "sound": ({"host": "a"}, []),
    "no host": ({}, ["M2013 spec"]),
    "empty policy": (policy(), [f"M2201 {P}"]),
    "empty pool": (policy(connectionPool={}), [f"M2201 {P}.connectionPool"]),
    "negative": (policy(connectionPool={"tcp": {"maxConnections": -1}}),
                 [f"M2014 {P}.connectionPool.tcp.maxConnections"]),
    "subset twice": ({"host": "a", "subsets": [{"name": "x"}, {"name": "x"}]}, ["M2202 spec.subsets[1].name"]),
    "subset's name": ({"host": "a", "subsets": [{"name": "x_y"}]}, ["M2203 spec.subsets[0].name"]),
    "subset's label": ({"host": "a", "subsets": [{"name": "x", "labels": {"a b": "c"}}]},
                       ['M2009 spec.subsets[0].labels["a b"]']),
    "maglev": (policy(loadBalancer={"consistentHash": {"useSourceIp": True, "maglev": {"tableSize": 4}}}),
               [f"M2204 {P}.loadBalancer.consistentHash.maglev.tableSize"]),
    "distribute": (policy(loadBalancer={"localityLbSetting": {"distribute": [{"from": "a", "to": {"b": 50}}]}}),
                   [f"M2205 {P}.loadBalancer.localityLbSetting.distribute[0].to"]),
    "failover to itself": (policy(outlierDetection={}, loadBalancer={"localityLbSetting": {"failover": [
                           {"from": "a", "to": "a"}]}}), [f"M2205 {P}.loadBalancer.localityLbSetting.failover[0]"]),
    "mutual TLS without key": (policy(tls={"mode": "MUTUAL", "clientCertificate": "/c"}), [f"M2013 {P}.tls"]),
    "local failures": (policy(outlierDetection={"consecutiveLocalOriginFailures": 3}),
                       [f"M2208 {P}.outlierDetection.consecutiveLocalOriginFailures"]),
    "ejection percent": (policy(outlierDetection={"maxEjectionPercent": 101}),
                         [f"M2005 {P}.outlierDetection.maxEjectionPercent"]),
    "tunnel": (policy(tunnel={"protocol": "GET", "targetHost": "x", "targetPort": 1}), [f"M2209 {P}.tunnel.protocol"]),
    "warm-up": (policy(loadBalancer={"simple": "RANDOM", "warmup": {"duration": "1s", "aggression": 0.5}}),
                [f"M2210 {P}.loadBalancer.warmup.aggression"]),
    "upgrade": (policy(connectionPool={"http": {"h2UpgradePolicy": "UPGRADE", "useClientProtocol": True}}),
                [f"M2211 {P}.connectionPool.http.useClientProtocol"]),
    "port policy": (policy(portLevelSettings=[{"port": {"number": 70000}, "tls": {}}]),
                    [f"M2003 {P}.portLevelSettings[0].port.number"]),
    "selector exported": ({"host": "a", "workloadSelector": {"matchLabels": {"a": "b"}}, "exportTo": ["*"]},
                          ["M2010 spec.exportTo"]),
    "two balancers": (policy(loadBalancer={"simple": "RANDOM", "consistentHash": {"useSourceIp": True}}),
                      [f"M1105 {P}.loadBalancer.consistentHash"]),
}
# fmt: on


@pytest.mark.parametrize(("spec", "want"), FAULTS.values(), ids=FAULTS)
def test_faults(spec: Tree, want: list[str]):
    assert faults("DestinationRule", spec) == want


def test_failover_without_outlier_detection_is_said():
    spec = policy(loadBalancer={"localityLbSetting": {"failoverPriority": ["version"]}})
    assert warnings("DestinationRule", spec) == [f"M2206 {P}.loadBalancer.localityLbSetting"]


def test_a_limit_may_be_turned_off():
    assert faults("DestinationRule", policy(connectionPool={"tcp": {"idleTimeout": "0s"}})) == []


@pytest.mark.parametrize("how", [{"simple": "RANDOM"}, {"consistentHash": {"useSourceIp": True}}])
def test_warming_up_where_envoy_does_not_is_said(how: dict[str, Tree]):
    spec = policy(loadBalancer={**how, "warmup": {"duration": "1s"}})
    assert warnings("DestinationRule", spec) == [f"M1303 {P}.loadBalancer.warmup"]


@pytest.mark.parametrize(("written", "want"), [("true", 0), ("false", 0), ("yes", 1)])
def test_weights_by_latency_are_switched_by_true_and_false(written: str, want: int):
    found = faults("DestinationRule", {"host": "a"}, annotations={"meltemi.io/weights-by-latency": written})
    assert found == ['M2212 metadata.annotations["meltemi.io/weights-by-latency"]'] * want


def test_sidecars_read_credentials_of_rules_that_select_them():
    spec = policy(tls={"mode": "SIMPLE", "credentialName": "a"})
    selector: Tree = {"matchLabels": {"app": "a"}}
    assert notes("DestinationRule", spec) == [f"M2213 {P}.tls.credentialName"]
    assert notes("DestinationRule", {**spec, "workloadSelector": selector}) == []


def test_zones_of_a_region_are_not_told_apart_which_is_said():
    setting: Tree = {"enabled": True, "minClusterSize": 1}
    spec = policy(loadBalancer={"zoneAwareLbSetting": setting}, outlierDetection={})
    place = f"{P}.loadBalancer.zoneAwareLbSetting"
    assert notes("DestinationRule", spec) == [f"M2214 {place}"]
    assert warnings("DestinationRule", spec) == [f"M1303 {place}.minClusterSize"]
    assert faults("DestinationRule", policy(loadBalancer={"zoneAwareLbSetting": {"distribute": []}})) == [
        f"M1101 {place}.distribute"
    ]
