"""Every field of RequestAuthentication by real requests through real Envoys, and tokens that must not be believed."""

import json
import socket
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import pytest

from e2e.fields.settings import edge, through
from e2e.fields.shown import shows
from e2e.fields.tokens import ISSUER, Signer, encoded, indented, now
from e2e.fields.world import World
from e2e.mesh import eventually, host
from key_server import KeyServer, discovery
from meltemi.core.check.jwks import bytes_of
from meltemi.core.model.security.keys import DISCOVERY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

RA = "RequestAuthentication"
SELECT = "selector: {matchLabels: {app: echo}}\n"
SIGNER, SECOND, STRANGER = Signer(), Signer("two", "https://second.example.com"), Signer()


def rule(more: str = "", signer: Signer = SIGNER) -> str:
    """One issuer, with its keys."""
    return f"{{issuer: '{signer.issuer}', jwks: {indented(signer.jwks())}{', ' if more else ''}{more}}}"


def believe(world: World, *rules: str, place: str = SELECT, name: str = "ours", **where: str) -> None:
    world.apply(RA, name, f"{place}jwtRules: [{', '.join(rules)}]", group="security", **where)


def asked(world: World, headers: dict[str, str] | None = None, path: str = "/") -> int:
    return world.client.ask("echo", path, headers=headers).status


def answers(world: World, status: int, headers: dict[str, str] | None = None, path: str = "/") -> bool:
    """Whether a request gets this status, as soon as all threads of Envoy have what it says that it has."""
    return bool(eventually(lambda: asked(world, headers, path) == status))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def in_force(world: World, **more: Any) -> None:
    """The first issuer is believed, and a stranger is not."""
    assert answers(world, 401, STRANGER.bearer(**more))
    assert answers(world, 200, SIGNER.bearer(**more))


FORGED: dict[str, Callable[[], str]] = {
    "unsigned": SIGNER.unsigned,
    "unsigned, in other letters": lambda: SIGNER.unsigned().replace(
        encoded(b'{"alg": "none"}'), encoded(b'{"alg":"nOnE"}')
    ),
    "without its signature": lambda: SIGNER.token().rpartition(".")[0] + ".",
    "signed with the public key as a secret": SIGNER.by_public_key,
    "of a stranger's key": STRANGER.token,
    "of another issuer": lambda: SIGNER.token(iss="https://issuer.example.com/b"),
    "of no issuer": lambda: SIGNER.token(iss=None),
    "expired": lambda: SIGNER.token(exp=now() - 3600),
    "not yet valid": lambda: SIGNER.token(nbf=now() + 3600),
    "of an unknown key": lambda: SIGNER.token({"kid": "two"}),
    "kid empty": lambda: STRANGER.token({"kid": ""}),
    "kid missing": lambda: STRANGER.token({"kid": None}),
    "kid a path": lambda: STRANGER.token({"kid": "../../../../dev/null"}),
    "kid a query": lambda: STRANGER.token({"kid": "one' OR '1'='1"}),
    "kid no text": lambda: STRANGER.token({"kid": ["one"]}),
    "brings its key": lambda: STRANGER.token({"jwk": STRANGER.key}),
    "says where its key is": lambda: STRANGER.token({"jku": "https://stranger.example.com/keys"}),
    "changed": lambda: _changed(SIGNER.token()),
    "no token": lambda: "letters",
    "no JSON": lambda: f"{encoded(b'{}')}.{encoded(b'x')}.{encoded(b'x')}",
}


def _changed(token: str) -> str:
    head, _, signature = token.split(".")
    payload = encoded(json.dumps(SIGNER.payload(sub="admin")).encode())
    return f"{head}.{payload}.{signature}"


@shows(RA, "jwtRules[].issuer", "jwtRules[].jwks", "selector.matchLabels")
def test_a_token_that_is_there_must_be_sound(world: World) -> None:
    believe(world, rule("forwardOriginalToken: true"))
    in_force(world)
    assert asked(world) == 200
    refused = {name: asked(world, bearer(forged())) for name, forged in FORGED.items()}
    assert refused == dict.fromkeys(FORGED, 401)
    assert asked(world, bearer(SIGNER.token(long="x" * 100_000))) == 431
    assert asked(world, SIGNER.bearer()) == 200


