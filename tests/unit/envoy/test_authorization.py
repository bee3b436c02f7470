"""What is written for AuthorizationPolicies, where the judge's cases do not look."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from golden.real_envoy import refusal
from meltemi.apps.cli.compile import lists
from meltemi.core.check.validate import validate_bytes
from meltemi.core.envoy import pb
from meltemi.core.model.mesh import MeshConfig, NormalizationType, ProxyPathNormalization
from meltemi.core.model.mesh_providers import (
    EnvoyExternalAuthorizationGrpcProvider,
    EnvoyExternalAuthorizationHttpProvider,
    ExtensionProvider,
    RequestBody,
)
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.authorization_findings import together_findings
from meltemi.core.pipeline.compile import compile_mesh
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.view.authorization_findings import provider_findings
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
        {"include_request_body_in_check": RequestBody()},
        {"timeout": 0.0},
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


def custom_findings(text: str, settings: MeshConfig) -> list[tuple[str, str]]:
    engine = mesh_of(MESH + text, settings)
    scope = engine.get(scope_of, PROXY)
    found = (*engine.get(provider_findings), *together_findings(engine, (scope,)))
    return [(one.code, one.key.name) for one in found if one.key]


def over_http(**fields: Any) -> ExtensionProvider:
    asked = EnvoyExternalAuthorizationHttpProvider(service="web.default.svc.cluster.local", port=80, **fields)
    return ExtensionProvider(name="other", envoy_ext_authz_http=asked)


ABOUT_TOKENS = policy("""{action: ACTION, rules: [{from: [{source: {requestPrincipals: ['*']}}, {source: {
  notRequestPrincipals: [a/b]}}], when: [{key: 'request.auth.claims[x]', values: [a]},
  {key: request.auth.audiences, notValues: [a]}, {key: 'request.headers[x]', values: [a]}]}]}""")
BELIEVED = """---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: r, namespace: default}
spec: {selector: {matchLabels: {app: web}}, jwtRules: [{issuer: a, jwksUri: 'https://keys.example.com/'}]}
"""
OLDER = """---
apiVersion: authentication.istio.io/v1alpha1
kind: Policy
metadata: {name: default, namespace: default}
spec: {origins: [{jwt: {issuer: a, jwksUri: 'https://keys.example.com/'}}]}
"""


@pytest.mark.parametrize("action", ["ALLOW", "DENY", "AUDIT"])
def test_rules_about_tokens_that_nothing_reads_are_told(action: str) -> None:
    def told(text: str, *labels: str) -> dict[str, str]:
        engine = mesh_of(MESH + ABOUT_TOKENS.replace("ACTION", action) + text)
        proxies = (structs.replace(PROXY, labels=(("app", one),)) for one in labels)
        found = together_findings(engine, tuple(engine.get(scope_of, proxy) for proxy in proxies))
        assert {one.code for one in found} <= {"M2923"}
        return {str(one.path).removeprefix("spec.rules[0]."): one.message for one in found}

    places = ("from[0].source.requestPrincipals", "from[1].source.notRequestPrincipals", "when[0].key", "when[1].key")
    assert tuple(told("", "web")) == places
    assert "at the workloads" in told("", "web", "other")[places[0]]
    assert "at some of the workloads" in told(BELIEVED, "web", "other")[places[0]]
    assert "nobody matches" in told("", "web")[places[2]]
    assert "nothing is excluded" in told("", "web")[places[3]]
    everywhere = BELIEVED.replace(": default", ": istio-system")
    assert told(BELIEVED, "web") == told(OLDER, "web") == told(everywhere, "web") == {}


def test_who_cannot_be_asked_is_told() -> None:
    other = CUSTOM.replace("name: opa}", "name: other}").replace("name: p,", "name: q,")
    both = MeshConfig(extension_providers=(PROVIDER, over_http()))
    assert custom_findings(CUSTOM, MeshConfig()) == [("M2914", "p")]
    assert custom_findings(CUSTOM, both) == []
    assert custom_findings(other, both) == [("M2919", "q")]
    assert custom_findings(CUSTOM + other, both) == [("M2919", "q"), ("M2914", "p"), ("M2914", "q")]
    assert custom_findings(CUSTOM, MeshConfig(extension_providers=(PROVIDER, PROVIDER))) == [("M2914", "p")]
    wrong = (over_http(path_prefix="x"), over_http(include_additional_headers_in_check=(("a", "b\n"),)))
    for one in wrong:
        assert custom_findings(other, MeshConfig(extension_providers=(one,))) == [("M2914", "q")]


@pytest.mark.parametrize(
    ("action", "field", "plain", "raw"),
    [
        ("ALLOW", "paths", (1, 1, 0), (1, 1, 0)),
        ("ALLOW", "notPaths", (1, 1, 1), (0, 1, 0)),
        ("DENY", "paths", (1, 1, 1), (0, 1, 0)),
        ("DENY", "notPaths", (1, 1, 0), (1, 1, 0)),
    ],
)
def test_what_templates_do_not_read_is_refused(
    action: str, field: str, plain: tuple[int, ...], raw: tuple[int, ...]
) -> None:
    """`[` gets past Envoy's templates; where paths come as they are written, more does."""
    text = policy(f"{{action: {action}, rules: [{{to: [{{operation: {{{field}: ['/a/{{*}}/b']}}}}]}}]}}")
    for kind, wanted in ((NormalizationType.DEFAULT, plain), (NormalizationType.NONE, raw)):
        settings = MeshConfig(path_normalization=ProxyPathNormalization(normalization=kind))
        written = json.dumps(extensions(text, settings)[f"inbound.{action.lower()}"])
        assert tuple(map(written.count, ("uri-template", '{"prefix": "/a/"}', '{"contains": "["}'))) == wanted


