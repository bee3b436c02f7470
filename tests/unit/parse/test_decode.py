"""Trees become values; every fault has its path and says what to do."""

import pytest

from meltemi.core.model.document import Path
from meltemi.core.model.kube.pod import Pod
from meltemi.core.model.kube.service import Service
from meltemi.core.model.traffic.destination_rule import ClientTLSMode, OutlierDetection, TrafficPolicy
from meltemi.core.model.traffic.virtual_service import HTTPRoute, VirtualService
from meltemi.core.model.tree import Tree
from meltemi.core.model.value import Value
from meltemi.core.parse.decode import decode
from meltemi.core.parse.faults import Faults


def fault(kind: type[Value], tree: Tree) -> list[tuple[str, str, str]]:
    faults = Faults()
    decode(kind, tree, Path("spec"), faults, strict=True)
    return [(f.code, f.path, f.help) for f in faults.found]


def test_camel_case_and_proto_names_are_one_field():
    faults = Faults()
    for name in ("maxEjectionPercent", "max_ejection_percent"):
        assert decode(OutlierDetection, {name: 5}, Path(""), faults, strict=True) == OutlierDetection(
            max_ejection_percent=5
        )
    assert not faults.found


def test_null_is_not_written():
    faults = Faults()
    assert decode(HTTPRoute, {"timeout": None, "match": None}, Path(""), faults, strict=True) == HTTPRoute()
    assert not faults.found


def test_maps_are_sorted_pairs():
    faults = Faults()
    got = decode(HTTPRoute, {"appendHeaders": {"b": "2", "a": "1"}}, Path(""), faults, strict=True)
    assert got == HTTPRoute(append_headers=(("a", "1"), ("b", "2")))


def test_kubernetes_spells_some_fields_its_own_way():
    faults = Faults()
    pod = decode(Pod, {"status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}}, Path(""), faults, strict=False)
    assert pod is not None
    assert (pod.status.pod_ip, pod.status.pod_ips[0].ip) == ("10.0.0.1", "10.0.0.1")


def test_unknown_fields_pass_where_they_may():
    faults = Faults()
    tree: Tree = {"spec": {"clusterIP": "None", "news": 1, "ports": [{"port": 80, "targetPort": "http"}]}}
    service = decode(Service, tree, Path(""), faults, strict=False)
    assert service is not None
    assert (service.spec.cluster_ip, service.spec.ports[0].target_port) == ("None", "http")
    assert not faults.found


def test_enums_by_name():
    faults = Faults()
    policy = decode(TrafficPolicy, {"tls": {"mode": "SIMPLE"}}, Path(""), faults, strict=True)
    assert policy is not None
    assert policy.tls is not None
    assert policy.tls.mode is ClientTLSMode.SIMPLE


# fmt: off
FAULTS: dict[str, tuple[Tree, tuple[str, str, str]]] = {
    "unknown field": ({"http": [{"timout": "5s"}]}, ("M1101", "spec.http[0].timout", "did you mean 'timeout'?")),
    "wrong letters": ({"Hosts": []}, ("M1101", "spec.Hosts", "did you mean 'hosts'?")),
    "quoted number": ({"http": [{"mirrorPercent": "5"}]},
                      ("M1103", "spec.http[0].mirrorPercent", "write it without quotes")),
    "bare number": ({"hosts": [5]}, ("M1103", "spec.hosts[0]", "write it in quotes")),
    "no unit": ({"http": [{"timeout": 5}]},
                ("M1103", "spec.http[0].timeout", "write a number with a unit, like '10s', '1.5h' or '250ms'")),
    "no list": ({"hosts": "a"}, ("M1103", "spec.hosts", "begin each item with '- '")),
    "null in a list": ({"hosts": [None]}, ("M1103", "spec.hosts[0]", "")),
    "unknown word": ({"http": [{"corsPolicy": {"unmatchedPreflights": "FORWRD"}}]},
                     ("M1104", "spec.http[0].corsPolicy.unmatchedPreflights", "did you mean 'FORWARD'?")),
    "oneof": ({"http": [{"match": [{"uri": {"exact": "a", "prefix": "b"}}]}]},
              ("M1105", "spec.http[0].match[0].uri.prefix", "keep one of them")),
    "too wide": ({"http": [{"mirrorPercent": 2**40}]}, ("M1103", "spec.http[0].mirrorPercent", "")),
    "both spellings": ({"export_to": [], "exportTo": []}, ("M1002", "spec.exportTo", "")),
    "no mapping": ([], ("M1103", "spec", "")),
}
# fmt: on


@pytest.mark.parametrize(("tree", "want"), FAULTS.values(), ids=FAULTS)
def test_faults(tree: Tree, want: tuple[str, str, str]):
    assert fault(VirtualService, tree) == [want]


def test_all_faults_at_once():
    tree: Tree = {"hosts": 1, "http": [{"timout": "5s", "retries": {"attempts": "x"}}], "tsl": []}
    assert len(fault(VirtualService, tree)) == 4