def head(world: World, *lines: str) -> int:
    """The status for a head that is written as it is."""
    said = "\r\n".join(("GET / HTTP/1.1", "Host: echo", "Connection: close", *lines, "", ""))
    return world.client.raw("echo", said.encode()).status


def test_of_two_tokens_each_must_be_sound(world: World) -> None:
    believe(world, rule("forwardOriginalToken: true"))
    in_force(world)
    good, bad = SIGNER.token(), STRANGER.token()
    for one, two in ((good, bad), (bad, good)):
        assert asked(world, bearer(one), path=f"/?access_token={two}") == 401
        assert head(world, f"Authorization: Bearer {one}", f"Authorization: Bearer {two}") == 401
        assert head(world, f"Authorization: Bearer {one},Bearer {two}") == 401
    assert asked(world, bearer(good), path=f"/?access_token={good}") == 200


def test_of_two_parameters_the_first_is_verified_and_both_are_taken_away(world: World) -> None:
    believe(world, rule())
    in_force(world)
    good, bad = SIGNER.token(), STRANGER.token()
    assert asked(world, path=f"/?access_token={bad}&access%5Ftoken={good}") == 401
    assert (
        world.client.seen("echo", f"/headers?access%5Ftoken={good}&a=b&access_token={bad}")[":path"] == "/headers?a=b"
    )


@pytest.mark.parametrize("keys", [[], [{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}]])
def test_a_set_without_a_key_that_can_be_used(world: World, keys: list[dict[str, str]]) -> None:
    """Is believed to have signed nothing: an Envoy that refused it would let everybody pass."""
    believe(world, f"{{issuer: '{ISSUER}', jwks: '{json.dumps({'keys': keys})}'}}")
    assert answers(world, 401, SIGNER.bearer())
    assert asked(world) == 200


def test_tokens_that_do_not_say_by_which_key(world: World) -> None:
    """A key of another kind that stands before theirs does not end the search."""
    signer, edwards = (
        Signer(kid=""),
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    )
    unfit = {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}
    rsa = {name: value for name, value in signer.key.items() if name != "alg"}
    believe(world, f"{{issuer: '{ISSUER}', jwks: '{json.dumps({'keys': [unfit, edwards, rsa]})}'}}")
    assert answers(world, 200, signer.bearer())
    assert answers(world, 401, STRANGER.bearer())
    assert "key 0: its numbers are no key" in said(world, "M2917")


@shows(RA, "jwtRules[].audiences[]")
def test_audiences(world: World) -> None:
    believe(world, rule("audiences: [shop, 'https://bank']"))
    in_force(world, aud="shop")
    for audience, status in (("https://bank", 200), (["x", "shop"], 200), ("sho", 403), (["x"], 403), (None, 403)):
        assert asked(world, SIGNER.bearer(aud=audience)) == status, audience


@shows(RA, "jwtRules[].fromHeaders[].name", "jwtRules[].fromHeaders[].prefix", "jwtRules[].fromParams[]")
@shows(RA, "jwtRules[].fromCookies[]")
@pytest.mark.parametrize(
    ("where", "headers", "path"),
    [
        ("fromHeaders: [{name: X-Token}]", {"x-token": "TOKEN"}, "/"),
        ("fromHeaders: [{name: X-Token, prefix: 'Sent '}]", {"x-token": "Sent TOKEN"}, "/"),
        ("fromParams: [tok]", {}, "/?a=b&tok=TOKEN"),
        ("fromCookies: [tok]", {"cookie": "a=b; tok=TOKEN"}, "/"),
    ],
)
def test_places_of_tokens(world: World, where: str, headers: dict[str, str], path: str) -> None:
    """Only what is in its place is a token."""

    def placed(token: str) -> tuple[dict[str, str], str]:
        return {name: value.replace("TOKEN", token) for name, value in headers.items()}, path.replace("TOKEN", token)

    believe(world, rule(f"{where}, presence: REQUIRED"))
    assert answers(world, 401, *placed(STRANGER.token()))
    assert answers(world, 200, *placed(SIGNER.token()))
    assert asked(world) == 401
    assert asked(world, SIGNER.bearer()) == 401
    assert asked(world, {"x-token": f"Other {SIGNER.token()}"}) == 401


