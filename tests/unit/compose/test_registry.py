"""compose/registry: which hosts can be called, and what answers."""

import pytest

from meltemi.core.compose.protocols import entry_protocol, kube_protocol
from meltemi.core.compose.registry import endpoints, hosts, service
from meltemi.core.model.registry.service import AppProtocol, Resolution
from meltemi.core.view.workload_findings import workload_findings
from meshes import mesh_of

WEB = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default, annotations: {networking.istio.io/exportTo: "., other"}}
spec: {clusterIP: 198.19.0.1, selector: {app: web}, ports: [{name: http, port: 80, targetPort: main}]}
"""
SLICE = """
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [198.18.0.2], targetRef: {kind: Pod, name: web-v1-6d8f7c9b6d-abcde}}
- {addresses: [198.18.0.3], conditions: {ready: false}}
"""
OLD = """
---
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: default}
subsets: [{addresses: [{ip: 198.18.0.9}], ports: [{name: http, port: 8080}]}]
"""
POD = """
---
apiVersion: v1
kind: Pod
metadata: {name: web-v1-6d8f7c9b6d-abcde, namespace: default, labels: {app: web, pod-template-hash: 6d8f7c9b6d}}
spec: {serviceAccountName: clerk, containers: [{name: app, image: x}]}
status: {phase: Running, podIP: 198.18.0.2}
"""
HOST = "web.default.svc.cluster.local"


def entry(name: str, port: int, resolution: str = "STATIC", endpoint: str = "", created: str = "") -> str:
    listed = f", endpoints: [{{address: {endpoint}}}]" if endpoint else ""
    stamp = f", creationTimestamp: '{created}'" if created else ""
    return f"""
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default{stamp}}}
spec:
  {{hosts: [a.example.com], ports: [{{number: {port}, name: http, protocol: HTTP}}], resolution: {resolution}{listed}}}
