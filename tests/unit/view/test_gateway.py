"""view/gateway: where a gateway listens, which hosts it serves, and whose rules are asked."""

from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Target
from meltemi.core.model.units import PortNumber
from meltemi.core.view.gateway import (
    Place,
    elsewhere,
    gateway_host,
    gateway_listener,
    gateway_places,
    gateway_tables,
    served_at,
)
from meltemi.core.view.virtual_host import VirtualHost
from meshes import mesh_of, service, virtual_service

SERVICES = service("a", "http:80", address="198.19.0.1") + service("b", "http:80", address="198.19.0.2")


def place(*targets: tuple[int, int]) -> Place:
    own = tuple(Target(host="in.edge.svc.cluster.local", port=PortNumber(p), target=PortNumber(t)) for p, t in targets)
    return Place(namespace="edge", labels=(("istio", "in"),), targets=own)


def gateway(name: str, *servers: str, namespace: str = "edge", created: str = "2020-01-01T00:00:00Z") -> str:
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: Gateway\n"
        f"metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: '{created}'}}\n"
        f"spec: {{selector: {{istio: in}}, servers: [{', '.join(servers)}]}}\n"
    )


def http(hosts: str, number: int = 80, more: str = "") -> str:
    return f"{{port: {{number: {number}, name: http-{number}, protocol: HTTP}}, hosts: [{hosts}]{more}}}"


def rule(
    name: str, hosts: str, to: str, *, gateways: str = "edge/g", namespace: str = "default", match: str = ""
) -> str:
    way = f"{match}route: [{{destination: {{host: {to}.default.svc.cluster.local}}}}]"
    return virtual_service(name, f"{{hosts: [{hosts}], gateways: [{gateways}], http: [{{{way}}}]}}", namespace)


def hosts(mesh: Engine, table: str = "http.80") -> dict[str, VirtualHost]:
    served = mesh.get(served_at, place(), table)
    return {s.domain: mesh.get(gateway_host, table, s, "edge") for s in served}


def ends(found: VirtualHost) -> list[str]:
    return [t.host.partition(".")[0] for r in found.routes for t in r.targets]


def test_a_server_listens_where_its_service_sends_the_port() -> None:
    mesh = mesh_of(gateway("g", http("'*'")))

    assert mesh.get(gateway_places, place((80, 8080))) == (("0.0.0.0", 8080),)
    assert mesh.get(gateway_places, place((81, 8081))) == (("0.0.0.0", 80),)


def test_hosts_are_those_of_which_both_sides_speak() -> None:
    mesh = mesh_of(SERVICES + gateway("g", http("'*.example.com'")) + rule("r", "a.example.com, a.example.org", "a"))

    assert list(hosts(mesh)) == ["a.example.com"]


def test_a_server_may_name_the_namespace_of_rules() -> None:
    rules = rule("r", "a.example.com", "a") + rule("s", "b.example.com", "b", namespace="other")
    mesh = mesh_of(SERVICES + gateway("g", http("default/*")) + rules)

    assert list(hosts(mesh)) == ["a.example.com"]


def test_rules_of_several_documents_stand_one_after_the_other() -> None:
    first = rule("r", "shop.example.com", "a", match="match: [{uri: {prefix: /a}}], ")
    mesh = mesh_of(SERVICES + gateway("g", http("'*'")) + first + rule("s", "shop.example.com", "b"))

    assert ends(hosts(mesh)["shop.example.com"]) == ["a", "b"]


def test_gateways_share_a_port() -> None:
    gateways = gateway("g", http("a.example.com")) + gateway("h", http("b.example.com"), namespace="default")
    rules = rule("r", "a.example.com", "a") + rule("s", "b.example.com", "b", gateways="h")
    mesh = mesh_of(SERVICES + gateways + rules)

    assert {d: ends(h) for d, h in hosts(mesh).items()} == {"a.example.com": ["a"], "b.example.com": ["b"]}


def test_a_host_without_rules_only_redirects() -> None:
    mesh = mesh_of(gateway("g", http("shop.example.com", more=", tls: {httpsRedirect: true}")))

    assert hosts(mesh)["shop.example.com"].https_only


def test_the_oldest_gateway_decides_what_a_port_speaks() -> None:
    bytes_ = "{port: {number: 80, name: tcp, protocol: TCP}, hosts: ['*']}"
    mesh = mesh_of(
        SERVICES
        + gateway("g", bytes_, created="2021-01-01T00:00:00Z")
        + gateway("h", http("'*'"))
        + rule("r", "'*'", "a", gateways="edge/h")
    )

    assert list(mesh.get(gateway_tables, place())) == ["http.80"]


def test_tls_is_passed_through_by_server_name() -> None:
    server = "{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*'], tls: {mode: PASSTHROUGH}}"
    spec = (
        "{hosts: [a.example.com], gateways: [edge/g], tls: [{match: [{sniHosts: [a.example.com]}],"
        " route: [{destination: {host: a, port: {number: 80}}}]}]}"
    )
    mesh = mesh_of(SERVICES + gateway("g", server) + virtual_service("r", spec))

    found = mesh.get(gateway_listener, place(), "0.0.0.0", 443)

    assert found is not None
    assert [(c.match.server_names, c.tls) for c in found.chains] == [(("a.example.com",), None)]
    assert found.needs == frozenset({"outbound|80||a.default.svc.cluster.local"})


def test_tls_ends_with_a_secret_asked_for_by_name() -> None:
    tls = "tls: {mode: MUTUAL, credentialName: shop}"
    server = f"{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [shop.example.com], {tls}}}"
    mesh = mesh_of(SERVICES + gateway("g", server) + rule("r", "shop.example.com", "a"))

    found = mesh.get(gateway_listener, place(), "0.0.0.0", 443)

    assert found is not None
    chain = found.chains[0]
    assert chain.tls is not None
    assert (chain.tls.secrets, chain.tls.trusted_secret) == (("kubernetes://shop",), "kubernetes://shop-cacert")
    assert ends(hosts(mesh, chain.table)["shop.example.com"]) == ["a"]


def test_a_port_without_rules_for_its_bytes_is_not_opened() -> None:
    mesh = mesh_of(gateway("g", "{port: {number: 90, name: tcp, protocol: TCP}, hosts: ['*']}"))

    assert mesh.get(gateway_places, place()) == ()


def https(name: str, hosts: str) -> str:
    tls = f"{{mode: SIMPLE, credentialName: {name}}}"
    return f"{{port: {{number: 443, name: {name}, protocol: HTTPS}}, hosts: [{hosts}], tls: {tls}}}"


def test_hosts_of_other_servers_on_a_port_are_misdirected() -> None:
    servers = https("a", "a.example.com"), https("b", "b.example.com, '*.b.example.com'"), https("all", "'*'")
    mesh = mesh_of(SERVICES + gateway("g", *servers) + rule("r", "'*'", "a"))

    assert mesh.get(elsewhere, place(), "https.443.a.g.edge") == ("*.b.example.com", "b.example.com")
    assert mesh.get(elsewhere, place(), "https.443.b.g.edge") == ("a.example.com",)
    assert mesh.get(elsewhere, place(), "https.443.all.g.edge") == ()