@shows(RA, "jwtRules[].presence")
def test_presence(world: World) -> None:
    believe(world, rule("presence: REQUIRED"))
    in_force(world)
    assert asked(world) == 401
    believe(world, rule("presence: OPTIONAL"))
    assert answers(world, 200)
    assert asked(world, STRANGER.bearer()) == 401


CLAIMS = "outputClaimToHeaders: [{header: x-group, claim: group}, {header: x-deep, claim: a.b}]"
TOLD = f"outputPayloadToHeader: x-payload, {CLAIMS}"


@shows(RA, "jwtRules[].outputPayloadToHeader")
@shows(RA, "jwtRules[].outputClaimToHeaders[].header", "jwtRules[].outputClaimToHeaders[].claim")
def test_what_the_application_is_told(world: World) -> None:
    """And nobody but the token's issuer tells it."""
    believe(world, rule(TOLD))
    in_force(world)
    told = world.client.seen("echo", headers=SIGNER.bearer(group="red", a={"b": "c"}))
    assert json.loads(bytes_of(told["x-payload"]) or b"")["group"] == "red"
    assert (told["x-group"], told["x-deep"]) == ("red", "c")
    forged = {"X-Payload": "forged", "x-group": "forged", "X-DEEP": "forged"}
    for claims in (forged, forged | SIGNER.bearer()):
        assert "forged" not in str(world.client.seen("echo", headers=claims)), claims


@shows(RA, "jwtRules[].forwardOriginalToken")
def test_who_is_given_the_token(world: World) -> None:
    """Out of a cookie Envoy takes nothing."""
    token, where = SIGNER.token(), "fromHeaders: [{name: X-Token}], fromParams: [tok], fromCookies: [tok]"

    def given() -> list[str]:
        cookies = {"cookie": f"a=b; tok={token}"}
        found = world.client.seen("echo", f"/headers?a=b&tok={token}", headers={"x-token": token} | cookies)
        return [name for name, value in sorted(found.items()) if token in value]

    believe(world, rule(where))
    assert eventually(lambda: given() == ["cookie"])
    believe(world, rule(f"{where}, forwardOriginalToken: true"))
    assert eventually(lambda: given() == [":path", "cookie", "x-token"])


@shows(RA, "jwtRules[].spaceDelimitedClaims[]")
def test_words_of_a_claim(world: World) -> None:
    allow = "rules: [{when: [{key: 'request.auth.claims[CLAIM]', values: [red]}]}]"
    believe(world, rule("spaceDelimitedClaims: [groups]"))
    for claim, status in (("groups", 200), ("scope", 200), ("other", 403)):
        world.apply("AuthorizationPolicy", "ours", SELECT + allow.replace("CLAIM", claim), group="security")
        assert answers(world, status, SIGNER.bearer(**{claim: "blue red"})), claim
        assert answers(world, 403, SIGNER.bearer(**{claim: "blue"})), claim


def test_a_subject_with_slashes_is_named_as_it_stands(world: World) -> None:
    """As those of GitHub: `repo:OWNER/NAME:ref:REF`."""
    subject = "repo:shop/web:ref:refs/heads/main"
    mine, other = (SIGNER.bearer(sub=one) for one in (subject, "repo:shop/webs:ref:refs/heads/main"))
    believe(world, rule("forwardOriginalToken: true"))
    for action, named, let_in, kept_out in (
        ("DENY", f"{ISSUER}/{subject}", other, mine),
        ("ALLOW", f"{ISSUER}/repo:shop/web:*", mine, other),
        ("ALLOW", f"*/{subject}", mine, other),
    ):
        rules = f"rules: [{{from: [{{source: {{requestPrincipals: ['{named}']}}}}]}}]"
        world.apply("AuthorizationPolicy", "named", f"{SELECT}action: {action}\n{rules}", group="security")
        assert answers(world, 403, kept_out), named
        assert answers(world, 200, let_in), named