"""


# fmt: off
PROTOCOLS = {
    #                 transport app                   name         number  →
    "name":           ("TCP", "",                   "http",          80,   AppProtocol.HTTP),
    "name and more":  ("TCP", "",                   "grpc-api",      80,   AppProtocol.GRPC),
    "two words":      ("TCP", "",                   "grpc-web-api",  80,   AppProtocol.GRPC_WEB),
    "unknown name":   ("TCP", "",                   "web",           80,   AppProtocol.AUTO),
    "appProtocol":    ("TCP", "kubernetes.io/h2c",  "http",          80,   AppProtocol.HTTP2),
    "websocket":      ("TCP", "kubernetes.io/ws",   "x",             80,   AppProtocol.HTTP),
    "unknown app":    ("TCP", "example.com/own",    "http",          80,   AppProtocol.AUTO),
    "udp":            ("UDP", "",                   "http",          80,   AppProtocol.UDP),
    "speaks first":   ("TCP", "",                   "",            3306,   AppProtocol.TCP),
}
# fmt: on


@pytest.mark.parametrize(("transport", "app", "name", "number", "expected"), PROTOCOLS.values(), ids=PROTOCOLS)
def test_protocol(transport: str, app: str, name: str, number: int, expected: AppProtocol) -> None:
    assert kube_protocol(transport=transport, app=app, name=name, number=number) is expected


def test_an_entrys_word_counts_in_any_case_of_letters() -> None:
    assert entry_protocol("Mongo", "http", 80) is AppProtocol.MONGO


def test_a_service_is_exported_where_it_says() -> None:
    found = mesh_of(WEB).get(service, HOST)

    assert found is not None
    assert found.export_to == ("default", "other")


def test_an_endpoint_knows_its_workload_and_unready_ones_are_left_out() -> None:
    (found,) = mesh_of(WEB + SLICE + POD).get(endpoints, HOST, 80)

    assert (found.address, found.port, found.workload, found.service_account) == (
        "198.18.0.2",
        8080,
        "web-v1",
        "clerk",
    )


def test_slices_come_before_endpoints() -> None:
    assert [x.address for x in mesh_of(WEB + OLD).get(endpoints, HOST, 80)] == ["198.18.0.9"]
    assert [x.address for x in mesh_of(WEB + OLD + SLICE).get(endpoints, HOST, 80)] == ["198.18.0.2"]


def test_entries_for_one_host_add_up() -> None:
    mesh = mesh_of(entry("b", 80, endpoint="192.0.2.2") + entry("a", 80, endpoint="192.0.2.1") + entry("c", 81))
    found = mesh.get(service, "a.example.com")

    assert mesh.get(hosts) == ("a.example.com",)
    assert found is not None
    assert [p.number for p in found.ports] == [80, 81]
    assert [x.address for x in mesh.get(endpoints, "a.example.com", 80)] == ["192.0.2.1", "192.0.2.2"]


def test_the_oldest_entry_decides_on_the_resolution() -> None:
    old = entry("b", 80, resolution="DNS", created="2026-01-01T00:00:00Z")
    found = mesh_of(entry("a", 81, created="2026-02-01T00:00:00Z") + old).get(service, "a.example.com")

    assert found is not None
    assert (found.resolution, [p.number for p in found.ports]) == (Resolution.DNS, [80])


def test_without_endpoints_dns_is_asked_for_the_host() -> None:
    (found,) = mesh_of(entry("a", 80, resolution="DNS")).get(endpoints, "a.example.com", 80)

    assert (found.address, found.port) == ("a.example.com", 80)


def test_an_entry_that_does_not_join_brings_no_endpoints() -> None:
    mesh = mesh_of(
        entry("first", 80, created="2024-01-01T00:00:00Z", endpoint="192.0.2.1")
        + entry("second", 80, "DNS", "other.example.com", created="2025-01-01T00:00:00Z")
    )

    assert [x.address for x in mesh.get(endpoints, "a.example.com", 80)] == ["192.0.2.1"]


def external(name: str, spec: str, labels: str = "{app: web}") -> str:
    return f"""
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {name}, namespace: default, labels: {labels}}}
spec: {{{spec}}}
"""


def test_a_service_selects_workload_entries_besides_pods() -> None:
    mesh = mesh_of(
        WEB
        + SLICE
        + external("one", "address: 192.0.2.1, ports: {main: 9000}, weight: 3, locality: a/b, network: far")
        + external("two", "address: 192.0.2.2, ports: {http: 9001}, serviceAccount: clerk")
        + external("other", "address: 192.0.2.3, labels: {app: other}")
        + external("named", "address: far.example.com")
    )

    _, one, two = mesh.get(endpoints, HOST, 80)
    assert (one.address, one.port, one.weight, one.locality, one.network) == ("192.0.2.1", 9000, 3, "a/b", "far")
    assert (two.address, two.port, two.service_account) == ("192.0.2.2", 9001, "clerk")


@pytest.mark.parametrize(
    ("spec", "tls"),
    [
        ("serviceAccount: clerk", True),
        ("serviceAccount: clerk, labels: {security.istio.io/tlsMode: disabled}", False),
        ("labels: {security.istio.io/tlsMode: istio}", True),
        ("weight: 1", False),
    ],
)
def test_who_has_an_account_has_a_sidecar(spec: str, tls: bool) -> None:
    (found,) = mesh_of(WEB + external("one", f"address: 192.0.2.1, {spec}")).get(endpoints, HOST, 80)

    assert found.tls is tls


def test_a_service_entry_selects_workload_entries() -> None:
    chosen = entry("a", 80).replace("resolution: STATIC", "resolution: STATIC, workloadSelector: {labels: {app: web}}")
    mesh = mesh_of(chosen + external("one", "address: 192.0.2.1, ports: {http: 9000}"))

    assert [(x.address, x.port) for x in mesh.get(endpoints, "a.example.com", 80)] == [("192.0.2.1", 9000)]


def test_what_a_workload_entry_says_without_effect_is_told() -> None:
    mesh = mesh_of(
        WEB
        + external("used", "address: 192.0.2.1")
        + external("named", "address: far.example.com")
        + external("alone", "address: 192.0.2.2", "{app: other}")
    )

    assert [(f.code, f.key.name if f.key else "") for f in mesh.get(workload_findings)] == [
        ("M3401", "alone"),
        ("M3402", "named"),
    ]
