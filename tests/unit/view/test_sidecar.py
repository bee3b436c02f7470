"""A Sidecar: what its workloads see, where unknown calls go, and what they answer."""

from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.view.sidecar_findings import sidecar_findings
from meshes import mesh_of, service, virtual_service

SERVICES = (
    service("reviews", "http:80", "http-admin:81", address="198.19.0.1")
    + service("ratings", "http:80", address="198.19.0.2")
    + service("db", "tcp:3306", address="198.19.0.3")
)


def sidecar(spec: str, name: str = "default", namespace: str = "default", created: str = "") -> str:
    stamp = f", creationTimestamp: '{created}'" if created else ""
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\n"
        f"metadata: {{name: {name}, namespace: {namespace}{stamp}}}\nspec: {spec}\n"
    )


def seen(mesh: Engine, **labels: str) -> dict[ResourceType, dict[str, Resource]]:
    """Everything that a workload of namespace default gets, by type and name."""
    proxy = Proxy(
        role=Role.SIDECAR, id="a.default", namespace="default", addresses=("10.0.0.1",), labels=tuple(labels.items())
    )
    found: dict[ResourceType, dict[str, Resource]] = {kind: {} for kind in ResourceType}
    for slot in slots(mesh, mesh.get(scope_of, proxy)):
        body = slot.body.run(mesh)
        if body is not None:
            found[slot.type][slot.name] = body
    return found


def outbound(mesh: Engine, **labels: str) -> list[str]:
    """`port host` of the outbound clusters."""
    names = (name.split("|") for name in seen(mesh, **labels)[ResourceType.CLUSTER] if name.startswith("outbound|"))
    return sorted(f"{port} {host.partition('.')[0]}" for _, port, _, host in names)


def codes(mesh: Engine) -> list[tuple[str, str]]:
    return [(f.code, f.path) for f in mesh.get(sidecar_findings)]


def test_only_named_hosts_are_seen() -> None:
    mesh = mesh_of(SERVICES + sidecar("{egress: [{hosts: ['./reviews.default.svc.cluster.local']}]}"))

    assert outbound(mesh) == ["80 reviews", "81 reviews"]
    assert set(seen(mesh)[ResourceType.ROUTES]) == {"80", "81"}
    assert "198.19.0.3_3306" not in seen(mesh)[ResourceType.LISTENER]


def test_other_namespaces_see_all() -> None:
    mesh = mesh_of(SERVICES + sidecar("{egress: [{hosts: ['~/*']}]}", namespace="other"))

    assert outbound(mesh) == ["3306 db", "80 ratings", "80 reviews", "81 reviews"]


def test_a_listener_for_a_port_shows_that_port_only() -> None:
    mesh = mesh_of(SERVICES + sidecar("{egress: [{port: {number: 81, protocol: HTTP, name: http}, hosts: ['*/*']}]}"))

    assert outbound(mesh) == ["81 reviews"]
    assert set(seen(mesh)[ResourceType.ROUTES]) == {"81"}


def test_each_listener_has_hosts_of_its_own() -> None:
    rest = "{hosts: ['./ratings.default.svc.cluster.local']}"
    admin = "{port: {number: 81, protocol: HTTP, name: http}, hosts: ['./reviews.default.svc.cluster.local']}"
    mesh = mesh_of(SERVICES + sidecar(f"{{egress: [{admin}, {rest}]}}"))

    assert outbound(mesh) == ["80 ratings", "81 reviews"]


def test_a_listener_without_interception_binds_where_it_is_told() -> None:
    written = "{port: {number: 3306, protocol: TCP, name: tcp}, captureMode: NONE, hosts: ['*/*']}"
    mesh = mesh_of(SERVICES + sidecar(f"{{egress: [{written}]}}"))

    assert [n for n in seen(mesh)[ResourceType.LISTENER] if "3306" in n] == ["127.0.0.1_3306_bound"]


def test_a_rule_that_is_seen_brings_what_it_routes_to() -> None:
    rule = virtual_service("r", "{hosts: [reviews], http: [{route: [{destination: {host: ratings}}]}]}")
    mesh = mesh_of(SERVICES + rule + sidecar("{egress: [{hosts: ['./reviews.default.svc.cluster.local']}]}"))

    assert outbound(mesh) == ["80 ratings", "80 reviews", "81 reviews"]
    hosts = seen(mesh)[ResourceType.VIRTUAL_HOST]
    assert "80/ratings.default.svc.cluster.local:80" not in hosts
    assert "outbound|80||ratings.default.svc.cluster.local" in hosts["80/reviews.default.svc.cluster.local:80"].needs


