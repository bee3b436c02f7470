"""What the real Envoy is not asked for in tests/e2e/fields/test_explained.py: what is open, tokens, providers, TLS."""

from meltemi.core.explain.asked import Words, asked
from meltemi.core.explain.decide import Decision, decide
from meltemi.core.explain.told import documents, told
from meltemi.core.model.mesh import MeshConfig, NormalizationType, ProxyPathNormalization
from meltemi.core.model.mesh_providers import EnvoyExternalAuthorizationHttpProvider, ExtensionProvider
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.pipeline.guard import proxy_guard
from meltemi.core.view.guard import Guard
from meshes import mesh_of, service

PROXY = Proxy(role=Role.SIDECAR, id="web-1.default", namespace="default", labels=(("app", "web"),))
ROUTER = Proxy(role=Role.ROUTER, id="edge-1.default", namespace="default", labels=(("app", "edge"),))


def document(spec: str, name: str = "p", kind: str = "AuthorizationPolicy", tried: bool = False) -> str:
    marked = ", annotations: {istio.io/dry-run: 'true'}" if tried else ""
    head = (
        f"---\napiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: default{marked}}}"
    )
    return f"{head}\nspec: {spec}\n"


def guarded(*texts: str, proxy: Proxy = PROXY, settings: MeshConfig | None = None) -> Guard:
    return proxy_guard(mesh_of(service("web", "http:80") + "".join(texts), settings), proxy)


def decided(guard: Guard, request: str = "GET /", **words: object) -> Decision:
    described = Words(request=request, **words)  # pyright: ignore[reportArgumentType]
    return decide(guard, asked(described, guard.trust_domain, ("10.0.0.1",)))


PORT = "{action: DENY, rules: [{to: [{operation: {ports: ['80'], paths: ['/a*']}}]}]}"


def test_what_depends_on_something_unsaid_is_undecided():
    guard = guarded(document(PORT))
    assert decided(guard, "GET /b").outcome == "allowed"  # the port does not matter
    assert decided(guard, "GET /a").outcome == "undecided"
    assert decided(guard, "GET /a").why == "of a DENY rule it is not said what the port is: '80'"
    assert decided(guard, "GET /a", port=80).outcome == "denied"
    assert decided(guard, "GET /a", port=81).outcome == "allowed"


def test_a_refusal_stands_whatever_else_is_open():
    guard = guarded(document(PORT), document("{rules: []}", "nobody"))
    found = decided(guard, "GET /a")
    assert (found.outcome, found.by) == ("denied", None)
    assert [(one.name, one.matches) for one in found.rules] == [
        ("ns[default]-policy[p]-rule[0]", None),
        ("ns[default]-policy[nobody]-rule[0]", False),
    ]


def test_headers_that_proxies_make_are_not_known():
    guard = guarded(
        document("{action: DENY, rules: [{when: [{key: 'request.headers[X-Request-Id]', values: ['*']}]}]}")
    )
    assert decided(guard).outcome == "undecided"
    assert decided(guard, headers=("x-request-id: 1",)).outcome == "denied"


def test_mutual_tls():
    strict = "{mtls: {mode: STRICT}, selector: {matchLabels: {app: web}}, portLevelMtls: {'81': {mode: DISABLE}}}"
    guard = guarded(
        document(strict, kind="PeerAuthentication"), document("{rules: [{from: [{source: {principals: ['*']}}]}]}")
    )
    assert decided(guarded(document(strict, kind="PeerAuthentication"))).outcome == "undecided"
    found = decided(guard, port=80)
    assert found.outcome == "denied"
    assert found.origin is not None
    assert found.origin.key.kind == "PeerAuthentication"
    assert decided(guard, port=80, caller="a/b").outcome == "allowed"
    assert decided(guard, port=81, caller="a/b").outcome == "denied"  # there is no certificate where TLS is not taken
    assert guarded(document(strict, kind="PeerAuthentication"), proxy=ROUTER).modes is None


KEYS = '{"keys":[]}'
ISSUER = f"{{issuer: me, jwks: '{KEYS}', audiences: [shop], spaceDelimitedClaims: [roles]}}"


def test_tokens():
    guard = guarded(
        document(f"{{jwtRules: [{ISSUER}]}}", kind="RequestAuthentication"),
        document("{rules: [{when: [{key: 'request.auth.claims[roles]', values: [a]}]}]}"),
    )
    assert decided(guard).status == 403
    assert decided(guard, claims=("iss=other",)).status == 401
    assert decided(guard, claims=("iss=me", "aud=bank")).why == "the token is for 'bank', and not for shop"
    assert decided(guard, claims=("iss=me", "aud=shop", "roles=b a")).outcome == "allowed"
    assert decided(guard, claims=('aud=["x","shop"]', "iss=me", "roles=b")).outcome == "denied"


def test_claims_that_nobody_reads_are_not_there():
    guard = guarded(document("{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}"))
    assert decided(guard, claims=("iss=me", "sub=a")).outcome == "denied"


def test_slashes_are_merged_where_the_proxy_does():
    merging = MeshConfig(path_normalization=ProxyPathNormalization(normalization=NormalizationType.MERGE_SLASHES))
    refusing = document("{action: DENY, rules: [{to: [{operation: {paths: [/a/b]}}]}]}")
    assert decided(guarded(refusing), "GET /a//b").outcome == "allowed"
    assert decided(guarded(refusing, settings=merging), "GET //a///b").outcome == "denied"


def test_a_provider_is_asked_before_all_else():
    provider = ExtensionProvider(
        name="ext",
        envoy_ext_authz_http=EnvoyExternalAuthorizationHttpProvider(service="web.default.svc.cluster.local", port=80),
    )
    custom = document("{action: CUSTOM, provider: {name: ext}, rules: [{to: [{operation: {paths: [/a]}}]}]}")
    known = guarded(custom, settings=MeshConfig(extension_providers=(provider,)))
    assert decided(known, "GET /a").why == "the provider 'ext' is asked"
    assert decided(known, "GET /b").outcome == "allowed"
    assert decided(known, "", port=80).outcome == "allowed"  # it judges requests only
    unknown = guarded(custom)
    assert decided(unknown, "GET /a").outcome == "denied"
    assert decided(unknown, "GET /a").why.startswith("nobody can be asked: ")


def test_what_is_only_tried_decides_nothing():
    guard = guarded(document("{action: DENY, rules: [{}]}", tried=True))
    found = decided(guard)
    assert found.outcome == "allowed"
    assert [(one.tried, one.matches) for one in found.rules] == [(True, True)]


def test_what_is_sent_and_printed():
    guard = guarded(
        document("{rules: []}", "nobody"),
        document(f"{{jwtRules: [{ISSUER}]}}", "id", kind="RequestAuthentication"),
        document("{mtls: {mode: STRICT}}", "tls", kind="PeerAuthentication"),
    )
    found = told(guard, None, {})
    assert [(one.action, one.rules, one.at.name) for one in found.policies] == [("ALLOW", 0, "nobody")]
    assert [(one.at.kind, one.in_force) for one in found.authentication] == [
        ("PeerAuthentication", "STRICT"),
        ("RequestAuthentication", "me"),
    ]
    assert {key.name for key in documents(guard)} == {"nobody", "id", "tls"}
    assert found.decision is None
