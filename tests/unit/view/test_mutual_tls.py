"""view/{cluster,inbound,strict,mesh_tls}: who speaks mutual TLS to whom, and what a workload demands."""

from collections.abc import Mapping

import pytest

from meltemi.core.compose.destination_rules import rules_for
from meltemi.core.compose.peer_authentication import PeerModes
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy import pb
from meltemi.core.envoy.inbound import inbound_message
from meltemi.core.envoy.strict import demand_values
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.proxy import Answers, Target
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.model.units import PortNumber
from meltemi.core.view.cluster import Cluster, outbound_cluster
from meltemi.core.view.inbound import inbound_listener
from meltemi.core.view.strict import Closed, Demand, closed, demand
from meltemi.core.view.traffic_policy import Aim
from meshes import mesh_of, service

HOST = "web.default.svc.cluster.local"


def pod(name: str, address: str, *, sidecar: bool = True, account: str = "web") -> str:
    labels = "{app: web, security.istio.io/tlsMode: istio}" if sidecar else "{app: web}"
    return (
        f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: default, labels: {labels}}}\n"
        f"spec: {{serviceAccountName: {account}, containers: [{{name: c, image: i}}]}}\nstatus: {{podIP: {address}}}\n"
    )


def endpoints(*addresses: str, port: str = "http") -> str:
    listed = ", ".join(f"{{addresses: [{a}]}}" for a in addresses)
    return (
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, namespace: default, "
        f"labels: {{kubernetes.io/service-name: web}}}}\nports: [{{name: {port}, port: 8080}}]\nendpoints: [{listed}]\n"
    )


MIXED = pod("a", "10.0.0.1") + pod("b", "10.0.0.2", sidecar=False, account="other")
WEB = service("web", "http:80", address="198.19.0.1") + endpoints("10.0.0.1", "10.0.0.2") + MIXED


def cluster(mesh: Engine, port: int = 80) -> Cluster:
    aim = Aim(host=HOST, port=port, rules=mesh.get(rules_for, HOST, "default"))
    found = mesh.get(outbound_cluster, aim, False)
    assert found is not None
    return found


def rule(tls: str) -> str:
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web, namespace: default}\n"
        f"spec: {{host: web, trafficPolicy: {{tls: {tls}}}}}\n"
    )


def peer(spec: str) -> str:
    return (
        "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        f"metadata: {{name: p, namespace: default}}\nspec: {spec}\n"
    )


# === the client's side ===


def test_only_endpoints_with_a_sidecar_are_called_by_mutual_tls() -> None:
    found = cluster(mesh_of(WEB))

    assert found.tls is None
    assert found.mutual is not None
    assert found.mutual.names == ("spiffe://cluster.local/ns/default/sa/web",)
    assert (found.mutual.sni, found.mutual.alpn) == (f"outbound_.80_._.{HOST}", ("istio-http/1.1",))
    assert (found.mutual.secret, found.mutual.trusted_secret) == ("default", "ROOTCA")


def test_names_of_former_trust_domains_are_believed() -> None:
    settings = MeshConfig(trust_domain="new", trust_domain_aliases=("old",))

    found = cluster(mesh_of(WEB, settings)).mutual

    assert found is not None
    assert found.names == ("spiffe://new/ns/default/sa/web", "spiffe://old/ns/default/sa/web")


def test_without_endpoints_any_identity_of_the_mesh_is_asked_for_but_no_other() -> None:
    found = cluster(mesh_of(service("web", "http:80", address="198.19.0.1"))).mutual

    assert found is not None
    assert (found.names, found.name_prefixes) == ((), ("spiffe://cluster.local/",))


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (WEB + rule("{mode: DISABLE}"), MeshConfig()),
        (WEB, MeshConfig(enable_auto_mtls=False)),
        (service("web", "http:80") + rule("{mode: SIMPLE}"), MeshConfig()),
    ],
    ids=["a rule says so", "the mesh says so", "a rule says something else"],
)
def test_what_is_written_takes_the_place_of_what_the_mesh_does_itself(text: str, settings: MeshConfig) -> None:
    assert cluster(mesh_of(text, settings)).mutual is None