def test_values_in_brackets_are_items_of_lists() -> None:
    key = "experimental.envoy.filters.a.b[c]"
    written = json.dumps(
        extensions(policy(f"{{rules: [{{when: [{{key: '{key}', values: ['[x]', z]}}]}}]}}"))["inbound.allow"]
    )
    assert '{"listMatch": {"oneOf": {"stringMatch": {"exact": "x"}}}}' in written
    assert '{"stringMatch": {"exact": "z"}}' in written


ODD = [
    *(
        "*",
        "**",
        "***",
        "a*",
        "*a",
        "a*b",
        "\0",
        "a\nb",
        "é",
        "(",
        "[",
        "\\",
        "a|b",
        ".*",
        " ",
        "%",
        "a" * 4096,
        "*" + "a" * 4095,
    ),
    *("/{*}", "/{**}", "/{*}/", "/a//{*}", "/%zz/{*}", "/a,b/{*}", "/" + "a" * 250 + "/{*}", "/{**}/a", "{", "{x}"),
]
PLACES = [
    *(
        f"from: [{{source: {{{n}: [V]}}}}]"
        for n in ("principals", "requestPrincipals", "namespaces", "serviceAccounts")
    ),
    *(f"to: [{{operation: {{{n}: [V]}}}}]" for n in ("hosts", "methods", "paths")),
    *(
        f"when: [{{key: '{key}', values: [V]}}]"
        for key in (
            *("request.headers[x]", "request.headers[:path]", "connection.sni", "request.auth.claims[a][b]"),
            *("source.namespace", "source.serviceAccount", "experimental.envoy.filters.a[b]", "request.auth.audiences"),
        )
    ),
]


def test_envoy_takes_whatever_has_no_fault(tmp_path: Path) -> None:
    """What it refused would be in force nowhere."""
    parsed, _ = validate_bytes("mesh", (MESH + CUSTOM.replace("name: opa}", "name: other}")).encode())
    documents = [one.document for one in parsed]
    for i, place in enumerate(PLACES):
        for negated in (False, True):
            rules = [place.replace(": [V]", f": [{json.dumps(value)}]") for value in ODD]
            rules = (
                [rule.replace("values:", "notValues:") for rule in rules] if negated and "values" in rules[0] else rules
            )
            texts = [
                policy(f"{{action: DENY, rules: [{{{rule}}}]}}", name=f"p{i}-{j}-{int(negated)}")
                for j, rule in enumerate(rules)
            ]
            documents += [one.document for one in validate_bytes("rules", "".join(texts).encode())[0]]
    found = [one for one in documents if one]
    assert len(found) > len(PLACES) * len(ODD)
    settings = MeshConfig(extension_providers=(over_http(),))

    compiled = compile_mesh(found, settings, structs.replace(PROXY, addresses=("10.0.0.7",)))

    assert refusal(lists(compiled), tmp_path) == ""
