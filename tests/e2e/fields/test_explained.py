"""`x authz check` and the real Envoy decide alike: generated policies, generated requests, the verdict and the rule."""

import json
from collections.abc import Callable, Generator
from functools import partial
from random import Random
from typing import Any

import pytest

from e2e.fields.conftest import enter
from e2e.fields.inside import Inside
from e2e.fields.test_authorization_policy import SIGNER, SOON, believe
from e2e.fields.test_seeing_decisions import show
from e2e.fields.tokens import ISSUER, Signer, indented
from e2e.fields.world import World
from e2e.mesh import MeshError, eventually
from meltemi.core.envoy.policy_header import HEADER
from meltemi.core.explain.asked import JOINED
from meltemi.shell.client import Client

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROUNDS, REQUESTS = 12, 20
"""Sets of policies, and requests to each."""
SNI = "outbound_.80_._.echo.default.svc.cluster.local"
SOURCES = {
    "principals": ["cluster.local/ns/default/sa/client", "*/sa/client", "cluster.local/ns/other/*", "*"],
    "namespaces": ["default", "def*", "*lt", "other"],
    "serviceAccounts": ["client", "default/client", "other/client"],
    "ipBlocks": ["198.18.0.0/15", "203.0.113.0/24", "::/0"],
    "remoteIpBlocks": ["203.0.113.9", "198.18.0.0/15"],
    "requestPrincipals": [f"{ISSUER}/ann", f"{ISSUER}/*", "*/bob", "*"],
}
OPERATIONS = {
    "hosts": ["echo", "ECH*", "*cho", "other", "*"],
    "ports": ["8080", "80"],
    "methods": ["GET", "PU*", "*T", "DELETE", "*"],
    "paths": ["/a/b", "/a*", "*/b", "/{*}/b", "/a/{**}", "/{**}/c", "/c=d/{*}", "*", "/a/b/*", "/a/{*}", "/a/b/c"],
}
CONDITIONS = {
    "request.headers[x-team]": ["red", "r*", "*lue", "*"],
    "source.namespace": ["default", "other"],
    "source.principal": ["*/sa/client", "*"],
    "request.auth.claims[groups]": ["red", "bl*", "*"],
    "request.auth.claims[deep][er]": ["x", "*"],
    "request.auth.claims[scope]": ["write", "*"],
    "request.auth.audiences": ["shop", "*"],
    "request.auth.presenter": ["app"],
    "connection.sni": [SNI, "*.local", "echo", "*"],
    "destination.port": ["8080", "80"],
    "remote.ip": ["203.0.113.0/24"],
}
PATHS = ["/a", "/a/b", "/a/b?x=/c", "/b", "/a/b/c", "/a//b", "/x/", "/c=d/e~f", "/a+b;c,d/b", "/a%20b/b", "/A/b"]
CLAIMS: list[dict[str, Any] | None] = [
    None,
    {},
    {"sub": "bob", "aud": "shop", "groups": "red"},
    {"aud": ["shop", "bank"], "azp": "app", "groups": ["green", "blue"], "deep": {"er": "x"}, "scope": "read write"},
]
Tree = dict[str, Any]


@pytest.fixture(scope="module")
def stranger(world_mesh: Any) -> Generator[Inside]:
    """A pod without a proxy."""
    inside = enter(world_mesh, "bare-")
    yield inside
    inside.close()


@pytest.fixture(scope="module")
def world_mesh(mesh: Any) -> Any:
    return mesh


def chosen(random: Random, pool: dict[str, list[str]], fields: int) -> Tree:
    """Some fields, some of them negated, each with one value, a few, or all that there are."""
    found: Tree = {}
    for field in random.sample(sorted(pool), fields):
        name = field if random.random() < 0.7 else f"not{field[0].upper()}{field[1:]}"
        found[name] = random.sample(pool[field], min(len(pool[field]), random.choice((1, 1, 2, 5))))
    if "notServiceAccounts" in found or "serviceAccounts" in found:
        for other in ("principals", "notPrincipals", "namespaces", "notNamespaces"):
            found.pop(other, None)  # they are not for one source
    return found


