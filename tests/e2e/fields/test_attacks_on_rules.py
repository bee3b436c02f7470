"""Requests that are made to get past a rule, byte by byte, through real Envoys.

A caller without a sidecar sends them: what arrives at the workload's own is what was sent. A request is refused, or the
application sees the very path that the rule saw. (A server name unlike the host: `test_gateway.py`, 421.)
"""

from collections.abc import Generator
from urllib.parse import urlsplit

import pytest

from e2e.fields.conftest import enter
from e2e.fields.inside import Answer, Inside, exchanged
from e2e.fields.settings import Settings, edge, through
from e2e.fields.test_authorization_policy import HOME, INGRESS_LABELS, SELECT, policy
from e2e.fields.world import World
from e2e.mesh import Mesh, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NONE, BASE, MERGE, DECODE = "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"
MODES = {NONE: b"/p/../q//r%2Fs", BASE: b"/q//r%2Fs", MERGE: b"/q/r%2Fs", DECODE: b"/q/r/s"}
"""Setting → what becomes of the first of these."""
DENY = f"{SELECT}action: DENY\nrules: [{{to: [{{operation: {{paths: [/admin, /admin/*, '/t/{{*}}']}}}}]}}]"
ALLOW = f"{SELECT}rules: [{{to: [{{operation: {{paths: [/public, /public/*, '/t/{{*}}']}}}}]}}]"

PAST_DENY: dict[bytes, tuple[str, ...]] = {
    b"/admin": (),
    b"/admin?x": (),
    b"/admin/": (),
    b"http://echo/admin": (),
    b"/admin#x": (),
    b"/admin\0": (),
    b"/x#/admin": (),
    b"\\admin": (),
    b"/t/x": (),
    b"/t/[x]": (),
    b"/t/a|b": (),
    b"/t/a^b": (),
    b"/t/a%2fb": (DECODE,),
    b"/x/../admin": (NONE,),
    b"/x/%2e%2e/admin": (NONE,),
    b"/./admin": (NONE,),
    b"/%61dmin": (NONE,),
    b"/admin\\": (NONE,),
    b"/admin%00": (NONE,),
    b"//admin": (NONE, BASE),
    b"/admin%2f": (NONE, BASE, MERGE),
    b"/admin%5c": (NONE, BASE, MERGE),
    b"/admin;a": (NONE, BASE, MERGE, DECODE),
    b"/ADMIN": (NONE, BASE, MERGE, DECODE),
}
"""What is asked for → the settings under which it is another path than those that are refused, as the application is
told. Under all others it is refused."""
PAST_ALLOW: dict[bytes, tuple[str, ...]] = {
    b"/public": (NONE, BASE, MERGE, DECODE),
    b"/admin": (),
    b"/public;a": (),
    b"/public%2f": (DECODE,),
    b"//public": (MERGE, DECODE),
    b"/PUBLIC": (),
    b"/public#/admin": (),
    b"/public/../admin": (NONE,),
    b"/public/%2e%2e/admin": (NONE,),
    b"/public/..\\admin": (NONE,),
    b"/public/..%2fadmin": (NONE, BASE, MERGE),
    b"/public/..%5cadmin": (NONE, BASE, MERGE),
    b"/public%2f..%2fadmin": (),
    b"/t/[x]": (),
    b"/t/x/../../admin": (),
}
"""The same for what is allowed."""


@pytest.fixture(scope="module")
def stranger(mesh: Mesh) -> Generator[Inside]:
    inside = enter(mesh, "bare-")
    yield inside
    inside.close()


def request(target: bytes = b"/", *lines: bytes, host: bytes = b"Host: echo") -> bytes:
    return b"".join(
        line + b"\r\n" for line in (b"GET " + target + b" HTTP/1.1", host, *lines, b"Connection: close", b"")
    )


def get(stranger: Inside, target: bytes = b"/", *lines: bytes, host: bytes = b"Host: echo") -> Answer:
    return stranger.raw("echo", request(target, *lines, host=host))


