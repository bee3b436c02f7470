"""Every field of AuthorizationPolicy by real requests through real Envoys: who matches, and who does not."""

from typing import Any

import pytest

from e2e.fields.settings import INGRESS, edge, through
from e2e.fields.shown import shows
from e2e.fields.tokens import ISSUER, Signer, indented
from e2e.fields.world import World
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

AP = "AuthorizationPolicy"
SELECT = "selector: {matchLabels: {app: echo}}\n"
SIGNER = Signer()
Tried = tuple[list[str], list[str], dict[str, Any]]
"""Values that match a request, values that do not, and the request."""
CLIENT = "cluster.local/ns/default/sa/client"


def policy(world: World, spec: str, name: str = "ours", **place: str) -> None:
    world.apply("AuthorizationPolicy", name, spec, group="security", **place)


def believe(world: World, **more: str) -> None:
    rule = f"jwtRules: [{{issuer: '{ISSUER}', jwks: {indented(SIGNER.jwks())}, forwardOriginalToken: true}}]"
    world.apply("RequestAuthentication", "ours", f"{SELECT}{rule}", group="security")


def asked(world: World, request: dict[str, Any]) -> int:
    more = {name: value for name, value in request.items() if name != "path"}
    return world.client.ask("echo", request.get("path", "/a/b"), **more).status


def answers(world: World, status: int, request: dict[str, Any] | None = None) -> bool:
    """Whether a request gets this status. Envoy says that it has an extension before all of its threads have it."""
    return bool(eventually(lambda: asked(world, request or {}) == status, SOON))


SOON = 2.0


SOURCES: dict[str, Tried] = {
    "principals": (
        [CLIENT, "cluster.local/ns/default/*", "*/sa/client", "*"],
        ["cluster.local/ns/default/sa/clien", "cluster.local/ns/other/*", "*/sa/other", f"spiffe://{CLIENT}"],
        {},
    ),
    "namespaces": (["default", "def*", "*ault", "*"], ["defaul", "other*", "*other"], {}),
    "serviceAccounts": (["client", "default/client"], ["clien", "other/client", "default/c.ient"], {}),
    "ipBlocks": (["198.18.0.0/15", "0.0.0.0/0"], ["203.0.113.0/24", "::/0"], {}),
    "remoteIpBlocks": (
        ["203.0.113.0/24", "203.0.113.9"],
        ["198.18.0.0/15"],
        {"headers": {"X-Forwarded-For": "203.0.113.9"}},
    ),
    "requestPrincipals": (
        [f"{ISSUER}/ann", f"{ISSUER}/*", "*/ann", "*", f"{ISSUER}/a*"],
        [f"{ISSUER}/an", "https://other/*", "*/bob", ISSUER],
        {"headers": SIGNER.bearer()},
    ),
}
OPERATIONS: dict[str, Tried] = {
    "hosts": (["echo", "ECHO", "ech*", "*cho", "*"], ["ech", "other*", "*other"], {}),
    "ports": (["8080"], ["80", "8081"], {}),
    "methods": (["PUT", "PU*", "*UT", "*"], ["GET", "put", "*x"], {"method": "PUT"}),
    "paths": (
        ["/a/b", "/a*", "*/b", "*", "/{*}/b", "/{**}", "/a/{*}"],
        ["/a", "/b*", "*/a", "/{*}", "/a/b/{*}"],
        {"path": "/a/b?x=/c"},
    ),
}
TOKEN = {
    "headers": SIGNER.bearer(aud=["shop", "bank"], azp="app", groups=["red", "blue"], deep={"er": "x"}, flat="one")
}
CONDITIONS: dict[str, Tried] = {
    "request.headers[X-Team]": (["red", "re*", "*ed", "*"], ["blue", "RED"], {"headers": {"x-team": "red"}}),
    "source.ip": (["198.18.0.0/15"], ["203.0.113.9"], {}),
    "remote.ip": (["203.0.113.9"], ["198.18.0.0/15"], {"headers": {"X-Forwarded-For": "203.0.113.9"}}),
    "source.namespace": (["default", "*"], ["other"], {}),
    "source.principal": ([CLIENT, "*"], ["other"], {}),
    "source.serviceAccount": (["client"], ["other"], {}),
    "request.auth.principal": ([f"{ISSUER}/ann", "*"], ["other"], TOKEN),
    "request.auth.audiences": (["shop", "ba*", "*"], ["sho"], TOKEN),
    "request.auth.presenter": (["app", "*"], ["other"], TOKEN),
    "request.auth.claims[groups]": (["red", "*ue", "*"], ["green"], TOKEN),
    "request.auth.claims[flat]": (["one", "*"], ["two"], TOKEN),
    "request.auth.claims[deep][er]": (["x", "*"], ["y"], TOKEN),
    "destination.ip": (["198.18.0.0/15"], ["203.0.113.9"], {}),
    "destination.port": (["8080"], ["80"], {}),
    "connection.sni": (["outbound_.80_._.echo.default.svc.cluster.local", "*.local", "*"], ["echo", "*.other"], {}),
    "experimental.envoy.filters.http.rbac[istio_dry_run_deny_shadow_engine_result]": (["denied", "*"], ["allowed"], {}),
}


