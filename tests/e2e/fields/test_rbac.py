"""Every field of rbac.istio.io by real requests through real Envoys: whom a role lets in, and whom it does not."""

from typing import Any

import pytest

from e2e.fields.shown import shows
from e2e.fields.test_authorization_policy import CLIENT, SIGNER, SOON, TRIED, answers, believe, listed, negated
from e2e.fields.tokens import ISSUER
from e2e.fields.world import World
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROLE, BINDING = "ServiceRole", "ServiceRoleBinding"
ECHO = "echo.default.svc.cluster.local"
NAMES = ("echo", "echo-headless", "undeclared", "busy", "modern")
SERVICES = [f"{name}.default.svc.cluster.local" for name in NAMES]
"""All that have the workload's port: one alone would leave it to the others."""
Tried = tuple[list[str], list[str], dict[str, Any]]
"""Values that match a request, values that do not, and the request."""
EVERYBODY = "{user: '*'}"
REFERENCE = "roleRef: {kind: ServiceRole, name: ours}"
TOKEN = {"headers": SIGNER.bearer(aud="shop", azp="app", groups=["red", "blue"])}


def old(world: World, kind: str, spec: str, name: str = "ours", **place: str) -> None:
    world.apply(kind, name, spec, group="rbac", version="v1alpha1", **place)


def switched_on(world: World) -> None:
    """For one service alone: other tests' workloads are not asked."""
    old(world, "ClusterRbacConfig", f"mode: ON_WITH_INCLUSION\ninclusion: {{services: [{ECHO}]}}", "default")


def allows(world: World, rule: str = f"services: [{ECHO}]") -> None:
    old(world, ROLE, f"rules: [{{{rule}}}]")


def has_it(world: World, subject: str = EVERYBODY) -> None:
    old(world, BINDING, f"subjects: [{subject}]\n{REFERENCE}")


RULES: dict[str, Tried] = {
    "hosts": (["echo", "ech*", "*cho"], ["ech", "other*"], {}),
    "methods": (["PUT", "PU*", "*"], ["GET", "put"], {"method": "PUT"}),
    "paths": (["/a/b", "/a*", "*/b", "*"], ["/a", "*/a"], {"path": "/a/b?x=/c"}),
    "ports": (["8080"], ["80"], {}),
}


@shows(ROLE, *(f"{one}[]" for field in RULES for one in (field, negated(field))), under="rules[].")
@pytest.mark.parametrize("field", RULES)
def test_what_a_role_allows(world: World, field: str) -> None:
    good, bad, request = RULES[field]
    switched_on(world)
    has_it(world)
    for name, matching, others in ((field, 200, 403), (negated(field), 403, 200)):
        for status, values in ((matching, good), (others, bad)):
            for value in values:
                written = value if field == "ports" else f"'{value}'"
                allows(world, f"services: ['*'], {name}: [{written}]")
                assert answers(world, status, request), (name, value)


@shows(ROLE, "rules[].services[]")
def test_which_services_a_role_is_for(world: World) -> None:
    switched_on(world)
    has_it(world)
    for status, values in ((200, [ECHO, "echo.*", "*.local", "*"]), (403, ["echo", "other*", "*.default"])):
        for value in values:
            allows(world, f"services: ['{value}']")
            assert answers(world, status), value


CONSTRAINTS: dict[str, Tried] = {
    "destination.ip": (["198.18.0.0/15"], ["203.0.113.9"], {}),
    "destination.port": (["8080"], ["80"], {}),
    "destination.labels[app]": (["echo", "ec*", "*"], ["other"], {}),
    "destination.name": (["echo"], ["ech"], {}),
    "destination.namespace": (["default"], ["other"], {}),
    "destination.user": (["default", "*/sa/default"], ["other"], {}),
    "request.headers[X-Team]": (["red", "re*", "*"], ["blue"], {"headers": {"x-team": "red"}}),
    "connection.sni": (["*.default.svc.cluster.local"], ["echo"], {}),
    "experimental.envoy.filters.http.rbac[istio_dry_run_deny_shadow_engine_result]": (["denied", "*"], ["allowed"], {}),
    "no.such.attribute": ([], ["*"], {}),
}


@shows(ROLE, "key", "values[]", under="rules[].constraints[].")
@pytest.mark.parametrize("key", CONSTRAINTS)
def test_constraints(world: World, key: str) -> None:
    good, bad, request = CONSTRAINTS[key]
    switched_on(world)
    has_it(world)
    world.mesh.apply_text(TRIED)
    try:
        for status, values in ((200, good), (403, bad)):
            for value in values:
                allows(world, f"services: ['*'], constraints: [{{key: '{key}', values: ['{value}']}}]")
                assert answers(world, status, request), value
    finally:
        world.mesh.run("delete", "authorizationpolicy", "tried")