def test_several_documents_hold_together(world: World) -> None:
    """Who shares a place with others refuses no token of theirs; beside a sound token none may be forged."""
    third = Signer("three", "https://third.example.com")
    believe(world, rule())
    believe(world, rule("fromHeaders: [{name: X-Second}]", SECOND), name="second")
    believe(world, rule(signer=third), name="third")
    sound, second = SIGNER.bearer(), {"X-Second": SECOND.token()}
    forged = {"X-Second": Signer("two", SECOND.issuer).token()}
    assert answers(world, 200, third.bearer())
    assert answers(world, 401, forged)
    for headers, status in (
        ({}, 200), (sound, 200), (second, 200), (sound | second, 200), (third.bearer() | second, 200),
        (sound | forged, 401), (third.bearer() | forged, 401), (STRANGER.bearer() | second, 401),
        (Signer("four", "https://fourth.example.com").bearer(), 401), (SECOND.bearer(), 401),
    ):  # fmt: skip
        assert asked(world, headers) == status, headers


@shows(RA, "targetRefs[].kind", "targetRefs[].name", "targetRefs[].group")
@shows(RA, "targetRef.kind", "targetRef.name", "targetRef.group")
@pytest.mark.parametrize("form", ["targetRef: {}", "targetRefs: [{}]"])
def test_at_a_gateway(world: World, form: str) -> None:
    edge(world)
    labels = "selector: {matchLabels: {istio: ingressgateway}}\n"
    believe(world, rule(), place=labels, namespace="istio-system")
    assert eventually(lambda: through(world.mesh, Authorization=f"Bearer {STRANGER.token()}")[0] == 401)
    assert through(world.mesh, Authorization=f"Bearer {SIGNER.token()}")[0] == 200
    assert through(world.mesh)[0] == 200
    reference = form.replace("{}", "{group: gateway.networking.k8s.io, kind: Gateway, name: other}") + "\n"
    believe(world, rule(), place=reference, namespace="istio-system")
    assert eventually(lambda: through(world.mesh, Authorization=f"Bearer {STRANGER.token()}")[0] == 200)


ROUTED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "@request.auth.claims.group": ("{exact: red}", {"group": "red"}, {"group": "blue"}),
    "@request.auth.claims[group]": ("{prefix: r}", {"group": ["blue", "red"]}, {"group": ["blue"]}),
    "@request.auth.claims.a.b": ("{regex: 'r.*'}", {"a": {"b": "red"}}, {"a.b": "red"}),
    "@request.auth.claims[a.b][c]": ("{exact: red}", {"a.b": {"c": "red"}}, {"a": {"b": {"c": "red"}}}),
    "@request.auth.claims[scope]": ("{exact: red}", {"scope": "blue red"}, {"scope": "redder"}),
    "@request.auth.claims.any": ("{}", {"any": {"of": 1}}, {"other": "x"}),
}  # fmt: skip


@pytest.mark.parametrize("word", ["headers", "withoutHeaders"])
def test_routes_by_claims(world: World, word: str) -> None:
    """At a gateway; without a sound token there is no claim, and a header of that name is none."""
    edge(world)
    place = "selector: {matchLabels: {istio: ingressgateway}}\n"
    believe(world, rule(), place=place, namespace="istio-system")
    assert eventually(lambda: through(world.mesh, Authorization=f"Bearer {STRANGER.token()}")[0] == 401)
    has, has_not = ("two", "one") if word == "headers" else ("one", "two")
    for name, (value, good, bad) in ROUTED.items():
        world.virtual_service(
            f"hosts: ['*']\ngateways: [edge]\nhttp:\n- match: [{{{word}: {{'{name}': {value}}}}}]\n"
            "  route: [{destination: {host: echo, subset: two}}]\n- route: [{destination: {host: echo, subset: one}}]",
            name="edge",
        )

        assert eventually(partial(serves, world, has, **good)), name
        assert serves(world, has_not, **bad), name
        assert serves(world, has_not), name


def serves(world: World, version: str, **claims: Any) -> bool:
    """Whether a version of echo serves who has a token with these claims."""
    headers = bearer(SIGNER.token(**claims)) if claims else {}
    return through(world.mesh, **headers)[2].split()[0] == version


@pytest.fixture
def keys() -> Generator[KeyServer]:
    """On the address that this machine has towards pods."""
    with KeyServer(host()) as server:
        server.says["/keys"] = SIGNER.jwks().encode()
        yield server