def rule(random: Random) -> Tree:
    written: Tree = {}
    if random.random() < 0.5:
        written["from"] = [{"source": chosen(random, SOURCES, random.choice((1, 1, 2)))} for _ in range(2)]
    if random.random() < 0.6:
        written["to"] = [{"operation": chosen(random, OPERATIONS, random.choice((1, 1, 2)))} for _ in range(2)]
    if random.random() < 0.4 or not written:
        key = random.choice(sorted(CONDITIONS))
        field = random.choice(("values", "values", "notValues"))
        written["when"] = [{"key": key, field: [random.choice(CONDITIONS[key])]}]
    return written


def policies(random: Random) -> str:
    """A DENY policy, two that allow or watch, and one that is only tried."""
    kinds = [("DENY", False), ("ALLOW", False), (random.choice(("ALLOW", "AUDIT")), False), ("DENY", True)]
    written = [
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "AuthorizationPolicy",
            "metadata": {"name": f"made-{i}", "namespace": "default", "annotations": TRIED if tried else {}},
            "spec": {
                "selector": {"matchLabels": {"app": "echo"}},
                "action": action,
                "rules": [rule(random) for _ in range(random.choice((1, 2)))],
            },
        }
        for i, (action, tried) in enumerate(kinds)
    ]
    return "\n---\n".join(json.dumps(one) for one in written)


TRIED = {"istio.io/dry-run": "true"}


def request(random: Random) -> Tree:
    """A request, and what is told of it."""
    claims, headers = random.choice(CLAIMS), {}
    if random.random() < 0.5:
        headers["x-team"] = random.choice(("red", "blue", ""))
    if random.random() < 0.3:
        headers["x-forwarded-for"] = "203.0.113.9"
    return {
        "method": random.choice(("GET", "PUT", "POST")),
        "path": random.choice(PATHS),
        "headers": headers,
        "claims": claims,
    }


def words(made: Tree, source: str, *, inside: bool) -> Tree:
    """The same in the words of `x authz check`."""
    claims = made["claims"]
    said: Tree = {} if claims is None else {"iss": ISSUER, "sub": "ann"} | claims
    return {
        "request": f"{made['method']} http://echo{made['path']}",
        "caller": "default/client" if inside else "",
        "headers": [f"{name}: {value}" for name, value in made["headers"].items()],
        "claims": [f"{name}={json.dumps(value)}" for name, value in said.items()],
        "port": 8080,
        "server_name": SNI if inside else None,
        "source_ip": source,
        "remote_ip": made["headers"].get("x-forwarded-for", source),
    }


Met = tuple[int, str]
"""A status, and the header that says what decided."""


def asked(inside: Inside, made: Tree, headers: dict[str, str]) -> Met:
    answer = inside.ask("echo", made["path"], method=made["method"], headers=headers)
    return answer.status, answer.headers.get(HEADER, "").strip()  # blanks around are not of the value


def settled(met: Callable[[], Met], expected: Met) -> Met:
    """What is met, once all threads of a proxy have what it says that it has; the last if that is not expected."""
    try:
        eventually(lambda: met() == expected, SOON)
    except MeshError:
        return met()
    return expected


def test_what_is_explained_is_what_envoy_does(world: World, stranger: Inside) -> None:
    random, mesh = Random(7), world.mesh
    api = Client(mesh.state / "api.sock")
    pods = [mesh.pod("echo-one-"), mesh.pod("echo-two-")]
    callers = [
        (inside, mesh.json("get", "pod", mesh.pod(name))["status"]["podIP"])
        for inside, name in ((world.client, "client-"), (stranger, "bare-"))
    ]
    tokens = [None if one is None else SIGNER.bearer(**one) for one in CLAIMS]
    believe(world)
    for pod in pods:
        show(world, pod, "true")
    seen: set[tuple[str, bool]] = set()
    try:
        for _ in range(ROUNDS):
            mesh.apply_text(policies(random))
            for _ in range(REQUESTS):
                made, (inside, source) = request(random), random.choice(callers)
                said = words(made, source, inside=inside is world.client)
                question = {"namespace": "default", "pod": random.choice(pods), "words": said}
                decision: Tree = api.call("POST", "/meltemi/v1/authorization", question)["decision"]
                headers = made["headers"] | (tokens[CLAIMS.index(made["claims"])] or {})
                expected = decision["status"], " ".join((decision["outcome"], decision["by"])).strip()

                met = partial(asked, inside, made, headers)
                assert settled(met, expected) == expected, (made, decision)
                seen.add((decision["outcome"], bool(decision["by"])))
    finally:
        for i in range(4):
            mesh.run("delete", "authorizationpolicy", f"made-{i}", status=(0, 1))
        for pod in pods:
            show(world, pod, None)
    assert seen == {("allowed", True), ("denied", True), ("denied", False)}


