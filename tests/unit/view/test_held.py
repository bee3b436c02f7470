"""view/held and the names of hosts: what a proxy on demand holds."""

import pytest

from meltemi.core.compose.calls import MOST_CALLED, called_input
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import DISCOVERY, Caller, Discovery, Proxy, Role, Scope, Sight
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.view.held import HeldTable, held_table, host_named
from meltemi.core.view.table_names import domains_of, names_of, table_set
from meltemi.core.view.virtual_host import hosts_at, table_hosts
from meshes import mesh_of, service, virtual_service

HERE = Sight(namespace="default")
CALLER = Caller(namespace="default", owner="deployments/client")
CLUSTER = ".default.svc.cluster.local"
PROXY = Proxy(
    role=Role.SIDECAR,
    id="client.default",
    namespace="default",
    metadata=((DISCOVERY, Discovery.ONDEMAND), ("OWNER", CALLER.owner)),
)


def entry(name: str, hosts: str, more: str = "") -> str:
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: {name}, namespace: default}}\n"
        f"spec: {{hosts: [{hosts}], ports: [{{number: 80, name: http}}], resolution: DNS{more}}}\n"
    )


ALIAS = (
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: old, namespace: default}\n"
    f"spec: {{type: ExternalName, externalName: reviews{CLUSTER}}}\n"
)
MESH = (
    service("reviews", "http:80", address="198.19.0.1")
    + service("ratings", "http:80", address="198.19.0.2", created="2020-01-01T00:00:00Z")
    + service("bytes", "tcp:80", "http:81", address="198.19.0.3")
    + service("pods", "http:80")
    + service("default", "http:80", address="198.19.0.4", created="2019-01-01T00:00:00Z")
    + entry("ip", "x.example.com", ", addresses: [198.19.0.1, 198.19.0.9]")
    + entry("short", "reviews, ratings.default")
    + entry("wild", "'*.example.com'")
    + entry("pod", f"a.pods{CLUSTER}")
    + ALIAS
    + virtual_service("free", "{hosts: [free.example.org], http: [{route: [{destination: {host: ratings}}]}]}")
    + virtual_service("to", "{hosts: [reviews], http: [{route: [{destination: {host: bytes, port: {number: 81}}}]}]}")
)


def called(*names: str, text: str = MESH) -> Engine:
    mesh = mesh_of(text)
    mesh.put(called_input(CALLER), frozenset(names))
    return mesh


def table(mesh: Engine, port: int = 80) -> HeldTable:
    return mesh.get(held_table, CALLER, HERE, port)


def held(mesh: Engine, port: int = 80) -> set[str]:
    return {host.removesuffix(CLUSTER) for host, _ in table(mesh, port).hosts}


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("namespace", ["default", "other"])
def test_a_name_alone_and_all_names_of_a_table_tell_the_same(namespace: str, named: bool) -> None:
    mesh, sight = mesh_of(MESH), Sight(namespace=namespace, named=named)

    for port in mesh.get(table_hosts, sight):
        assert mesh.get(hosts_at, sight, port)
        for host in mesh.get(table_set, sight, port):
            assert mesh.get(names_of, sight, port, host) == mesh.get(domains_of, sight, port, host), (port, host)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("reviews", "reviews"),
        ("reviews.default", f"reviews{CLUSTER}"),
        (f"reviews{CLUSTER}", f"reviews{CLUSTER}"),
        ("reviews.default.svc.cluster.local.", f"reviews{CLUSTER}"),
        ("198.19.0.2", f"ratings{CLUSTER}"),
        ("198.19.0.9", "x.example.com"),
        ("old", f"reviews{CLUSTER}"),
        (f"b.pods{CLUSTER}", f"pods{CLUSTER}"),
        ("y.example.com", "*.example.com"),
        ("free.example.org", "free.example.org"),
        ("nobody.example.org", None),
        ("bytes", None),
    ],
)
def test_who_answers_to_a_name(name: str, host: str | None) -> None:
    assert mesh_of(MESH).get(host_named, HERE, 80, name) == host


def test_what_was_called_is_held_and_what_cannot_be_asked_for() -> None:
    mesh = called("80/ratings.default.svc.cluster.local", "80/198.19.0.2", "81/reviews", "80/no.body", "80/no.body2")

    # a headless service is always there, and so is what its wildcards would hide
    assert held(mesh) == {"ratings", "pods", "a.pods"}
    assert dict(table(mesh).hosts)[f"ratings{CLUSTER}"] == ("198.19.0.2", f"ratings{CLUSTER}")
    assert sorted(name for _, names in table(mesh).unknown for name in names) == ["no.body", "no.body2"]
    assert held(mesh, 81) == set()


def test_a_wildcard_brings_what_it_would_hide() -> None:
    assert held(called("80/y.example.com")) == {"*.example.com", "x.example.com", "pods", "a.pods"}


def test_a_host_for_all_names_brings_its_whole_table() -> None:
    star = entry("star", "'*'")
    mesh = called(text=service("a", "http:80", address="198.19.0.1") + star)

    assert held(mesh) == {"*", "a"}


def test_a_name_follows_whoever_has_it() -> None:
    assert table(called("80/late", text=service("a", "http:80", address="198.19.0.1"))).unknown
    late = called("80/late", text=service("late", "http:80", address="198.19.0.1"))
    assert (held(late), table(late).unknown) == ({"late"}, ())


def scope(mesh: Engine) -> Scope:
    return mesh.get(scope_of, PROXY)


def test_every_cluster_that_is_needed_is_there() -> None:
    mesh = called("80/reviews.default", "80/free.example.org", "80/no.body")
    found = [slot.body.run(mesh) for slot in slots(mesh, scope(mesh))]
    there = {one.name for one in found if one and one.type is ResourceType.CLUSTER}

    needed = {cluster for one in found if one for cluster in one.needs}
    assert needed <= there
    assert f"outbound|81||bytes{CLUSTER}" in there  # reviews leads there
    assert f"outbound|80||bytes{CLUSTER}" in there  # bytes cannot be asked for
    assert f"outbound|80||ratings{CLUSTER}" in there
    assert "outbound|80||x.example.com" not in there


def test_names_are_answered_by_what_stands_for_them() -> None:
    mesh = called("80/reviews.default", "80/no.body")
    answers = {name: slot.name for slot in slots(mesh, scope(mesh)) for name in slot.answers}

    assert answers["80/reviews.default"] == f"80/reviews{CLUSTER}:80"
    assert answers["80/no.body"].startswith("80/allow_any-")


def test_a_sidecar_that_names_hosts_declares_them() -> None:
    declares = (
        "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: default, namespace: default}\n"
        f"spec: {{egress: [{{hosts: ['./ratings{CLUSTER}', './*']}}]}}\n"
    )
    mesh = called(text=MESH + declares)

    hosts = [slot.name for slot in slots(mesh, scope(mesh)) if slot.type is ResourceType.VIRTUAL_HOST]
    assert f"80/ratings{CLUSTER}:80" in hosts
    assert f"80/reviews{CLUSTER}:80" not in hosts


def test_who_calls_too_much_is_given_everything() -> None:
    mesh = called(*(f"80/n{i}" for i in range(MOST_CALLED + 1)))

    assert scope(mesh).caller is None
    assert scope(called("80/a")).caller == CALLER
