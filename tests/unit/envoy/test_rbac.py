"""What roles come to in a mesh: which are in force, which are only tried, and what is said of them."""

from typing import Any

from meltemi.core.compose.request_authentication import key_sources
from meltemi.core.envoy import pb
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.view.guard import guard
from meshes import mesh_of, service

PROXY = Proxy(role=Role.SIDECAR, id="web-1.default", namespace="default", labels=(("app", "web"),))
MESH = service("web", "http:80")


def old(kind: str, spec: str, name: str = "default", group: str = "rbac", namespace: str = "default") -> str:
    return (
        f"---\napiVersion: {group}.istio.io/v1alpha1\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )


ON = old("ClusterRbacConfig", "{mode: 'ON'}")
ROLE = old("ServiceRole", "{rules: [{services: ['*'], paths: [/a]}]}", "r")
BOUND = "subjects: [{user: '*'}], roleRef: {kind: ServiceRole, name: r}"
BINDING = old("ServiceRoleBinding", f"{{{BOUND}}}", "b")


def resources(text: str, proxy: Proxy = PROXY) -> dict[str, Resource]:
    engine = mesh_of(MESH + text)
    found = [s for s in slots(engine, engine.get(scope_of, proxy)) if s.type is ResourceType.EXTENSION]
    bodies = {s.name: s.body.run(engine) for s in found}
    return {name: body for name, body in bodies.items() if body}


def allow(text: str, proxy: Proxy = PROXY, name: str = "inbound.allow") -> dict[str, Any]:
    """The rules of what allows: those in force, and those that are tried."""
    written = pb.to_json(ResourceType.EXTENSION, resources(text, proxy)[name].body)["typedConfig"]
    return {key: sorted(written[key].get("policies", {})) for key in ("rules", "shadowRules") if key in written}


NAME = "ns[default]-role[r]-rule[0]-binding[b]-subject[0]"


def test_without_a_switch_nobody_asks() -> None:
    assert allow(ROLE + BINDING) == {}
    assert codes(ROLE + BINDING) == {("ServiceRoleBinding", "M2937")}


def test_switched_on_without_roles_everybody_is_refused() -> None:
    assert allow(ON) == {"rules": []}
    assert allow(ON, name="inbound.allow.network") == {"rules": []}


def test_a_role_in_force_and_one_that_is_tried() -> None:
    assert allow(ON + ROLE + BINDING) == {"rules": [NAME]}
    tried = old("ServiceRoleBinding", f"{{mode: PERMISSIVE, {BOUND}}}", "b")
    assert allow(ON + ROLE + tried) == {"rules": [], "shadowRules": [NAME]}


def test_nothing_is_refused_where_all_is_tried() -> None:
    tried = old("ClusterRbacConfig", "{mode: 'ON', enforcementMode: PERMISSIVE}")
    assert allow(tried + ROLE + BINDING) == {"shadowRules": [NAME]}
    assert allow(tried) == {"shadowRules": []}


def test_where_it_comes_from() -> None:
    origin = resources(ON + ROLE + BINDING)["inbound.allow"].origin
    places = [(o.key.kind, o.path) for o in origin]
    assert places == [("ClusterRbacConfig", ""), ("ServiceRoleBinding", ""), ("ServiceRole", "spec.rules[0]")]


def policy(spec: str, annotation: str = "") -> str:
    meta = f"{{name: p, namespace: default{annotation}}}"
    return f"---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {meta}\nspec: {spec}\n"


def test_only_what_allows_replaces_roles() -> None:
    today = "ns[default]-policy[p]-rule[0]"
    roles = ON + ROLE + BINDING
    assert allow(roles + policy("{rules: [{}]}")) == {"rules": [today]}
    assert allow(roles + policy("{action: DENY, rules: [{}]}")) == {"rules": [NAME]}
    tried = policy("{rules: [{}]}", ", annotations: {istio.io/dry-run: 'true'}")
    assert allow(roles + tried) == {"rules": [NAME], "shadowRules": [today]}
    assert ("AuthorizationPolicy", "M2938") in codes(roles + policy("{rules: [{}]}"))


def test_a_gateway_has_no_roles() -> None:
    edge = Proxy(role=Role.ROUTER, id="edge-1.default", namespace="default", labels=(("app", "web"),))
    assert allow(ON, edge, "gateway.allow") == {}


def test_the_newer_switch_decides_and_the_root_before_others() -> None:
    off, on = "{mode: 'OFF'}", "{mode: 'ON'}"
    assert allow(old("RbacConfig", on) + old("ClusterRbacConfig", off)) == {}
    root = old("RbacConfig", off, namespace="istio-system")
    assert allow(old("RbacConfig", on) + root) == {}
    assert codes(old("RbacConfig", on) + root) == {("RbacConfig", "M2937")}
    assert allow(old("RbacConfig", on)) == {"rules": []}


def test_a_role_that_is_not_there_allows_nobody_and_is_named() -> None:
    assert allow(ON + BINDING) == {"rules": []}
    assert codes(ON + BINDING) == {("ServiceRoleBinding", "M2936")}


def test_services_by_an_account() -> None:
    pod = (
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: default}\n"
        "spec: {serviceAccountName: shop, containers: []}\n"
    )
    for account, left in (("shop", [NAME]), ("bank", [])):
        constraint = f"constraints: [{{key: destination.user, values: [{account}]}}]"
        role = old("ServiceRole", f"{{rules: [{{services: ['*'], {constraint}}}]}}", "r")
        assert allow(ON + role + BINDING + pod) == {"rules": left}


def codes(text: str) -> set[tuple[str, str]]:
    return {(f.key.kind if f.key else "", f.code) for f in findings(mesh_of(MESH + text))}


PEER = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: default}\n"


def test_the_stricter_of_both_forms_of_authentication_holds() -> None:
    strict = old("MeshPolicy", "{peers: [{mtls: {}}]}", group="authentication")
    text = strict + PEER + "spec: {mtls: {mode: PERMISSIVE}}\n"
    written = pb.to_json(ResourceType.EXTENSION, resources(text)["inbound.peer"].body)["typedConfig"]
    assert written["rules"]["policies"]
    assert codes(text) == {("PeerAuthentication", "M2943")}


def test_targets_that_are_not_there() -> None:
    text = old("Policy", "{targets: [{name: other}, {name: web, ports: [{number: 81}]}]}", "p", "authentication")
    found = [f.path for f in findings(mesh_of(MESH + text)) if f.code == "M2942"]
    assert found == ["spec.targets[0].name", "spec.targets[1].ports[0]"]


def test_keys_of_policies_are_fetched_as_those_of_today() -> None:
    sources = ""
    for kind, name in (("Policy", "p"), ("MeshPolicy", "m")):
        jwt = f"{{issuer: {name}, jwksUri: 'https://{name}.example.com/keys'}}"
        sources += old(kind, f"{{origins: [{{jwt: {jwt}}}]}}", group="authentication")
    found = str(mesh_of(MESH + sources).get(key_sources))
    assert "https://p.example.com/keys" in found
    assert "https://m.example.com/keys" in found


def test_what_is_explained_are_the_same_rules() -> None:
    engine = mesh_of(MESH + ON + ROLE + BINDING)
    (statement,) = engine.get(guard, engine.get(scope_of, PROXY)).statements
    assert statement.key.kind == "ClusterRbacConfig"
    assert [(rule.name, rule.origin.key.kind) for rule in statement.rules] == [(NAME, "ServiceRole")]
    assert statement.of_bytes == ()