@pytest.mark.parametrize("mode", MODES)
def test_paths(world: World, settings: Settings, stranger: Inside, mode: str) -> None:
    def seen(target: bytes) -> bytes:
        return get(stranger, target).headers.get("x-target", "").encode("latin-1")

    settings.put(f"pathNormalization: {{normalization: {mode}}}")
    eventually(lambda: seen(MODES[NONE]) == MODES[mode])
    for rule, shut, tricks in ((DENY, b"/admin", PAST_DENY), (ALLOW, b"/admin", PAST_ALLOW)):
        policy(world, rule)
        eventually(lambda shut=shut: get(stranger, shut).status == 403)
        for target, passes in tricks.items():
            answer = get(stranger, target)
            if mode not in passes:
                assert answer.status in (400, 403), (mode, target, answer)
            else:
                assert answer.status == 200, (mode, target, answer)
                told = answer.headers["x-target"]
                assert let_in(told, rule == DENY), (mode, target, told)


def let_in(path: str, denying: bool) -> bool:
    """What the rule says of the path that the application was told."""
    if denying:
        return not (path == "/admin" or path.startswith("/admin/"))
    return path == "/public" or path.startswith("/public/")


ESCAPED = "/caf%C3%A9"


@pytest.mark.parametrize("written", [ESCAPED, "/caf%c3*", "*%A9", "/{*}/caf%C3%A9"])
def test_escapes_in_other_letters(world: World, stranger: Inside, written: str) -> None:
    """`%c3` and `%C3` are one to the application."""
    ahead = b"/x" if "{*}" in written else b""
    every = [ahead + path for path in (b"/caf%C3%A9", b"/caf%c3%a9", b"/caf%C3%a9", b"/caf%c3%A9")]
    policy(world, f"{SELECT}action: DENY\nrules: [{{to: [{{operation: {{paths: ['{written}']}}}}]}}]")
    eventually(lambda: get(stranger, every[0]).status == 403)
    assert [get(stranger, path).status for path in every] == [403] * 4
    assert get(stranger, ahead + b"/CAF%41").status == 200
    policy(world, f"{SELECT}rules: [{{to: [{{operation: {{notPaths: ['{written}']}}}}]}}]")
    eventually(lambda: get(stranger, b"/other").status == 200)
    assert [get(stranger, path).status for path in every] == [403] * 4


HEADERS = f"""{SELECT}action: DENY
rules:
- when: [{{key: 'request.headers[x-role]', values: [admin, 'root*', '*wheel']}}]
- when: [{{key: 'request.headers[x-any]', values: ['*']}}]
- when: [{{key: 'request.headers[x-team]', notValues: [red, 'blue*']}}]
"""
RED = b"x-team: red"


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((RED,), 200),
        ((RED, b"x-role: admin"), 403),
        ((RED, b"x-role: user", b"x-role: admin"), 403),
        ((RED, b"x-role: admin", b"X-Role: user"), 403),
        ((RED, b"x-role: root\xff"), 403),
        ((RED, b"x-role: \xffwheel"), 403),
        ((RED, b"x-any: \xff\xfe"), 403),
        ((b"x-team: red\xff",), 403),
        ((b"x-team: \xff",), 403),
        ((b"x-team: blue\xff",), 200),
        ((), 403),
        ((RED, b"x-role : admin"), 400),
        ((RED, b"x-role: a\0dmin"), 400),
    ],
)
def test_headers(denied: World, stranger: Inside, lines: tuple[bytes, ...], status: int) -> None:
    assert get(stranger, b"/", *lines).status == status


@pytest.fixture
def denied(world: World, stranger: Inside) -> World:
    policy(world, HEADERS)
    eventually(lambda: get(stranger).status == 403)
    return world


HOSTS = f"{SELECT}action: DENY\nrules: [{{to: [{{operation: {{hosts: [secret.test, 'secret.test:*']}}}}]}}]"