def listed(values: list[str]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


def decides(world: World, rules: dict[str, str], request: dict[str, Any], status: int) -> None:
    """An ALLOW policy with one rule answers so, for each rule."""
    for rule in rules.values():
        policy(world, f"{SELECT}rules: [{rule}]")
        assert answers(world, status, request), rule


def both_ways(world: World, rule: str, field: str, tried: Tried) -> None:
    """A rule with `FIELD` and `VALUES` lets in whom it matches, and negated whom it does not."""
    good, bad, request = tried
    for name, matching, others in ((field, 200, 403), (negated(field), 403, 200)):
        for status, values in ((matching, good), (others, bad)):
            written = {v: rule.replace("FIELD", name).replace("VALUES", listed([v])) for v in values}
            decides(world, written, request, status)


def negated(field: str) -> str:
    return "not" + field[0].upper() + field[1:]


@shows(AP, *(f"{one}[]" for field in SOURCES for one in (field, negated(field))), under="rules[].from[].source.")
@pytest.mark.parametrize("field", SOURCES)
def test_who_asks(world: World, field: str) -> None:
    believe(world)
    both_ways(world, "{from: [{source: {FIELD: VALUES}}]}", field, SOURCES[field])


@shows(AP, *(f"{one}[]" for field in OPERATIONS for one in (field, negated(field))), under="rules[].to[].operation.")
@pytest.mark.parametrize("field", OPERATIONS)
def test_what_is_asked(world: World, field: str) -> None:
    both_ways(world, "{to: [{operation: {FIELD: VALUES}}]}", field, OPERATIONS[field])


@shows(AP, "key", "values[]", "notValues[]", under="rules[].when[].")
@pytest.mark.parametrize("key", CONDITIONS)
def test_conditions(world: World, key: str) -> None:
    believe(world)
    world.mesh.apply_text(TRIED)
    try:
        both_ways(world, f"{{when: [{{key: '{key}', FIELD: VALUES}}]}}", "values", CONDITIONS[key])
    finally:
        world.mesh.run("delete", "authorizationpolicy", "tried")


TRIED = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tried, namespace: default, annotations: {istio.io/dry-run: 'true'}}
spec: {selector: {matchLabels: {app: echo}}, action: DENY, rules: [{}]}
"""


def test_of_each_list_one_and_of_all_lists_each(world: World) -> None:
    both = "{to: [{operation: {methods: [GET, PUT], paths: [/x, /a/b]}}], from: [{source: {namespaces: [x, default]}}]}"
    none = "{to: [{operation: {methods: [GET], paths: [/x]}}]}, {to: [{operation: {methods: [PUT], paths: [/a/b]}}]}"
    decides(world, {"both": both, "all": "{}"}, {}, 200)
    decides(world, {"none": none}, {}, 403)


@shows(AP, "action", "selector.matchLabels")
def test_actions_and_their_order(world: World) -> None:
    deny = f"{SELECT}action: DENY\nrules: [{{to: [{{operation: {{paths: [/a*]}}}}]}}]"
    policy(world, deny, "deny")
    assert answers(world, 403)
    assert answers(world, 200, {"path": "/b"})
    policy(world, f"{SELECT}rules: [{{}}]", "allow")
    assert answers(world, 403)  # what is refused is refused
    assert answers(world, 200, {"path": "/b"})
    policy(world, f"{SELECT}rules: []", "allow")
    assert answers(world, 403)  # whom nobody names may nothing
    assert answers(world, 403, {"path": "/b"})
    policy(world, f"{SELECT}action: AUDIT\nrules: [{{}}]", "allow")
    assert answers(world, 403)
    assert answers(world, 200, {"path": "/b"})
    policy(world, "selector: {matchLabels: {app: other}}\nrules: []", "allow")
    assert answers(world, 200, {"path": "/b"})


@pytest.mark.parametrize(("space", "status"), [("default", 403), ("istio-system", 403), ("elsewhere", 200)])
def test_for_a_namespace_and_for_the_mesh(world: World, space: str, status: int) -> None:
    world.mesh.apply_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: elsewhere}\n")
    policy(world, "rules: []", namespace=space)
    assert answers(world, status)


def test_a_refusal_names_what_refused(world: World) -> None:
    policy(world, f"{SELECT}action: DENY\nrules: [{{}}]", "no-one")
    assert answers(world, 403)
    assert world.client.ask("echo").body == "RBAC: access denied"


def test_bytes(world: World) -> None:
    """A rule that asks for HTTP allows no bytes, and refuses all of them."""
    line = world.client.line
    policy(world, f"{SELECT}rules: [{{to: [{{operation: {{ports: ['7000']}}}}]}}]")
    assert answers(world, 403)
    assert eventually(lambda: bool(line("echo", 7000)) is True, SOON)
    policy(world, f"{SELECT}rules: [{{from: [{{source: {{principals: ['{CLIENT}']}}}}]}}]")
    assert answers(world, 200)
    assert eventually(lambda: bool(line("echo", 7000)) is True, SOON)
    policy(world, f"{SELECT}rules: [{{to: [{{operation: {{methods: [GET]}}}}]}}]")
    assert answers(world, 200)
    assert eventually(lambda: bool(line("echo", 7000)) is False, SOON)
    policy(world, f"{SELECT}action: DENY\nrules: [{{to: [{{operation: {{methods: [PUT]}}}}]}}]")
    assert answers(world, 200)
    assert eventually(lambda: bool(line("echo", 7000)) is False, SOON)


@shows(AP, "targetRefs[].kind", "targetRefs[].name", "targetRefs[].group")
@shows(AP, "targetRef.kind", "targetRef.name", "targetRef.group")
@pytest.mark.parametrize("form", ["targetRef: {}", "targetRefs: [{}]"])
def test_at_a_gateway(world: World, form: str) -> None:
    """The pods of a Gateway carry its name as a label; so does a selector choose them."""
    edge(world)
    assert eventually(lambda: through(world.mesh)[0] == 200, SOON)
    policy(world, f"{INGRESS_LABELS}action: DENY\nrules: [{{to: [{{operation: {{paths: [/no]}}}}]}}]", **HOME)
    assert eventually(lambda: through(world.mesh, "/no")[0] == 403, SOON)
    assert through(world.mesh, "/yes")[0] == 200
    reference = form.replace("{}", "{group: gateway.networking.k8s.io, kind: Gateway, name: other}")
    policy(world, f"{reference}\naction: DENY\nrules: [{{}}]", **HOME)
    assert eventually(lambda: through(world.mesh, "/no")[0] == 200, SOON)


INGRESS_LABELS = INGRESS.replace("selector: {", "selector: {matchLabels: {").replace("}\n", "}}\n")
HOME = {"namespace": "istio-system"}