SUBJECTS: dict[str, Tried] = {
    "names": (
        [CLIENT, "cluster.local/*", "*/sa/client", "allUsers", "allAuthenticatedUsers"],
        ["other", "*/sa/other"],
        {},
    ),
    "groups": (["red", "bl*", "*"], ["green"], TOKEN),
    "namespaces": (["default", "def*", "*"], ["other"], {}),
    "ips": (["198.18.0.0/15"], ["203.0.113.9"], {}),
}


@shows(BINDING, *(f"{one}[]" for field in SUBJECTS for one in (field, negated(field))), under="subjects[].")
@pytest.mark.parametrize("field", SUBJECTS)
def test_who_has_a_role(world: World, field: str) -> None:
    good, bad, request = SUBJECTS[field]
    believe(world)
    switched_on(world)
    allows(world)
    for name, matching, others in ((field, 200, 403), (negated(field), 403, 200)):
        for status, values in ((matching, good), (others, bad)):
            for value in values:
                has_it(world, f"{{{name}: {listed([value])}}}")
                assert answers(world, status, request), (name, value)


PROPERTIES: dict[str, Tried] = {
    "source.ip": (["198.18.0.0/15"], ["203.0.113.9"], {}),
    "source.namespace": (["default", "*"], ["other"], {}),
    "source.principal": ([CLIENT, "*"], ["other"], {}),
    "source.user": ([CLIENT], ["other"], {}),
    "request.headers[X-Team]": (["red"], ["blue"], {"headers": {"x-team": "red"}}),
    "request.auth.principal": ([f"{ISSUER}/ann", "*"], ["other"], TOKEN),
    "request.auth.audiences": (["shop", "*"], ["sho"], TOKEN),
    "request.auth.presenter": (["app"], ["other"], TOKEN),
    "request.auth.claims[groups]": (["red", "*ue"], ["green"], TOKEN),
    "no.such.attribute": ([], ["*"], {}),
}


@shows(BINDING, "subjects[].properties")
@pytest.mark.parametrize("key", PROPERTIES)
def test_properties_of_who_asks(world: World, key: str) -> None:
    good, bad, request = PROPERTIES[key]
    believe(world)
    switched_on(world)
    allows(world)
    for status, values in ((200, good), (403, bad)):
        for value in values:
            has_it(world, f"{{properties: {{'{key}': '{value}'}}}}")
            assert answers(world, status, request), value


@shows(BINDING, "subjects[].user", "subjects[].group")
def test_users_and_groups(world: World) -> None:
    """Everybody is also who has no certificate; what is written together holds together."""
    believe(world)
    switched_on(world)
    allows(world)
    for status, subject in (
        (200, f"{{user: '{CLIENT}'}}"),
        (200, "{user: '*/sa/client'}"),
        (403, "{user: other}"),
        (200, "{group: red}"),
        (403, "{group: green}"),
        (403, f"{{user: '{CLIENT}', group: green}}"),
        (200, "{user: other}, {user: '*'}"),
    ):
        has_it(world, subject)
        assert answers(world, status, TOKEN), subject
    tls = "host: echo\ntrafficPolicy: {tls: {mode: DISABLE}}"
    world.apply("DestinationRule", "plain", tls)
    assert answers(world, 200)
    has_it(world, "{properties: {source.principal: '*'}}")
    assert answers(world, 403)


@shows(BINDING, "roleRef.kind", "roleRef.name", "role")
def test_which_role(world: World) -> None:
    switched_on(world)
    allows(world)
    has_it(world)
    assert answers(world, 200)
    for status, form in (
        (403, "roleRef: {kind: ServiceRole, name: other}"),
        (200, "role: ours"),
        (403, "role: /ours"),
    ):
        old(world, BINDING, f"subjects: [{EVERYBODY}]\n{form}")
        assert answers(world, status), form
    old(world, ROLE, "rules: [{services: ['*']}]", namespace="istio-system")
    assert answers(world, 200)


INLINE: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        field: (f"'{good[0]}'" if field != "ports" else good[0], request) for field, (good, _, request) in RULES.items()
    },
    "services": (f"'{ECHO}'", {}),
    "constraints": ("{key: destination.name, values: [echo]}", {}),
}


