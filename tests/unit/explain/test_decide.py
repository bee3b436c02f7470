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


def older(spec: str, name: str = "old", kind: str = "Policy") -> str:
    place = ", namespace: default" if kind == "Policy" else ""
    head = f"---\napiVersion: authentication.istio.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}{place}}}"
    return f"{head}\nspec: {spec}\n"


def jwt(issuer: str, more: str = "") -> str:
    return f"{{jwt: {{issuer: {issuer}, jwks: '{KEYS}'{more}}}}}"


SHOP = (
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: default}\n"
    "spec: {clusterIP: 10.9.9.9, selector: {app: web}, ports: [{name: http, port: 80}]}\n"
)
NAMED = "targets: [{name: shop}], "
ANN = ("iss=me", "sub=ann")


def test_tokens_that_policies_ask_for():
    guard = guarded(SHOP, older(f"{{{NAMED}origins: [{jwt('me')}, {jwt('you', ', audiences: [shop]')}]}}"))
    assert decided(guard).outcome == "undecided"  # other ports of the workload are free
    found = decided(guard, port=80)
    assert (found.status, found.why) == (401, "an authentication Policy asks for a token, and there is none")
    assert found.origin is not None
    assert found.origin.key.kind == "Policy"
    assert decided(guard, port=81).outcome == "allowed"
    assert decided(guard, port=80, claims=ANN).outcome == "allowed"
    assert decided(guard, port=80, claims=("iss=other",)).status == 401
    assert decided(guard, port=80, claims=("iss=you", "aud=bank")).status == 403
    assert decided(guard, port=80, claims=("iss=you", "aud=shop")).outcome == "allowed"
    assert decided(guard, "", port=80).outcome == "allowed"  # bytes have no tokens


def test_policies_ask_by_path_and_for_the_mesh():
    paths = ", triggerRules: [{excludedPaths: [{exact: /health}, {prefix: /open/}]}]"
    guard = guarded(
        older(f"{{origins: [{jwt('me', paths)}]}}", "default", "MeshPolicy"),
        document("{rules: [{from: [{source: {requestPrincipals: [me/ann]}}]}, {to: [{operation: {paths: ['/*']}}]}]}"),
    )
    for path, status in (("/health", 200), ("/health?x", 200), ("/open/a", 200), ("/healthy", 401), ("/open", 401)):
        assert decided(guard, f"GET {path}").status == status, path
    assert [one.matches for one in decided(guard, "GET /a", claims=ANN).rules] == [True, True]
    assert [one.matches for one in decided(guard, "GET /health", claims=ANN).rules] == [False, True]  # nobody reads it
    browser = ("Origin: https://shop", "Access-Control-Request-Method: GET")
    assert decided(guard, "OPTIONS /a", headers=browser).status == 200
    assert decided(guard, "OPTIONS /a", headers=browser[:1]).status == 401


def test_policies_that_only_read():
    guard = guarded(
        older(f"{{origins: [{jwt('me')}], originIsOptional: true}}", "default"),
        document("{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}"),
    )
    assert decided(guard, claims=ANN).outcome == "allowed"
    assert (
        decided(guard, claims=("iss=other", "sub=ann")).why == "there are ALLOW policies, and no rule of them matches"
    )
    assert decided(guard).status == 403


def test_policies_beside_what_is_believed_today():
    today = document("{jwtRules: [{issuer: new, jwks: '" + KEYS + "'}]}", kind="RequestAuthentication")
    both = guarded(today, older(f"{{origins: [{jwt('me')}]}}", "default"))
    assert decided(both, claims=ANN).why == "a token of 'me' is not what is believed here"
    assert decided(both, claims=("iss=new", "sub=ann")).why == "a token of 'new' is not what the Policy asks for"
    free = guarded(today, older(f"{{origins: [{jwt('me')}], originIsOptional: true}}", "default"))
    assert decided(free).outcome == "allowed"
    assert decided(free, claims=("iss=other",)).status == 401


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


def test_policies_that_ask_for_tokens_are_printed():
    guard = guarded(SHOP, older(f"{{{NAMED}origins: [{jwt('me')}]}}"), older("{peers: [{mtls: {}}]}", "default"))
    found = told(guard, None, {})
    assert ("Policy", "80: me", "old") in [(one.at.kind, one.in_force, one.at.name) for one in found.authentication]
    assert "old" in {key.name for key in documents(guard)}