def test_a_sidecar_with_a_selector_comes_first_and_the_root_s_last() -> None:
    one = sidecar(
        "{workloadSelector: {labels: {app: a}}, egress: [{hosts: ['*/db.default.svc.cluster.local']}]}", "one"
    )
    own = sidecar("{egress: [{hosts: ['*/ratings.default.svc.cluster.local']}]}", "own")
    root = sidecar("{egress: [{hosts: ['./*']}]}", "root", "istio-system")

    assert outbound(mesh_of(SERVICES + one + own + root), app="a") == ["3306 db"]
    assert outbound(mesh_of(SERVICES + one + own + root), app="b") == ["80 ratings"]
    elsewhere = service("x", "http:80", address="198.19.0.9").replace("namespace: default", "namespace: other")
    assert outbound(mesh_of(SERVICES + elsewhere + root)) == ["3306 db", "80 ratings", "80 reviews", "81 reviews"]


def test_unknown_calls_are_refused_or_go_to_a_proxy() -> None:
    refused = mesh_of(SERVICES + sidecar("{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}"))
    to = "{host: ratings.default.svc.cluster.local, port: {number: 80}}"
    proxied = mesh_of(SERVICES + sidecar(f"{{outboundTrafficPolicy: {{mode: ALLOW_ANY, egressProxy: {to}}}}}"))

    assert seen(refused)[ResourceType.LISTENER]["virtualOutbound"].needs == {"BlackHoleCluster"}
    assert "80/block_all" in seen(refused)[ResourceType.VIRTUAL_HOST]
    cluster = "outbound|80||ratings.default.svc.cluster.local"
    assert cluster in seen(proxied)[ResourceType.LISTENER]["virtualOutbound"].needs
    assert seen(proxied)[ResourceType.VIRTUAL_HOST]["80/allow_any"].needs == {cluster}


def test_ingress_listeners_are_all_that_is_answered() -> None:
    written = "{port: {number: 9080, protocol: HTTP, name: http}, defaultEndpoint: '127.0.0.1:8080'}"
    mesh = mesh_of(SERVICES + sidecar(f"{{ingress: [{written}]}}"))

    found = seen(mesh)[ResourceType.CLUSTER]

    assert [name for name in found if name.startswith("inbound|") and name.endswith("||")] == ["inbound|9080||"]
    assert b"127.0.0.1" in found["inbound|9080||"].body


def test_what_is_said_without_effect_is_told() -> None:
    older = sidecar("{egress: [{hosts: ['./nobody.example.com']}]}", "older", created="2024-01-01T00:00:00Z")
    newer = sidecar(
        "{ingress: [{port: {number: 443, protocol: HTTPS, name: https}, "
        "tls: {mode: SIMPLE, serverCertificate: /a.pem, privateKey: /b.pem}}]}",
        "newer",
        created="2025-01-01T00:00:00Z",
    )

    assert sorted(codes(mesh_of(SERVICES + older + newer))) == [
        ("M3301", "spec"),
        ("M3302", "spec.egress[0].hosts[0]"),
        ("M3303", "spec.ingress[0].tls"),
    ]


def test_a_listener_that_reads_requests_of_a_port_of_bytes_has_their_table() -> None:
    listener = "{port: {number: 3306, protocol: HTTP, name: http}, hosts: ['*/*']}"
    mesh = mesh_of(SERVICES + sidecar(f"{{egress: [{listener}]}}"))

    assert set(seen(mesh)[ResourceType.ROUTES]) == {"3306"}


def test_a_listener_without_interception_binds_at_the_workload_s_address() -> None:
    listener = "{port: {number: 80, protocol: TCP, name: tcp}, captureMode: NONE}"
    mesh = mesh_of(SERVICES + sidecar(f"{{ingress: [{listener}]}}"))

    names = [name for name in seen(mesh)[ResourceType.LISTENER] if name.startswith("inbound_")]
    assert names == ["inbound_10.0.0.1_80"]


def test_a_rule_for_some_clients_decides_on_their_hashes_too() -> None:
    policy = "{loadBalancer: {consistentHash: {httpHeaderName: x-user}}}"
    selected = (
        "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d, namespace: default}\n"
        f"spec: {{host: reviews, workloadSelector: {{matchLabels: {{app: a}}}}, trafficPolicy: {policy}}}\n"
    )
    mesh, name = mesh_of(SERVICES + selected), "80/reviews.default.svc.cluster.local:80"

    assert b"x-user" in seen(mesh, app="a")[ResourceType.VIRTUAL_HOST][name].body
    assert b"x-user" not in seen(mesh, app="b")[ResourceType.VIRTUAL_HOST][name].body
