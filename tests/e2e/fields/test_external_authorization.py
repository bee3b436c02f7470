"""CUSTOM policies by real requests: a program is asked over HTTP and over gRPC, at sidecars and at a gateway."""

import json
from typing import Any

import pytest

from e2e.fields.settings import Settings, edge, through
from e2e.fields.shown import shows
from e2e.fields.test_authorization_policy import AP, HOME, INGRESS_LABELS, SELECT, SOON, policy
from e2e.fields.world import World
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MC = "MeshConfig"
HTTP, GRPC = "extensionProviders[].envoyExtAuthzHttp.", "extensionProviders[].envoyExtAuthzGrpc."
HOST = "authorizer.default.svc.cluster.local"
KINDS = {"http": ("envoyExtAuthzHttp", 8000), "grpc": ("envoyExtAuthzGrpc", 9000)}
SEEN = "includeRequestHeadersInCheck: [x-let-in]"
"""Over HTTP the program sees no headers unless it is said which."""
GUARDED = "action: CUSTOM\nprovider: {name: ours}\nrules: [{to: [{operation: {paths: [/guarded*]}}]}]"


def provider(way: str, *words: str) -> str:
    """MeshConfig with one provider."""
    kind, port = KINDS[way]
    fields = "".join(f", {word}" for word in ((SEEN, *words) if way == "http" and SEEN not in words else words))
    return f"extensionProviders: [{{name: ours, {kind}: {{service: {HOST}, port: {port}{fields}}}}}]"


def ask(world: World, word: str = "", path: str = "/guarded", **more: Any) -> Any:
    headers = {"x-let-in": word} | more.pop("headers", {})
    return world.client.ask("echo", path, headers=headers, **more)


def becomes(world: World, status: int, word: str = "", path: str = "/guarded", **more: Any) -> bool:
    return bool(eventually(lambda: ask(world, word, path, **more).status == status, SOON))


def asked(world: World) -> Any:
    """What the program was asked last."""
    return json.loads(world.client.ask("authorizer", "/asked", port=8000).body)


@shows(AP, "provider.name")
@shows(MC, "extensionProviders[].name")
@shows(MC, "service", "port", under=HTTP)
@shows(MC, "service", "port", under=GRPC)
@pytest.mark.parametrize(("way", "refused"), [("http", 403), ("grpc", 401)])
def test_who_may_is_asked(world: World, settings: Settings, way: str, refused: int) -> None:
    settings.put(provider(way))
    policy(world, SELECT + GUARDED)
    assert becomes(world, refused)
    assert becomes(world, 200, "yes")
    assert ask(world, path="/other").status == 200
    policy(world, f"{SELECT}action: DENY\nrules: [{{}}]", "deny")
    assert becomes(world, 403, "yes")  # who may by CUSTOM may still be refused


@pytest.mark.parametrize(("way", "refused"), [("http", 403), ("grpc", 401)])
def test_who_may_is_asked_at_a_gateway(world: World, settings: Settings, way: str, refused: int) -> None:
    settings.put(provider(way))
    edge(world)
    policy(world, INGRESS_LABELS + GUARDED, **HOME)
    assert eventually(lambda: through(world.mesh, "/guarded")[0] == refused, SOON)
    assert eventually(lambda: through(world.mesh, "/guarded", x_let_in="yes")[0] == 200, SOON)
    assert through(world.mesh, "/other")[0] == 200


@shows(
    MC, "pathPrefix", "includeRequestHeadersInCheck[]", "includeAdditionalHeadersInCheck",
    "headersToUpstreamOnAllow[]", "headersToDownstreamOnAllow[]", "headersToDownstreamOnDeny[]", under=HTTP,
)  # fmt: skip
def test_what_is_told_and_what_comes_back(world: World, settings: Settings) -> None:
    settings.put(
        provider(
            "http", "includeRequestHeadersInCheck: [x-let-in, x-a-*, '*-b']", "pathPrefix: /check",
            "includeAdditionalHeadersInCheck: {x-added: more}", "headersToUpstreamOnAllow: [x-said]",
            "headersToDownstreamOnAllow: [x-m*]", "headersToDownstreamOnDeny: [x-kept]",
        )
        .replace(f", {SEEN}", "")
    )  # fmt: skip
    policy(world, f"{SELECT}action: CUSTOM\nprovider: {{name: ours}}\nrules: [{{}}]")
    assert becomes(world, 403)
    more = {"x-a-one": "1", "two-b": "2", "x-hidden": "3"}
    answer = ask(world, "yes", "/headers", headers=more)
    assert (answer.status, answer.headers.get("x-more"), answer.headers.get("x-kept")) == (200, "more", None)
    assert "x-said: http" in answer.body.lower()
    heard = asked(world)
    assert heard["path"] == "/check/headers"
    told = {name: heard["headers"].get(name) for name in (*more, "x-added")}
    assert told == {"x-a-one": "1", "two-b": "2", "x-hidden": None, "x-added": "more"}
    answer = ask(world, "no")
    assert (answer.status, answer.headers.get("x-more"), answer.headers.get("x-kept")) == (403, None, "kept")


