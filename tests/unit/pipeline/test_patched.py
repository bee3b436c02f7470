"""What patches are for whom, what of the bytes stays shared, and what is done when Envoy refuses one."""

import pytest
from msgspec import structs

from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.patched import is_patched, refused_input
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meshes import mesh_of
from unit.envoy.test_patch import ECHO, MESH, change, envoy_filter

CLUSTER = f"outbound|80||{ECHO}"
HOST = f"80/{ECHO}:80"


def proxy(namespace: str = "default", app: str = "echo", **metadata: str) -> Proxy:
    return Proxy(
        role=Role.SIDECAR,
        id=f"a.{namespace}",
        namespace=namespace,
        addresses=("10.1.0.1",),
        labels=(("app", app),),
        metadata=tuple(sorted(metadata.items())),
    )


def pod(name: str, app: str = "echo") -> str:
    return (
        f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: default, labels: {{app: {app}}},"
        " annotations: {sidecar.istio.io/status: '{}'}}\n"
        "spec: {containers: [{name: istio-proxy}]}\nstatus: {podIP: 10.1.0.1}\n"
    )


def given(engine: Engine, one: Proxy) -> dict[tuple[ResourceType, str], Resource]:
    found = (s.body.run(engine) for s in slots(engine, engine.get(scope_of, one)))
    return {(r.type, r.name): r for r in found if r is not None}


def host(engine: Engine, one: Proxy) -> Resource:
    return given(engine, one)[ResourceType.VIRTUAL_HOST, HOST]


def header(name: str, value: str = "") -> str:
    """A patch that makes the virtual host add a header to its answers."""
    more = f"response_headers_to_add: [{{header: {{key: {name}, value: '{value or name}'}}}}]"
    return change("VIRTUAL_HOST", f"routeConfiguration: {{vhost: {{name: '{ECHO}:80'}}}}", "MERGE", more)


ALL = {"own": proxy(), "other app": proxy(app="x"), "away": proxy("away")}
OF_GATEWAY = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]"
# fmt: off
SELECTED: dict[str, tuple[str, str, set[str]]] = {
    #                      namespace, spec                                                  → who is meant
    "namespace":            ("default", "",                                                    {"own", "other app"}),
    "labels":               ("default", "workloadSelector: {labels: {app: echo}}",             {"own"}),
    "another namespace":    ("away", "",                                                       {"away"}),
    "mesh":                 ("istio-system", "",                                               {*ALL}),
    "labels in the mesh":   ("istio-system", "workloadSelector: {labels: {app: echo}}",        {"own", "away"}),
    "a Gateway":            ("default", OF_GATEWAY,                                              set()),
}
# fmt: on
@pytest.mark.parametrize(("namespace", "spec", "meant"), SELECTED.values(), ids=SELECTED)
def test_who_is_meant(namespace: str, spec: str, meant: set[str]) -> None:
    engine = mesh_of(MESH + envoy_filter(header("x-a"), namespace=namespace, spec=spec))

    assert {name for name, one in ALL.items() if b"x-a" in host(engine, one).body} == meant


def test_a_gateways_proxies_carry_its_name() -> None:
    engine = mesh_of(MESH + envoy_filter(header("x-a"), spec=OF_GATEWAY))
    named = Proxy(
        role=Role.SIDECAR,
        id="a.default",
        namespace="default",
        labels=(("gateway.networking.k8s.io/gateway-name", "g"),),
    )

    assert b"x-a" in host(engine, named).body


# fmt: off
VERSIONS: dict[str, tuple[str, dict[str, str], bool]] = {
    "found":     ("proxyVersion: '^1\\.3.*'",     {"ISTIO_VERSION": "1.30.0"}, True),
    "anywhere":  ("proxyVersion: '30'",           {"ISTIO_VERSION": "1.30.0"}, True),
    "another":   ("proxyVersion: '^1\\.2.*'",     {"ISTIO_VERSION": "1.30.0"}, False),
    "none":      ("proxyVersion: '.*'",           {},                          False),
    "metadata":  ("metadata: {NETWORK: one}",     {"NETWORK": "one"},          True),
    "not all":   ("metadata: {NETWORK: one, A: b}", {"NETWORK": "one"},        False),
}
# fmt: on


@pytest.mark.parametrize(("asked", "metadata", "yes"), VERSIONS.values(), ids=VERSIONS)
def test_properties_of_the_proxy(asked: str, metadata: dict[str, str], yes: bool) -> None:
    of_proxy = header("x-a").replace("match: {", f"match: {{proxy: {{{asked}}}, ")
    engine = mesh_of(MESH + envoy_filter(of_proxy, header("x-b")))
    body = host(engine, proxy(**metadata)).body

    assert (b"x-a" in body) is yes
    assert b"x-b" in body