@shows(BINDING, *(f"{one}[]" for field in RULES for one in (field, negated(field))), under="actions[].")
@shows(BINDING, "services[]", "constraints[].key", "constraints[].values[]", under="actions[].")
@pytest.mark.parametrize("field", INLINE)
def test_a_role_within_a_binding(world: World, field: str) -> None:
    value, request = INLINE[field]
    switched_on(world)
    others = {"ports": "81", "constraints": "{key: destination.name, values: [x]}", "methods": "GET"}
    other = others.get(field, "'/x'")
    cases = [(200, f"{field}: [{value}]"), (403, f"{field}: [{other}]")]
    if field in RULES:
        cases += [(403, f"{negated(field)}: [{value}]"), (200, f"{negated(field)}: [{other}]")]
    for status, action in cases:
        old(world, BINDING, f"subjects: [{EVERYBODY}]\nactions: [{{{action}}}]")
        assert answers(world, status, request), action


@shows("ClusterRbacConfig", "mode", "inclusion.services[]", "inclusion.namespaces[]")
@shows("ClusterRbacConfig", "exclusion.services[]", "exclusion.namespaces[]", "enforcementMode")
@shows("RbacConfig", "mode", "inclusion.services[]", "inclusion.namespaces[]")
@shows("RbacConfig", "exclusion.services[]", "exclusion.namespaces[]", "enforcementMode")
@pytest.mark.parametrize("kind", ["ClusterRbacConfig", "RbacConfig"])
def test_where_roles_are_asked_for(world: World, kind: str) -> None:
    place = {"namespace": "istio-system"} if kind == "RbacConfig" else {}
    for status, spec in (
        (403, f"mode: ON_WITH_INCLUSION\ninclusion: {{services: [{ECHO}]}}"),
        (200, "mode: ON_WITH_INCLUSION\ninclusion: {services: [echo]}"),
        (403, "mode: ON_WITH_INCLUSION\ninclusion: {namespaces: [default]}"),
        (200, "mode: ON_WITH_INCLUSION\ninclusion: {namespaces: [other]}"),
        (200, f"mode: ON_WITH_EXCLUSION\nexclusion: {{services: {listed(SERVICES)}}}"),
        (403, "mode: ON_WITH_EXCLUSION\nexclusion: {services: [echo]}"),
        (200, "mode: ON_WITH_EXCLUSION\nexclusion: {namespaces: [default]}"),
        (403, "mode: 'ON'"),
        (200, "mode: 'ON'\nenforcementMode: PERMISSIVE"),
        (403, "mode: 'ON'\nenforcementMode: ENFORCED"),
        (200, "mode: 'OFF'"),
    ):
        old(world, kind, spec, "default", **place)
        assert answers(world, status), spec
    if kind == "RbacConfig":
        old(world, kind, "mode: 'ON'", "default", **place)
        assert answers(world, 403)
        old(world, "ClusterRbacConfig", "mode: 'OFF'", "default")
        assert answers(world, 200)  # the newer form decides


@shows(BINDING, "mode")
def test_a_binding_that_is_only_tried(world: World) -> None:
    switched_on(world)
    allows(world)
    has_it(world)
    assert answers(world, 200)
    old(world, BINDING, f"mode: PERMISSIVE\nsubjects: [{EVERYBODY}]\n{REFERENCE}")
    assert answers(world, 403)


def test_bytes(world: World) -> None:
    """A rule that asks for HTTP allows no bytes; others do."""
    switched_on(world)
    has_it(world)
    allows(world, f"services: [{ECHO}], methods: ['*']")
    assert answers(world, 200)
    assert eventually(lambda: bool(world.client.line("echo", 7000)) is False, SOON)
    allows(world, f"services: [{ECHO}], ports: [7000]")
    assert answers(world, 403)
    assert eventually(lambda: bool(world.client.line("echo", 7000)) is True, SOON)


def test_a_policy_of_today_judges_alone_where_it_allows(world: World) -> None:
    switched_on(world)
    has_it(world)
    allows(world, f"services: [{ECHO}], paths: [/role]")
    assert answers(world, 200, {"path": "/role"})
    deny = "selector: {matchLabels: {app: echo}}\naction: DENY\nrules: [{to: [{operation: {paths: [/no]}}]}]"
    world.apply("AuthorizationPolicy", "ours", deny, group="security")
    assert answers(world, 200, {"path": "/role"})
    assert answers(world, 403, {"path": "/other"})  # roles are in force still
    allow = "selector: {matchLabels: {app: echo}}\nrules: [{to: [{operation: {paths: [/policy]}}]}]"
    world.apply("AuthorizationPolicy", "ours", allow, group="security")
    assert answers(world, 403, {"path": "/role"})
    assert answers(world, 200, {"path": "/policy"})
