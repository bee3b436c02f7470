"""view/outbound: which listeners there are, and where each sends a connection."""

import pytest

from meltemi.core.engine.engine import Engine
from meltemi.core.model.mesh import MeshConfig, OutboundMode, OutboundTrafficPolicy
from meltemi.core.model.proxy import Sight
from meltemi.core.view.listener import Chain, Listener
from meltemi.core.view.outbound import outbound_listener, virtual_outbound
from meltemi.core.view.route import Client
from meltemi.core.view.unknown import unknown_of
from meltemi.core.view.wishes import ANY, listener_wishes, sniffed_tables
from meshes import mesh_of, service, virtual_service

V4 = ("ipv4",)
HERE = Sight(namespace="default")


def listener(engine: Engine, address: str, port: int, **labels: str) -> Listener:
    client = Client(sight=HERE, labels=tuple(labels.items()), port=port)
    found = engine.get(outbound_listener, client, V4, address, engine.get(unknown_of, None, HERE))
    assert found is not None
    return found


def outermost(engine: Engine) -> Listener:
    return engine.get(virtual_outbound, V4, engine.get(unknown_of, None, HERE))


def ends(chain: Chain | None) -> dict[str, int]:
    return {share.cluster: share.weight for share in chain.shares} if chain else {}


def test_http_shares_the_port_and_bytes_have_the_address() -> None:
    mesh = mesh_of(service("web", "http:80", "mysql:3306", address="198.19.0.1"))

    assert list(mesh.get(listener_wishes, HERE)) == [(ANY, 80), ("198.19.0.1", 3306)]


@pytest.mark.parametrize("port", [15020, 15021, 15090])
def test_a_port_of_the_proxy_itself_is_not_listened_on_for_all_addresses(port: int) -> None:
    mesh = mesh_of(service("web", f"http:{port}", address="198.19.0.1"))

    assert list(mesh.get(listener_wishes, HERE)) == [("198.19.0.1", port)]


def test_a_server_that_speaks_first_is_not_waited_for() -> None:
    mesh = mesh_of(service("db", "mysql:3306", address="198.19.0.1"))

    found = listener(mesh, "198.19.0.1", 3306)

    assert not found.inspect_http
    assert not found.inspect_tls
    assert ends(found.default) == {"outbound|3306||db.default.svc.cluster.local": 1}


def test_an_undeclared_port_is_told_by_its_first_bytes() -> None:
    mesh = mesh_of(service("web", "web:80", address="198.19.0.1"))

    found = listener(mesh, "198.19.0.1", 80)

    assert found.inspect_http
    assert [c.table for c in found.chains] == ["web.default.svc.cluster.local:80"]
    assert ends(found.default) == {"outbound|80||web.default.svc.cluster.local": 1}
    assert mesh.get(sniffed_tables, HERE) == (("web.default.svc.cluster.local", 80),)


def test_http_and_bytes_on_one_port_do_not_meet() -> None:
    mesh = mesh_of(service("a", "http:80", address="198.19.0.1") + service("b", "tcp:80", address="198.19.0.2"))

    assert [c.table for c in listener(mesh, ANY, 80).chains] == ["80"]
    assert ends(listener(mesh, "198.19.0.2", 80).default) == {"outbound|80||b.default.svc.cluster.local": 1}


def test_bytes_of_a_headless_service_have_each_endpoints_address() -> None:
    slices = (
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n"
        "metadata: {name: db-1, namespace: default, labels: {kubernetes.io/service-name: db}}\n"
        "ports: [{name: tcp, port: 7000}]\nendpoints: [{addresses: [198.18.0.1]}, {addresses: [198.18.0.2]}]\n"
    )
    mesh = mesh_of(service("db", "tcp:7000") + slices)

    assert list(mesh.get(listener_wishes, HERE)) == [("198.18.0.1", 7000), ("198.18.0.2", 7000)]


def external(name: str, host: str, port: str, more: str = "") -> str:
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: {name}, namespace: default}}\n"
        f"spec: {{hosts: [{host}], resolution: DNS, ports: [{port}]{more}}}\n"
    )


def test_tls_without_addresses_is_told_apart_by_server_name() -> None:
    port = "{number: 443, name: tls, protocol: TLS}"
    mesh = mesh_of(external("a", "a.example.com", port) + external("b", "b.example.com", port))

    found = listener(mesh, ANY, 443)

    assert {c.match.server_names: ends(c) for c in found.chains} == {
        ("a.example.com",): {"outbound|443||a.example.com": 1},
        ("b.example.com",): {"outbound|443||b.example.com": 1},
    }
    assert ends(found.default) == {"PassthroughCluster": 1}


def test_a_split_of_connections_by_the_clients_labels() -> None:
    way = "[{destination: {host: b}, weight: 9}, {destination: {host: a}, weight: 1}]"
    rule = virtual_service(
        "a", f"{{hosts: [a], tcp: [{{match: [{{port: 90, sourceLabels: {{v: '1'}}}}], route: {way}}}]}}"
    )
    services = service("a", "tcp:90", address="198.19.0.1") + service("b", "tcp:90", address="198.19.0.2")
    mesh = mesh_of(services + rule)

    assert ends(listener(mesh, "198.19.0.1", 90, v="1").default) == {
        "outbound|90||b.default.svc.cluster.local": 9,
        "outbound|90||a.default.svc.cluster.local": 1,
    }
    assert ends(listener(mesh, "198.19.0.1", 90).default) == {"outbound|90||a.default.svc.cluster.local": 1}


def test_the_oldest_service_has_the_port_that_cannot_be_told_apart() -> None:
    port = "{number: 90, name: tcp, protocol: TCP}"
    mesh = mesh_of(external("a", "a.example.com", port) + external("b", "b.example.com", port))

    assert ends(listener(mesh, ANY, 90).default) == {"outbound|90||a.example.com": 1}


def test_unknown_destinations() -> None:
    closed = MeshConfig(outbound_traffic_policy=OutboundTrafficPolicy(mode=OutboundMode.REGISTRY_ONLY))

    assert ends(outermost(mesh_of("")).default) == {"PassthroughCluster": 1}
    assert ends(outermost(mesh_of("", closed)).default) == {"BlackHoleCluster": 1}


def test_what_is_addressed_to_the_proxys_port_does_not_come_back_for_ever() -> None:
    found = outermost(mesh_of(""))

    assert [(c.match.port, ends(c)) for c in found.chains] == [(15001, {"BlackHoleCluster": 1})]


def rule_of(spec: str) -> str:
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: rule, namespace: default}}\nspec: {spec}\n"
    )


def test_connections_end_as_the_rule_says() -> None:
    limits = "{host: db, trafficPolicy: {connectionPool: {tcp: {maxConnectionDuration: 2m, idleTimeout: 5s}}}}"
    mesh = mesh_of(service("db", "tcp:3306", address="198.19.0.1") + rule_of(limits))

    found = listener(mesh, "198.19.0.1", 3306).default
    assert found is not None
    assert (found.limits.age, found.limits.idle) == (120, 5)