@shows(MC, "includeHeadersInCheck[]", under=HTTP)
def test_the_former_name_of_headers(world: World, settings: Settings) -> None:
    settings.put(provider("http", "includeHeadersInCheck: [x-let-in]").replace(f", {SEEN}", ""))
    policy(world, SELECT + GUARDED)
    assert becomes(world, 403)
    assert becomes(world, 200, "yes")


BODY = ("maxRequestBytes", "allowPartialMessage", "packAsBytes")


@shows(MC, *BODY, under=f"{HTTP}includeRequestBodyInCheck.")
@shows(MC, *BODY, under=f"{GRPC}includeRequestBodyInCheck.")
@pytest.mark.parametrize("way", KINDS)
def test_bodies(world: World, settings: Settings, way: str) -> None:
    def heard() -> str:
        ask(world, "yes", method="POST", body=b"0123456789")
        found = asked(world)
        http = found["request"]["http"] if "request" in found else found
        return http.get("rawBody") or http.get("body", "")

    settings.put(provider(way, "includeRequestBodyInCheck: {maxRequestBytes: 5, allowPartialMessage: true}"))
    policy(world, SELECT + GUARDED)
    assert becomes(world, 200, "yes")
    eventually(lambda: heard() == "01234")
    settings.put(provider(way, "includeRequestBodyInCheck: {maxRequestBytes: 5}"))
    assert becomes(world, 413, "yes", method="POST", body=b"0123456789")
    packed = "includeRequestBodyInCheck: {maxRequestBytes: 50, packAsBytes: true}"
    settings.put(provider(way, packed))
    eventually(lambda: heard() == ("MDEyMzQ1Njc4OQ==" if way == "grpc" else "0123456789"))


@shows(MC, "failOpen", "statusOnError", "timeout", under=HTTP)
@shows(MC, "failOpen", "statusOnError", "timeout", under=GRPC)
@pytest.mark.parametrize("way", KINDS)
def test_no_answer(world: World, settings: Settings, way: str) -> None:
    settings.put(provider(way))
    policy(world, SELECT + GUARDED)
    assert becomes(world, 403, "never")
    assert becomes(world, 200, "late")
    settings.put(provider(way, "statusOnError: '503'", "timeout: 0.3s"))
    assert becomes(world, 503, "never")
    assert becomes(world, 503, "late")
    settings.put(provider(way, "failOpen: true", "timeout: 0.3s"))
    assert becomes(world, 200, "never")
    assert becomes(world, 200, "late")


@shows(MC, "clearRouteCache", under=HTTP)
@shows(MC, "clearRouteCache", under=GRPC)
@pytest.mark.parametrize("way", KINDS)
def test_the_answer_may_change_the_route(world: World, settings: Settings, way: str) -> None:
    told = ["headersToUpstreamOnAllow: [x-said]"] if way == "http" else []
    edge(world)
    to = "{{destination: {{host: echo, subset: {}, port: {{number: 80}}}}}}"
    match = f"{{match: [{{headers: {{x-said: {{exact: {way}}}}}}}], route: [{to.format('two')}]}}"
    rule = f"hosts: ['*']\ngateways: [edge]\nhttp: [{match}, {{route: [{to.format('one')}]}}]"
    world.virtual_service(rule, name="edge")
    policy(world, INGRESS_LABELS + GUARDED, **HOME)
    for words, served in ((told, "one"), ([*told, "clearRouteCache: true"], "two")):
        settings.put(provider(way, *words))
        eventually(lambda served=served: through(world.mesh, "/guarded", x_let_in="yes")[2].split()[:1] == [served])


def test_bytes_are_asked_about_over_grpc(world: World, settings: Settings) -> None:
    def lets_in() -> bool:
        return bool(world.client.line("echo", 7000))

    settings.put(provider("grpc"))
    world.client.ask("authorizer", "/bytes/no", port=8000)
    custom = "action: CUSTOM\nprovider: {name: ours}\nrules: [{to: [{operation: {ports: ['7000']}}]}]"
    policy(world, SELECT + custom)
    assert eventually(lambda: not lets_in(), SOON)
    world.client.ask("authorizer", "/bytes/yes", port=8000)
    assert lets_in()
    assert ask(world).status == 200  # nothing else is asked about


@pytest.mark.parametrize("fault", ["name: other", "port: 8001"])
def test_who_cannot_be_asked_lets_nobody_in_and_says_so(world: World, settings: Settings, fault: str) -> None:
    whole = provider("http")
    name, _, _ = fault.partition(":")
    old = {"name": "name: ours", "port": "port: 8000"}[name]
    settings.put(whole.replace(old, fault))
    policy(world, SELECT + GUARDED)
    assert becomes(world, 403, "yes")
    assert ask(world, path="/other").status == 200
    assert "M2914" in world.mesh.run("status", status=(0, 1))
    settings.put(whole)
    assert becomes(world, 200, "yes")
    assert "M2914" not in world.mesh.run("status", status=(0, 1))
