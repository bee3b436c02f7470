"""What is written for AuthorizationPolicies, where the judge's cases do not look."""

import json
from typing import Any

import pytest
from msgspec import structs

from meltemi.core.envoy import pb
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.mesh_providers import EnvoyExternalAuthorizationGrpcProvider, ExtensionProvider
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meshes import mesh_of, service

PROXY = Proxy(role=Role.SIDECAR, id="web-1.default", namespace="default", labels=(("app", "web"),))
MESH = service("web", "http:80")


def policy(spec: str, name: str = "p", namespace: str = "default", dry_run: bool = False) -> str:
    tried = ", annotations: {istio.io/dry-run: 'true'}" if dry_run else ""
    return (
        "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
        f"metadata: {{name: {name}, namespace: {namespace}{tried}}}\nspec: {spec}\n"
    )


def extensions(text: str, settings: MeshConfig | None = None, proxy: Proxy = PROXY) -> dict[str, Any]:
    engine = mesh_of(MESH + text, settings)
    found = [s for s in slots(engine, engine.get(scope_of, proxy)) if s.type is ResourceType.EXTENSION]
    bodies = {s.name: s.body.run(engine) for s in found}
    return {name: pb.to_json(ResourceType.EXTENSION, body.body)["typedConfig"] for name, body in bodies.items() if body}


FULL = """{rules: [{
  from: [{source: {notPrincipals: [a, 'b*', '*c', '*'], notRequestPrincipals: [a, 'b*', '*c', '*', 'a/b'],
    notNamespaces: [a, 'b*', '*c', '*'], notIpBlocks: [10.0.0.0/8], notRemoteIpBlocks: ['::1']}},
    {source: {notServiceAccounts: [a, b/c]}}],
  to: [{operation: {notHosts: [a, 'b*', '*c', '*'], notPorts: ['80'], notMethods: [GET, 'b*', '*c', '*'],
    notPaths: [/a, '/b*', '*c', '*']}}],
  when: [{key: 'request.headers[x]', notValues: [a, 'b*', '*c', '*']}, {key: source.ip, notValues: [10.0.0.1]},
    {key: remote.ip, notValues: [10.0.0.1]}, {key: source.namespace, notValues: ['*']},
    {key: source.principal, notValues: ['*c']}, {key: source.serviceAccount, notValues: [d]},
    {key: request.auth.principal, notValues: ['*']}, {key: request.auth.audiences, notValues: [a, '*']},
    {key: request.auth.presenter, notValues: [a, '*']}, {key: 'request.auth.claims[a][b]', notValues: [a, '*']},
    {key: destination.ip, notValues: [10.0.0.1]}, {key: destination.port, notValues: ['80']},
    {key: connection.sni, notValues: [a, '*']}, {key: 'experimental.envoy.filters.a.b[c]', notValues: [a, '*']}]
}]}"""


def test_nothing_negated_is_a_regular_expression() -> None:
    """Where RE2 does not hold for bytes that are no text, its negation would."""
    written = json.dumps(extensions(policy(FULL))["inbound.allow"])
    assert "notRule" in written
    assert "notId" in written
    assert "egex" not in written


def test_names_are_taken_literally() -> None:
    """A dot in the name of an account is a dot (CVE-2026-39350)."""
    spec = "{rules: [{from: [{source: {serviceAccounts: [ns/a.b], notServiceAccounts: [c.d]}}]}]}"
    written = json.dumps(extensions(policy(spec))["inbound.allow"])
    assert r"a\\.b" in written
    assert "/ns/default/sa/c.d" in written


@pytest.mark.parametrize(
    ("namespace", "labels", "holds"),
    [
        ("default", "{app: web}", True),
        ("default", "{app: other}", False),
        ("istio-system", "{app: web}", True),
        ("istio-system", "{}", True),
        ("elsewhere", "{app: web}", False),
    ],
)
def test_for_whom_a_policy_is(namespace: str, labels: str, holds: bool) -> None:
    text = policy(f"{{selector: {{matchLabels: {labels}}}}}", namespace=namespace)
    assert ("rules" in extensions(text)["inbound.allow"]) is holds


def test_bytes_are_refused_more_and_allowed_less() -> None:
    mixed = "rules: [{to: [{operation: {methods: [GET], ports: ['80']}}]}]"
    allowed = extensions(policy(f"{{{mixed}}}"))["inbound.allow.network"]["rules"]
    refused = extensions(policy(f"{{action: DENY, {mixed}}}"))["inbound.deny.network"]["rules"]["policies"]

    assert allowed.get("policies", {}) == {}
    assert "destinationPort" in json.dumps(refused)
    assert ":method" not in json.dumps(refused)


def test_what_is_only_tried_decides_nothing() -> None:
    found = extensions(policy("{}", dry_run=True))["inbound.allow"]
    assert "rules" not in found
    assert found["shadowRules"]["policies"]
    assert found["shadowRulesStatPrefix"] == "istio_dry_run_allow_"


PROVIDER = ExtensionProvider(
    name="opa",
    envoy_ext_authz_grpc=EnvoyExternalAuthorizationGrpcProvider(service="web.default.svc.cluster.local", port=80),
)
CUSTOM = policy("{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {paths: [/x]}}]}]}")


def test_a_provider_is_asked_on_both_ways() -> None:
    found = extensions(CUSTOM, MeshConfig(extension_providers=(PROVIDER,)))
    for name in ("inbound.provider", "inbound.provider.network"):
        assert "ExtAuthz" in found[name]["@type"]
        assert found[name]["grpcService"]["envoyGrpc"]["clusterName"] == "outbound|80||web.default.svc.cluster.local"
        assert not found[name].get("failureModeAllow")
    assert "rules" not in found["inbound.custom"]


@pytest.mark.parametrize(
    "broken",
    [
        {"port": 81},
        {"service": "nobody"},
        {"service": "elsewhere/web.default.svc.cluster.local"},
        {"status_on_error": "418"},
        {"status_on_error": "x"},
    ],
)
def test_who_cannot_be_asked_lets_nobody_in(broken: dict[str, Any]) -> None:
    asked = PROVIDER.envoy_ext_authz_grpc
    assert asked
    wrong = structs.replace(PROVIDER, envoy_ext_authz_grpc=structs.replace(asked, **broken))
    settings = MeshConfig(extension_providers=(wrong,))
    for found in (extensions(CUSTOM, settings), extensions(CUSTOM)):
        assert "DENY" in json.dumps(found["inbound.custom"]["rules"])
        assert "deny-due-to-bad-CUSTOM-action" in json.dumps(found["inbound.custom"])
        assert "ExtAuthz" not in found["inbound.provider"]["@type"]