@pytest.mark.parametrize("inside", [True, False])
def test_so_it_is_with_bytes(world: World, stranger: Inside, inside: bool) -> None:
    api, pod = Client(world.mesh.state / "api.sock"), world.mesh.pod("echo-one-")
    said = {"caller": "default/client" if inside else "", "port": 7000, "server_name": "x" if inside else None}
    for action, spec in (
        ("DENY", "{from: [{source: {principals: ['*']}}]}"),
        ("DENY", "{from: [{source: {notPrincipals: ['*']}}]}"),
        ("DENY", "{to: [{operation: {paths: [/x], ports: ['7000']}}]}"),
        ("ALLOW", "{from: [{source: {namespaces: [default]}}]}"),
        ("ALLOW", "{to: [{operation: {methods: [GET]}}]}"),
        ("ALLOW", "{to: [{operation: {ports: ['7000']}}]}"),
    ):
        written = f"selector: {{matchLabels: {{app: echo}}}}\naction: {action}\nrules: [{spec}]"
        world.apply("AuthorizationPolicy", "lines", written, group="security")
        question = {"namespace": "default", "pod": pod, "words": said}
        decision: Tree = api.call("POST", "/meltemi/v1/authorization", question)["decision"]
        caller = world.client if inside else stranger
        allowed = decision["outcome"] == "allowed"
        assert decision["outcome"] != "undecided"
        assert eventually(lambda: bool(caller.line("echo", 7000)) is allowed, SOON), (spec, decision)  # noqa: B023


OLDER = [
    "targets: [{name: echo}]\norigins: [ORIGIN]",
    "targets: [{name: echo}]\norigins: [{jwt: {issuer: 'https://other', jwks: '{\"keys\": []}'}}, ORIGIN]",
    "targets: [{name: echo}]\norigins: [ORIGIN]\noriginIsOptional: true",
    "targets: [{name: echo, ports: [{number: 80}]}]\norigins: [FOR_SHOP]",
    "targets: [{name: echo}]\norigins: [FREE]",
]
"""Policies; the last has paths where nothing is asked for."""


@pytest.mark.parametrize("today", [False, True])
def test_so_it_is_with_tokens_that_older_policies_ask_for(world: World, today: bool) -> None:
    api, pod = Client(world.mesh.state / "api.sock"), world.mesh.pod("echo-one-")
    jwt = f"issuer: '{ISSUER}', jwks: {indented(SIGNER.jwks())}"
    made = {
        "ORIGIN": f"{{jwt: {{{jwt}}}}}",
        "FOR_SHOP": f"{{jwt: {{{jwt}, audiences: [shop]}}}}",
        "FREE": f"{{jwt: {{{jwt}, triggerRules: [{{excludedPaths: [{{exact: /a}}, {{prefix: /b/}}]}}]}}}}",
    }
    if today:
        world.apply("RequestAuthentication", "today", f"jwtRules: [{{issuer: new, jwks: {indented(STRANGER.jwks())}}}]",
                    group="security")  # fmt: skip
    for template in OLDER:
        written = template
        for name, origin in made.items():
            written = written.replace(name, origin)
        world.apply("Policy", "older", written, group="authentication", version="v1alpha1")
        for path in ("/", "/a", "/a?b", "/b/c", "/b"):
            for sent, claims in PROOFS:
                said: Tree = {
                    "request": f"GET http://echo{path}", "caller": "default/client", "port": 8080,
                    "claims": [f"{name}={json.dumps(value)}" for name, value in claims.items()],
                }  # fmt: skip
                question = {"namespace": "default", "pod": pod, "words": said}
                status = api.call("POST", "/meltemi/v1/authorization", question)["decision"]["status"]

                met = partial(answered, world.client, path, sent)
                assert settled(met, (status, "")) == (status, ""), (written, path, claims)


def answered(inside: Inside, path: str, headers: dict[str, str]) -> Met:
    return inside.ask("echo", path, headers=headers).status, ""