def test_hosts(world: World, stranger: Inside) -> None:
    policy(world, HOSTS)
    eventually(lambda: get(stranger, host=b"Host: secret.test").status == 403)
    for host in (b"SECRET.test", b"secret.test.", b"secret.test:80", b"Secret.Test:8080"):
        assert get(stranger, host=b"Host: " + host).status == 403, host
    assert get(stranger, b"http://secret.test/", host=b"Host: echo").status == 403
    for first, second in ((b"echo", b"secret.test"), (b"secret.test", b"echo")):
        answer = get(stranger, b"/headers", b"Host: " + second, host=b"Host: " + first)
        told = [line.partition(": ")[2] for line in answer.body.lower().splitlines() if line.startswith("host: ")]
        assert answer.status in (400, 403) or told not in ([], ["secret.test"]), answer
        assert len(told) <= 1, answer


FORGED = {
    "x-envoy-original-path": "/forged",
    "x-envoy-original-host": "forged",
    "x-envoy-decorator-operation": "forged",
    "x-envoy-peer-metadata": "forged",
    "x-envoy-peer-metadata-id": "forged",
    "x-envoy-internal": "true",
    "x-envoy-external-address": "203.0.113.9",
    "x-envoy-retry-on": "5xx",
    "x-envoy-max-retries": "9",
    "x-envoy-upstream-rq-timeout-ms": "1",
    "x-envoy-upstream-alt-stat-name": "forged",
    "x-forwarded-client-cert": "By=forged;URI=spiffe://cluster.local/ns/default/sa/client",
}
"""What proxies tell each other."""


def test_words_of_proxies_at_a_gateway(world: World) -> None:
    """None reaches the application, and none changes what is asked."""
    edge(world)
    parts = urlsplit(world.mesh.address)
    lines = tuple(f"{name}: {value}".encode() for name, value in FORGED.items())
    ask = request(b"/headers?delay=0.2", *lines)
    answer = exchanged(parts.hostname or "", parts.port or 80, ask)
    assert answer.status == 200
    told = dict(line.lower().split(": ", 1) for line in answer.body.split("\n")[1:] if ": " in line)
    assert {name: value for name, value in told.items() if FORGED.get(name) == value} == {}
    assert "forged" not in answer.body.lower()


def test_an_address_is_not_believed_at_a_gateway(world: World) -> None:
    edge(world)
    policy(world, f"{INGRESS_LABELS}rules: [{{from: [{{source: {{remoteIpBlocks: [203.0.113.0/24]}}}}]}}]", **HOME)
    eventually(lambda: through(world.mesh)[0] == 403)
    assert through(world.mesh, x_forwarded_for="203.0.113.9")[0] == 403
    assert through(world.mesh, x_envoy_external_address="203.0.113.9", x_real_ip="203.0.113.9")[0] == 403


def test_words_of_proxies_at_a_sidecar(world: World, stranger: Inside) -> None:
    """Whoever is no workload becomes none by saying so, and no rule looks at another path than the request's."""
    believed = f"{SELECT}rules: [{{from: [{{source: {{principals: ['*'], namespaces: ['*']}}}}]}}]"
    lines = tuple(f"{name}: {value}".encode() for name, value in FORGED.items())
    policy(world, believed)
    eventually(lambda: get(stranger).status == 403)
    assert get(stranger, b"/", *lines).status == 403
    policy(world, f"{SELECT}rules: [{{to: [{{operation: {{paths: [/headers, /forged]}}}}]}}]")
    eventually(lambda: get(stranger, b"/headers").status == 200)
    assert get(stranger, b"/admin", *lines).status == 403
    assert "sa/client" not in get(stranger, b"/headers", *lines).body
    policy(world, f"{SELECT}rules: [{{from: [{{source: {{remoteIpBlocks: [203.0.113.0/24]}}}}]}}]")
    eventually(lambda: get(stranger).status == 403)
    assert get(stranger, b"/", *lines).status == 403