def said(world: World, code: str) -> str:
    """What `status` says under a code."""
    found = world.mesh.json("status", status=(0, 1))["findings"]
    return "\n".join(one["message"] for one in found if one["code"] == code)


def fetching(world: World, uri: str, more: str = "", word: str = "jwksUri") -> None:
    believe(world, f"{{issuer: '{ISSUER}', {word}: '{uri}'{more}}}")


@shows(RA, "jwtRules[].jwksUri")
def test_keys_rotate_without_a_refusal(world: World, keys: KeyServer) -> None:
    fetching(world, keys.url())
    in_force(world)
    fresh = Signer("two")
    keys.says["/keys"] = SIGNER.jwks(fresh).encode()

    def rotated(good: Signer, other: Signer, status: int) -> bool:
        assert asked(world, good.bearer()) == 200
        return asked(world, other.bearer()) == status

    assert eventually(lambda: rotated(SIGNER, fresh, 200))
    keys.says["/keys"] = fresh.jwks().encode()
    assert eventually(lambda: rotated(fresh, SIGNER, 401))


@pytest.mark.parametrize("restart", [False, True])
def test_a_server_that_is_down_takes_no_keys_away(world: World, keys: KeyServer, restart: bool) -> None:
    fetching(world, keys.url(), word="jwks_uri")
    in_force(world)
    del keys.says["/keys"]
    if restart:
        world.mesh.kill_control_plane()
    assert eventually(lambda: "the last ones are in force" in said(world, "M2915"), 30)
    assert "the server answers 404" in said(world, "M2915")
    assert (asked(world, SIGNER.bearer()), asked(world, STRANGER.bearer())) == (200, 401)
    keys.says["/keys"] = SIGNER.jwks().encode()
    assert eventually(lambda: said(world, "M2915") == "", 30)


def silent(connection: socket.socket) -> None:
    """Says nothing until the other side goes."""
    connection.recv(1)


@shows(RA, "jwtRules[].timeout")
def test_keys_that_never_came(world: World, keys: KeyServer) -> None:
    """Nobody is believed, and `status` says why."""
    keys.says["/slow"] = silent
    keys.says["/away"] = f"http://127.0.0.1:{keys.port}/keys"
    for uri, why in (
        (keys.url("/slow"), "no whole answer within 0.7 s"),
        (keys.url("/away"), "127.0.0.1 is a loopback address"),
        ("http://169.254.169.254/keys", "169.254.169.254 is an address of the link"),
        ("http://keys.nowhere.svc/keys", "'keys.nowhere.svc' is not known"),
    ):
        fetching(world, uri, ", timeout: 700ms")
        assert eventually(partial(heard, world, why)), why
        assert "its tokens are refused" in said(world, "M2915")
        assert answers(world, 401, SIGNER.bearer())
        assert asked(world) == 200


def heard(world: World, why: str) -> bool:
    return why in said(world, "M2915")


def test_keys_of_a_service_and_by_discovery(world: World, keys: KeyServer) -> None:
    """The server stands behind a Service of the mesh, by whose name the control plane reaches it."""
    world.mesh.apply_text(SERVICE.format(host=keys.host, port=keys.port))
    issuer = Signer("one", "http://keys.default.svc/a")
    keys.says |= {
        f"/a{DISCOVERY}": discovery(issuer.issuer, "http://keys.default.svc/of-a"),
        "/of-a": issuer.jwks().encode(),
    }
    try:
        believe(world, f"{{issuer: '{issuer.issuer}'}}")
        assert answers(world, 200, issuer.bearer())
        assert asked(world, Signer("one", issuer.issuer).bearer()) == 401
    finally:
        world.mesh.run("delete", "-f", "-", text=SERVICE.format(host=keys.host, port=keys.port))


SERVICE = """
apiVersion: v1
kind: Service
metadata:
  name: keys
spec:
  ports: [{{name: http, port: 80, targetPort: {port}}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: keys
  labels: {{kubernetes.io/service-name: keys}}
addressType: IPv4
ports: [{{name: http, port: {port}, protocol: TCP}}]
endpoints: [{{addresses: ['{host}'], conditions: {{ready: true}}}}]
"""