STRANGER = Signer(issuer="new")
PROOFS: list[tuple[dict[str, str], Tree]] = [
    ({}, {}),
    (SIGNER.bearer(), {"iss": ISSUER, "sub": "ann"}),
    (SIGNER.bearer(aud="shop"), {"iss": ISSUER, "sub": "ann", "aud": "shop"}),
    (STRANGER.bearer(), {"iss": "new", "sub": "ann"}),
]
"""Headers, and what is told of them."""


@pytest.mark.parametrize(
    "wrong", [{"sub": 5}, {"aud": {"a": 1}}, {"aud": [1, "shop"]}, {"exp": "soon"}, {"jti": 1}, {"sub": "x", "aud": []}]
)
def test_so_it_is_with_what_is_no_token(world: World, wrong: Tree) -> None:
    """Claims with a meaning of their own have a type, or Envoy takes the whole for no token."""
    believe(world)
    claims = {"iss": ISSUER, "sub": "ann"} | wrong
    said = {"request": "GET http://echo/", "claims": [f"{name}={json.dumps(value)}" for name, value in claims.items()]}
    question = {"namespace": "default", "pod": world.mesh.pod("echo-one-"), "words": said}
    api = Client(world.mesh.state / "api.sock")
    status = api.call("POST", "/meltemi/v1/authorization", question)["decision"]["status"]
    assert status == (200 if "aud" in wrong and wrong["aud"] == [] else 401)
    met = partial(answered, world.client, "/", SIGNER.bearer(**wrong))
    assert settled(met, (status, "")) == (status, "")


@pytest.mark.parametrize("header", ["x-team", "accept-language", *sorted(JOINED)])
def test_so_it_is_with_headers_that_come_twice(world: World, stranger: Inside, header: str) -> None:
    """Of most each value is compared. Of some Envoy makes one line, which the application gets too."""
    api, pod = Client(world.mesh.state / "api.sock"), world.mesh.pod("echo-one-")
    for status, value in ((200 if header in JOINED else 403, "b"), (403, "*b")):
        rule = f"rules: [{{when: [{{key: 'request.headers[{header}]', values: ['{value}']}}]}}]"
        world.apply("AuthorizationPolicy", "lines", f"selector: {{matchLabels: {{app: echo}}}}\naction: DENY\n{rule}",
                    group="security")  # fmt: skip
        lines = [f"{header}: a", f"{header}: b"]
        said = {"request": "GET http://echo/", "headers": lines}
        question = {"namespace": "default", "pod": pod, "words": said}
        assert api.call("POST", "/meltemi/v1/authorization", question)["decision"]["status"] == status
        sent = "\r\n".join(("GET / HTTP/1.1", "host: echo", *lines, "\r\n")).encode()

        def met(sent: bytes = sent) -> Met:
            return stranger.raw("echo", sent).status, ""

        assert settled(met, (status, "")) == (status, ""), value


def test_the_command(world: World) -> None:
    """From which line, and by which exit code."""
    mesh = world.mesh
    spec = "selector: {matchLabels: {app: echo}}\naction: DENY\nrules:\n- to: [{operation: {paths: ['/no*']}}]"
    world.apply("AuthorizationPolicy", "refuse", spec, group="security")
    pod, place = mesh.pod("echo-one-"), ("--state", str(mesh.state))
    assert mesh.run("x", "authz", "check", pod, *place).splitlines()[1].split() == [
        "DENY", "refuse.default", "1", "<stdin>:4",
    ]  # fmt: skip
    denied = mesh.run("x", "authz", "check", "deployment/echo-one", *place, "--request", "GET /no", status=(1,))
    assert "by ns[default]-policy[refuse]-rule[0]\n  --> <stdin>:10 " in denied
    allowed = mesh.run("x", "authz", "check", pod, *place, "--request", "GET /yes", "-o", "json")
    assert json.loads(allowed)["decision"]["outcome"] == "allowed"
    mesh.run("x", "authz", "check", "nobody", *place, status=(2,))
    edge = ("x", "authz", "check", "deployment/istio-ingressgateway", "-n", "istio-system", *place)
    assert mesh.run(*edge) == "no AuthorizationPolicy is in force\n"
    world.apply("AuthorizationPolicy", "refuse-all", "action: DENY\nrules: [{}]", group="security", namespace=EDGE)
    assert "by ns[istio-system]-policy[refuse-all]-rule[0]" in mesh.run(*edge, "--request", "GET /", status=(1,))


EDGE = "istio-system"