def test_istio_mutual_is_for_all_endpoints() -> None:
    found = cluster(mesh_of(WEB + rule("{mode: ISTIO_MUTUAL}"), MeshConfig(enable_auto_mtls=False)))

    assert found.mutual is None
    assert found.tls is not None
    assert found.tls.names == ("spiffe://cluster.local/ns/default/sa/web",)


@pytest.mark.parametrize(("more", "mutual"), [("", True), (pod("b", "10.0.0.2", sidecar=False), False)])
def test_a_headless_service_is_called_by_mutual_tls_where_all_its_pods_take_it(more: str, mutual: bool) -> None:
    headless = service("web", "http:80", address="None") + pod("a", "10.0.0.1")
    addresses = ["10.0.0.1", *(["10.0.0.2"] if more else [])]

    found = cluster(mesh_of(headless + more + endpoints(*addresses)))

    assert (found.tls is not None) is mutual


def test_a_workload_that_takes_no_mutual_tls_is_called_in_plain_text() -> None:
    found = cluster(mesh_of(WEB + peer("{mtls: {mode: DISABLE}}"))).mutual

    assert found is not None
    assert found.names == ()  # no endpoint says that it accepts it


# === the server's side ===

TARGET = (Target(host=HOST, port=PortNumber(80), target=PortNumber(8080)),)


def ways_in(protocol: str, modes: PeerModes, port: int = 8080) -> list[tuple[str, bool, bool]]:
    """(transport, requests are read, mutual TLS ends) of each chain."""
    mesh = mesh_of(service("web", f"{protocol}:80", address="198.19.0.1"))
    found = mesh.get(inbound_listener, Answers(targets=TARGET), ("ipv4",), modes)
    return [(c.match.transport, c.http, c.tls is not None) for c in found.chains if c.match.port == port]


# fmt: off
WAYS = [
    ("http", "DISABLE",    [("", True, False)]),
    ("http", "PERMISSIVE", [("tls", True, True), ("raw_buffer", True, False)]),
    ("http", "STRICT",     [("tls", True, True), ("tls", True, True)]),
    ("tcp",  "DISABLE",    [("", False, False)]),
    ("tcp",  "PERMISSIVE", [("tls", False, True), ("tls", False, False), ("raw_buffer", False, False)]),
    ("tcp",  "STRICT",     [("tls", False, True), ("tls", False, True)]),
    ("web",  "DISABLE",    [("raw_buffer", True, False), ("raw_buffer", False, False), ("tls", False, False)]),
    ("web",  "PERMISSIVE", [("tls", True, True), ("tls", False, True), ("raw_buffer", True, False),
                            ("raw_buffer", False, False), ("tls", False, False)]),
    ("web",  "STRICT",     [("tls", True, True), ("tls", False, True), ("tls", False, True)]),
]
# fmt: on


@pytest.mark.parametrize(("protocol", "mode", "ways"), WAYS)
def test_ways_into_a_port(protocol: str, mode: str, ways: list[tuple[str, bool, bool]]) -> None:
    assert ways_in(protocol, PeerModes(mode=MutualTLSMode(mode))) == ways


def test_a_port_without_a_service_has_ways_of_its_own_where_a_policy_names_it() -> None:
    modes = PeerModes(mode=MutualTLSMode.STRICT, ports=((9000, MutualTLSMode.DISABLE),))

    assert all(tls for _, _, tls in ways_in("http", modes))
    assert not any(tls for _, _, tls in ways_in("http", modes, port=9000))


@pytest.mark.parametrize(
    ("mode", "ports", "wanted"),
    [
        ("PERMISSIVE", (), Demand()),
        ("STRICT", (), Demand(everywhere=True)),
        ("STRICT", ((80, "DISABLE"),), Demand(everywhere=True, ports=(80,))),
        ("DISABLE", ((80, "STRICT"), (81, "PERMISSIVE")), Demand(ports=(80,))),
    ],
)
def test_what_is_demanded_of_requests(mode: str, ports: tuple[tuple[int, str], ...], wanted: Demand) -> None:
    modes = PeerModes(mode=MutualTLSMode(mode), ports=tuple((n, MutualTLSMode(m)) for n, m in ports))

    assert mesh_of("").get(demand, modes) == wanted


TWO = service("web", "tcp:80", "auto:82", address="198.19.0.1")
TARGETS = tuple(Target(host=HOST, port=PortNumber(n), target=PortNumber(8000 + n)) for n in (80, 82))


