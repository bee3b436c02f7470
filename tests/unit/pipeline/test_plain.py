"""What plain callers go by on their way to the workload, and that a demand for mutual TLS cuts it."""

import pytest

from meltemi.core.envoy import pb
from meltemi.core.envoy.plain import UNWATCHED
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.inbound import CUT
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.view.plain import ALL_OTHERS, HEALTH, INSIDE, Way, known_as, plain_name
from meshes import mesh_of
from unit.envoy.test_patch import change, envoy_filter

WEB = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  clusterIP: 198.19.0.1
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: tcp, port: 81, targetPort: 8081}
  - {name: any, port: 82, targetPort: 8082}
"""
PROXY = Proxy(role=Role.SIDECAR, id="a.default", namespace="default", addresses=("10.1.0.1",), labels=(("app", "web"),))
LISTENER, CLUSTER, RUNTIME = ResourceType.LISTENER, ResourceType.CLUSTER, ResourceType.RUNTIME

Given = dict[tuple[ResourceType, str], Resource]


def peers(spec: str) -> str:
    return (
        "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        f"metadata: {{name: p, namespace: default}}\nspec: {spec}\n"
    )


def given(spec: str = "", more: str = "") -> Given:
    """Everything that the workload gets; `spec` of a PeerAuthentication."""
    engine = mesh_of(WEB + (peers(spec) if spec else "") + more)
    bodies = (slot.body.run(engine) for slot in slots(engine, engine.get(scope_of, PROXY)))
    return {(body.type, body.name): body for body in bodies if body is not None}


def listener(found: Given, name: str = "virtualInbound") -> pb.Listener:
    return pb.Listener.FromString(found[LISTENER, name].body)


def cluster(found: Given, name: str) -> pb.Cluster:
    return pb.Cluster.FromString(found[CLUSTER, name].body)


def plain_chains(found: Given) -> list[pb.FilterChain]:
    return [
        c for c in listener(found).filter_chains if not c.HasField("transport_socket") and "blackhole" not in c.name
    ]


def handed(chain: pb.FilterChain) -> tuple[str, str]:
    """(cluster, the one behind the listener inside) of a chain, in a sidecar that has the listener."""
    proxy, manager, state = pb.TcpProxy(), pb.HttpConnectionManager(), pb.NetworkSetFilterState()
    led = any(f.typed_config.Unpack(state) for f in chain.filters)
    told = {s.object_key: s.format_string.text_format_source.inline_string for s in state.on_new_connection}
    instead = told.get("envoy.tcp_proxy.cluster", "")
    if chain.filters[-1].typed_config.Unpack(proxy):
        return instead if led else proxy.cluster, ""
    assert chain.filters[-1].typed_config.Unpack(manager)
    return manager.route_config.virtual_hosts[0].routes[-1].route.cluster, instead


def known(chain: pb.FilterChain) -> str:
    """The cluster that a chain names to users: the last word where nothing leads to another."""
    proxy, manager = pb.TcpProxy(), pb.HttpConnectionManager()
    if chain.filters[-1].typed_config.Unpack(proxy):
        return proxy.cluster
    assert chain.filters[-1].typed_config.Unpack(manager)
    return manager.route_config.virtual_hosts[0].routes[0].route.cluster


def cut(found: Given, name: str, values: dict[str, float]) -> bool:
    """Whether a cluster's connections are closed where the runtime has these values."""
    (check,) = cluster(found, name).health_checks
    manager = pb.HttpConnectionManager()
    assert listener(found, HEALTH).filter_chains[0].filters[0].typed_config.Unpack(manager)
    for route in manager.route_config.virtual_hosts[0].routes:
        asked = route.match.runtime_fraction
        if route.match.path == check.http_health_check.path and values.get(asked.runtime_key, 0) == 100:
            return route.direct_response.status == 503
    return False


def values(found: Given) -> dict[str, float]:
    layer = pb.Runtime.FromString(found[RUNTIME, "mesh"].body).layer
    return {key: value.number_value for key, value in layer.fields.items()}


BEFORE = [
    "",
    "{mtls: {mode: DISABLE}}",
    "{selector: {matchLabels: {app: web}}, portLevelMtls: {8080: {mode: DISABLE}}}",
]


@pytest.mark.parametrize("before", BEFORE)
def test_whatever_came_in_plain_text_is_cut_when_mutual_tls_is_demanded(before: str) -> None:
    found, strict = given(before), values(given("{mtls: {mode: STRICT}}"))
    last = [behind or to for to, behind in map(handed, plain_chains(found))]

    assert len(set(last)) == 6  # requests, bytes, and of each for two ports whose protocol is found out
    assert all(cluster(found, name).close_connections_on_host_health_failure for name in last)
    assert all(cut(found, name, strict) for name in last)
    assert not any(cut(found, name, values(found)) for name in last)


def test_where_one_port_is_left_out_its_connections_stay() -> None:
    found = given()
    spec = "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {8081: {mode: PERMISSIVE}}}"
    demanded = values(given(spec))

    assert not cut(found, plain_name(8081, Way.BYTES), demanded)
    assert cut(found, plain_name(8080, Way.BEHIND), demanded)
    assert cut(found, plain_name(ALL_OTHERS, Way.BYTES), demanded)