def test_the_order_is_that_of_namespaces_then_priority_then_age_then_name() -> None:
    def one(name: str, namespace: str, spec: str = "", created: str = "") -> str:
        return envoy_filter(header(f"x-{name}"), name=name, namespace=namespace, spec=spec, created=created)

    texts = [
        one("root", "istio-system", "priority: 100"),
        one("negative", "default", "priority: -1"),
        one("old", "default", created="2026-01-01T00:00:00Z"),
        one("young", "default", created="2026-01-02T00:00:00Z"),
        one("a-new", "default"),
        one("b-new", "default"),
        one("last", "default", "priority: 1", "2025-01-01T00:00:00Z"),
    ]
    body = host(mesh_of(MESH + "".join(reversed(texts))), proxy()).body
    order = [body.index(f"x-{n}".encode()) for n in ("root", "negative", "old", "young", "a-new", "b-new", "last")]

    assert order == sorted(order)


def test_what_no_patch_touches_stays_the_very_same() -> None:
    engine = mesh_of(MESH + envoy_filter(header("x-a"), spec="workloadSelector: {labels: {app: echo}}"))
    changed, other = given(engine, proxy()), given(engine, proxy(app="x"))
    again = given(engine, structs.replace(proxy(), id="b.default"))

    assert changed[ResourceType.VIRTUAL_HOST, HOST].body != other[ResourceType.VIRTUAL_HOST, HOST].body
    assert changed[ResourceType.CLUSTER, CLUSTER] is other[ResourceType.CLUSTER, CLUSTER]
    assert changed[ResourceType.VIRTUAL_HOST, HOST] is again[ResourceType.VIRTUAL_HOST, HOST]
    assert not is_patched(other[ResourceType.VIRTUAL_HOST, HOST])


def refuse(engine: Engine, resource: Resource, reason: str = "no") -> None:
    key = refused_input(resource)
    known: tuple[tuple[str, str], ...] = engine.read(key) or ()  # pyright: ignore[reportAssignmentType]
    engine.put(key, (*known, (resource.version, reason)))
    engine.settle()


@pytest.mark.parametrize("bad", [{"x-a"}, {"x-b"}, {"x-c"}, {"x-a", "x-c"}, {"x-a", "x-b", "x-c"}], ids=str)
def test_a_refused_patch_is_taken_back_alone(bad: set[str]) -> None:
    names = {"x-a", "x-b", "x-c"}
    engine = mesh_of(MESH + pod("p") + envoy_filter(*(header(name) for name in sorted(names))))
    for _ in range(12):
        offered = host(engine, proxy())
        if not any(name.encode() in offered.body for name in bad):
            break
        refuse(engine, offered, "cannot\n be")

    body = host(engine, proxy()).body
    assert {name for name in names if name.encode() in body} == names - bad
    told = [f for f in findings(engine) if f.code == "M9001"]
    assert {f.path for f in told} == {f"spec.configPatches[{i}]" for i, n in enumerate(sorted(names)) if n in bad}
    assert all(f.message == "refused by Envoy: cannot be" for f in told)


def test_what_is_refused_without_patches_too_is_not_their_fault() -> None:
    engine = mesh_of(MESH + envoy_filter(header("x-a")))
    plain = host(mesh_of(MESH), proxy())
    refuse(engine, host(engine, proxy()))
    assert host(engine, proxy()).version == plain.version
    refuse(engine, plain)

    assert b"x-a" in host(engine, proxy()).body


def test_a_mended_patch_is_made() -> None:
    engine = mesh_of(MESH + envoy_filter(header("x-a", "bad")))
    refuse(engine, host(engine, proxy()))
    assert b"x-a" not in host(engine, proxy()).body
    key = refused_input(host(engine, proxy()))
    mended = mesh_of(MESH + envoy_filter(header("x-a", "good")))
    mended.put(key, engine.read(key))

    assert b"good" in host(mended, proxy()).body


def told(text: str) -> list[tuple[str, str]]:
    return [(f.code, f.path) for f in findings(mesh_of(MESH + text)) if f.code.startswith("M27")]


def test_what_meets_nothing_is_told() -> None:
    nothing = change("CLUSTER", "cluster: {service: nobody}", "REMOVE")
    other = header("x-b").replace("match: {", "match: {proxy: {proxyVersion: '^0'}, ")
    text = envoy_filter(header("x-a"), nothing, other)

    assert told(pod("p") + text) == [("M2708", "spec.configPatches[1]"), ("M2708", "spec.configPatches[2]")]
    assert told(text) == []  # without pods nobody knows


def test_a_removal_is_an_effect() -> None:
    assert told(pod("p") + envoy_filter(change("CLUSTER", f"cluster: {{service: {ECHO}}}", "REMOVE"))) == []


def test_a_filter_for_nobody_is_told() -> None:
    text = envoy_filter(header("x-a"), spec="workloadSelector: {labels: {app: nobody}}")

    assert told(pod("p") + text) == [("M2709", "spec")]