def modes_of(mode: str, **ports: str) -> PeerModes:
    """Ports are written `p80="STRICT"`."""
    listed = tuple((int(port[1:]), MutualTLSMode(said)) for port, said in ports.items())
    return PeerModes(mode=MutualTLSMode(mode), ports=listed)


# fmt: off
CLOSED = [
    (modes_of("STRICT"),                       Closed(ports=(8080, 8082))),
    (modes_of("STRICT", p8082="DISABLE"),      Closed(ports=(8080,))),
    (modes_of("STRICT", p9999="STRICT"),       Closed(ports=(8080, 8082, 9999))),
    (modes_of("PERMISSIVE", p9999="STRICT"),   Closed(ports=(9999,), spared=(9999,))),
    (modes_of("PERMISSIVE", p9999="DISABLE"),  Closed(spared=())),
    (modes_of("PERMISSIVE"),                   Closed(spared=())),
]
# fmt: on


@pytest.mark.parametrize(("modes", "wanted"), CLOSED)
def test_which_plain_connections_end(modes: PeerModes, wanted: Closed) -> None:
    assert mesh_of(TWO).get(closed, Answers(targets=TARGETS), modes) == wanted


BEFORE = [modes_of("PERMISSIVE"), modes_of("DISABLE"), modes_of("PERMISSIVE", p9999="DISABLE")]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("protocols", [("tcp:80", "auto:82"), ("http:80", "grpc:82")])
def test_whatever_came_in_plain_text_ends_when_mutual_tls_is_demanded(
    before: PeerModes, protocols: tuple[str, str]
) -> None:
    chains = _chains(before, protocols)
    strict = _values(modes_of("STRICT", **({"p9999": "STRICT"} if before.ports else {})))

    plain = [c for c in chains if _is_plain(c) and _port(c) != 15006]

    assert len(plain) > 2
    assert all(_ends(c, strict) for c in plain)
    assert not any(_ends(c, _values(before)) for c in plain)


def test_a_demand_at_a_port_without_a_service_ends_what_began_on_the_chain_for_all_others() -> None:
    before, after = modes_of("PERMISSIVE"), modes_of("PERMISSIVE", p9999="STRICT")
    old, new = ([c for c in _chains(m) if _is_plain(c) and not _port(c)] for m in (before, after))

    assert len(old) == len(new) > 0
    assert all(_ends(c, _values(after)) for c in old)
    assert not any(_ends(c, _values(after)) for c in new)


@pytest.mark.parametrize("protocols", [("tcp:80", "auto:82"), ("http:80", "grpc:82")])
def test_connections_by_mutual_tls_keep_their_chain(protocols: tuple[str, str]) -> None:
    before, after = (_chains(modes_of(m), protocols) for m in ("PERMISSIVE", "STRICT"))
    mutual = [c.SerializeToString(deterministic=True) for c in before if not _is_plain(c)]

    assert len(mutual) > 2
    assert set(mutual) <= {c.SerializeToString(deterministic=True) for c in after}


def _chains(modes: PeerModes, protocols: tuple[str, str] = ("tcp:80", "auto:82")) -> list[pb.FilterChain]:
    mesh = mesh_of(service("web", *protocols, address="198.19.0.1"))
    return list(inbound_message(mesh.get(inbound_listener, Answers(targets=TARGETS), ("ipv4",), modes)).filter_chains)


def _values(modes: PeerModes) -> Mapping[str, int]:
    return demand_values(mesh_of(TWO).get(closed, Answers(targets=TARGETS), modes))


def _ends(chain: pb.FilterChain, values: Mapping[str, int]) -> bool:
    """Whether a connection of the chain ends when its caller speaks."""
    rbac, asked = pb.NetworkRBAC(), pb.RuntimeFraction()
    assert chain.filters[0].typed_config.Unpack(rbac)
    predicate = rbac.matcher.matcher_list.matchers[0].predicate.single_predicate
    assert predicate.custom_match.typed_config.Unpack(asked)
    default = asked.runtime_fraction.default_value.numerator
    return values.get(asked.runtime_fraction.runtime_key, default) == 100


def _is_plain(chain: pb.FilterChain) -> bool:
    return not chain.HasField("transport_socket")


def _port(chain: pb.FilterChain) -> int:
    return chain.filter_chain_match.destination_port.value