def test_what_users_see_is_the_cluster_that_they_know() -> None:
    found = given()

    assert {known(c) for c in plain_chains(found)} == {
        *(f"inbound|{n}||" for n in (8080, 8081, 8082)),
        "InboundPassthroughCluster",
    }
    assert not [name for kind, name in found if kind is CLUSTER and name.startswith("inbound|") and "plain" in name]


def test_a_sidecar_without_the_listener_inside_serves_requests_too() -> None:
    (chain,) = (c for c in plain_chains(given()) if c.name == "0.0.0.0_8080")
    manager = pb.HttpConnectionManager()
    assert chain.filters[-1].typed_config.Unpack(manager)
    usual, watched = manager.route_config.virtual_hosts[0].routes
    asked = usual.match.runtime_fraction

    assert (asked.runtime_key, asked.default_value.numerator, usual.route.cluster) == (UNWATCHED, 100, "inbound|8080||")
    assert (watched.match.HasField("runtime_fraction"), watched.route.cluster) == (False, "plain-http|8080||")


def test_callers_by_mutual_tls_go_as_they_went() -> None:
    found = given()
    mutual = [c for c in listener(found).filter_chains if c.HasField("transport_socket")]

    assert {handed(c) for c in mutual} == {(f"inbound|{n}||", "") for n in (8080, 8081, 8082)} | {
        ("InboundPassthroughCluster", "")
    }


def test_all_that_a_listener_hands_to_is_there() -> None:
    for spec in (*BEFORE, "{mtls: {mode: STRICT}}"):
        found = given(spec)
        needs = {name for (kind, _), r in found.items() if kind is LISTENER for name in r.needs}

        assert {name for to in map(handed, plain_chains(found)) for name in to if name} <= needs
        assert needs <= {name for kind, name in found if kind is CLUSTER}


def test_under_strict_there_is_nothing_but_the_listeners_and_clusters_stay_until_they_have_cut() -> None:
    strict, before = given("{mtls: {mode: STRICT}}"), given()

    assert not [name for kind, name in strict if kind is CLUSTER and name.startswith("plain")]
    assert {(LISTENER, INSIDE), (LISTENER, HEALTH)} <= strict.keys()
    (check,) = cluster(before, plain_name(8081, Way.BYTES)).health_checks
    assert before[LISTENER, "virtualInbound"].hold == CUT
    assert 2 * (check.interval.ToMilliseconds() / 1000 + check.timeout.seconds) <= CUT


def test_plain_callers_are_counted_with_the_others_and_those_behind_are_no_callers() -> None:
    found = given()

    assert cluster(found, plain_name(8081, Way.BYTES)).alt_stat_name == "inbound|8081||"
    assert cluster(found, plain_name(8080, Way.REQUESTS)).alt_stat_name == "inbound|8080||"
    assert cluster(found, plain_name(ALL_OTHERS, Way.BYTES)).alt_stat_name == "InboundPassthroughCluster"
    assert "nbound" not in cluster(found, plain_name(8080, Way.BEHIND)).alt_stat_name  # shell/agent/drain


def test_an_endpoint_that_is_known_beforehand_is_served_before_it_is_checked() -> None:
    written = "{port: {number: 8080, protocol: TCP, name: tcp}, defaultEndpoint: '127.0.0.1:8080'}"
    sidecar = (
        "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: default, namespace: default}\n"
        f"spec: {{ingress: [{written}]}}\n"
    )
    made = cluster(given(more=sidecar), plain_name(8080, Way.BYTES))

    assert made.type == pb.Cluster.STATIC
    assert made.common_lb_config.healthy_panic_threshold.value == 100


# fmt: off
KNOWN = [
    ("plain|8080||",        "inbound|8080||"),
    ("plain-http|8080||",   "inbound|8080||"),
    ("plain|0||",           "InboundPassthroughCluster"),
    ("plain-behind|8080||", "plain-behind|8080||"),
    ("inbound|8080||",      "inbound|8080||"),
    ("outbound|80|plain|a", "outbound|80|plain|a"),
    ("virtualInbound",      "virtualInbound"),
    ("plain",               "plain"),
]
# fmt: on


@pytest.mark.parametrize(("name", "wanted"), KNOWN)
def test_what_users_call_it(name: str, wanted: str) -> None:
    assert known_as(name) == wanted


def test_a_patch_of_the_inbound_side_is_one_of_all_that_leads_to_the_workload() -> None:
    longer = change("CLUSTER", "context: SIDECAR_INBOUND", "MERGE", "connect_timeout: 77s")
    found = given(more=envoy_filter(longer))

    changed = {name for kind, name in found if kind is CLUSTER and cluster(found, name).connect_timeout.seconds == 77}
    assert changed == {n for kind, n in found if kind is CLUSTER and n.startswith(("inbound|", "Inbound", "plain"))}


def test_a_patch_of_the_cluster_that_users_know_is_one_of_plain_callers_too() -> None:
    longer = change("CLUSTER", "cluster: {name: 'inbound|8080||'}", "MERGE", "connect_timeout: 77s")
    quiet = change("HTTP_FILTER", "context: ANY", "INSERT_FIRST", "name: x")
    found = given(more=envoy_filter(longer, quiet))

    changed = {name for kind, name in found if kind is CLUSTER and cluster(found, name).connect_timeout.seconds == 77}
    assert changed == {"inbound|8080||", plain_name(8080, Way.REQUESTS)}
    assert found[LISTENER, HEALTH] == given()[LISTENER, HEALTH]
