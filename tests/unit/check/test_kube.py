"""What an API server would refuse of the objects that the mesh reads."""

import pytest

from meltemi.core.check.validate import check_document, validate_bytes
from meltemi.core.model.tree import Tree

C: Tree = {"name": "c", "image": "i"}


def template(**labels: Tree) -> Tree:
    return {"metadata": {"labels": labels}, "spec": {"containers": [C]}}


ENDING: Tree = {"spec": {"containers": [C], "restartPolicy": "Never"}}

# fmt: off
CASES: dict[str, tuple[str, str, Tree, list[str]]] = {
    "service": ("v1", "Service", {"ports": [{"port": 80, "targetPort": "http"}]}, []),
    "service's port": ("v1", "Service", {"ports": [{"targetPort": 80}]}, ["M2003 spec.ports[0].port"]),
    "unnamed ports": ("v1", "Service", {"ports": [{"port": 80, "name": "a"}, {"port": 81}]}, ["M2013 spec.ports[1]"]),
    "HTTP as transport": ("v1", "Service", {"ports": [{"port": 80, "protocol": "HTTP"}]},
                          ["M1104 spec.ports[0].protocol"]),
    "service of IPv6": ("v1", "Service", {"ports": [{"port": 80}], "ipFamilies": ["IPv4", "IPv6"]},
                        ["M1303 spec.ipFamilies"]),
    "node port": ("v1", "Service", {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]},
                  ["M1303 spec.type", "M1303 spec.ports[0].nodePort"]),
    "load balancer": ("v1", "Service", {"type": "LoadBalancer", "ports": [{"port": 80}]}, ["M1303 spec.type"]),
    "load balancer's port": ("v1", "Service", {"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 30080}]},
                             ["M1303 spec.ports[0].nodePort", "M1303 spec.type"]),
    "no node port": ("v1", "Service", {"ports": [{"port": 80, "nodePort": 30080}]}, ["M1104 spec.ports[0].nodePort"]),
    "external address": ("v1", "Service", {"ports": [{"port": 80}], "externalIPs": ["192.0.2.1"]},
                         ["M1303 spec.externalIPs"]),
    "affinity": ("v1", "Service", {"ports": [{"port": 80}], "sessionAffinity": "ClientIP"},
                 ["M1303 spec.sessionAffinity"]),
    "no affinity": ("v1", "Service", {"ports": [{"port": 80}], "sessionAffinity": "None"}, []),
    "empty directories": ("v1", "Pod", {"containers": [C], "volumes": [
                          {"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {"medium": "Memory"}},
                          {"name": "c", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
                          {"name": "d", "emptyDir": {"sizeLimit": "1Mi"}},
                          {"name": "e", "emptyDir": {"medium": "HugePages"}}]},
                          ["M1303 spec.volumes[3].emptyDir.sizeLimit", "M1303 spec.volumes[4].emptyDir.medium"]),
    "deployment": ("apps/v1", "Deployment", {"selector": {"matchLabels": {"a": "b"}}, "template": template(a="b")}, []),
    "deployment that misses its pods": ("apps/v1", "Deployment", {"selector": {"matchLabels": {"a": "c"}},
                                        "template": template(a="b")}, ["M2801 spec.selector.matchLabels"]),
    "deployment without selector": ("apps/v1", "Deployment", {"template": template(a="b")}, ["M2013 spec"]),
    "old deployment without selector": ("extensions/v1beta1", "Deployment", {"template": template(a="b")}, []),
    "statefulset's claims": ("apps/v1", "StatefulSet", {"selector": {"matchLabels": {"a": "b"}},
                             "template": template(a="b"), "volumeClaimTemplates": [{"metadata": {"name": "d"}}]},
                             ["M1303 spec.volumeClaimTemplates"]),
    "daemonset without selector": ("apps/v1", "DaemonSet", {"template": template(a="b")}, ["M2013 spec"]),
    "job": ("batch/v1", "Job", {"template": ENDING}, []),
    "job that never ends": ("batch/v1", "Job", {"template": template()}, ["M1104 spec.template.spec.restartPolicy"]),
    "indexed job": ("batch/v1", "Job", {"template": ENDING, "completionMode": "Indexed"}, ["M2013 spec"]),
    "negative job": ("batch/v1", "Job", {"template": ENDING, "parallelism": -1}, ["M2014 spec.parallelism"]),
    "job's policies": ("batch/v1", "Job", {"template": ENDING, "podFailurePolicy": {"rules": []}},
                       ["M1303 spec.podFailurePolicy"]),
    "cronjob": ("batch/v1", "CronJob", {"schedule": "@daily", "jobTemplate": {"spec": {"template": ENDING}}}, []),
    "no schedule": ("batch/v1", "CronJob", {"schedule": "daily", "jobTemplate": {"spec": {"template": ENDING}}},
                    ["M1104 spec.schedule"]),
    "elsewhere": ("batch/v1", "CronJob", {"schedule": "@daily", "timeZone": "Europe/Rome", "jobTemplate":
                  {"spec": {"template": ENDING}}}, ["M1303 spec.timeZone"]),
    "container twice": ("v1", "Pod", {"containers": [C, C]}, ["M2802 spec.containers[1].name"]),
    "pod without containers": ("v1", "Pod", {}, ["M2013 spec"]),
}
# fmt: on


@pytest.mark.parametrize(("version", "kind", "spec", "want"), CASES.values(), ids=CASES)
def test_faults(version: str, kind: str, spec: Tree, want: list[str]):
    tree: Tree = {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    assert [f"{f.code} {f.path}" for f in check_document(tree)[1]] == want


def test_a_gateway_is_a_load_balancer_whose_way_in_is_known():
    metadata: Tree = {"name": "a", "labels": {"istio": "ingressgateway"}}
    spec: Tree = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    assert check_document({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})[1] == ()


def test_an_object_that_is_written_twice_is_said():
    one = b"apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
    _, findings = validate_bytes("f", one + b"---\n" + one)
    assert [(f.code, f.span.line) for f in findings] == [("M1207", 7)]
