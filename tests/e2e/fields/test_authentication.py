"""Every field of authentication.istio.io by real requests through real Envoys: who proved enough, and who did not."""

from typing import Any

import pytest

from e2e.fields.settings import edge, through
from e2e.fields.shown import shows
from e2e.fields.test_authorization_policy import SIGNER, SOON, answers
from e2e.fields.test_rbac import allows, has_it, switched_on
from e2e.fields.tokens import ISSUER, Signer, indented
from e2e.fields.world import World
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

POLICY, MESH = "Policy", "MeshPolicy"
TARGET = "targets: [{name: echo}]\n"
EACH = pytest.mark.parametrize("kind", [POLICY, MESH])
STRANGER = Signer(issuer="https://other.example.com")
GOOD: dict[str, Any] = {"headers": SIGNER.bearer()}
BAD: dict[str, Any] = {"headers": {"Authorization": f"Bearer {Signer().token()}"}}
NONE: dict[str, Any] = {}
UNKNOWN, PLAIN = 401, "host: echo\ntrafficPolicy: {tls: {mode: DISABLE}}"


def policy(world: World, spec: str, name: str = "ours", kind: str = POLICY, **place: str) -> None:
    world.apply(kind, name, spec, group="authentication", version="v1alpha1", **place)


def says(world: World, kind: str, spec: str) -> None:
    """A Policy for the service, or one for the mesh."""
    if kind == MESH:
        policy(world, spec, "default", MESH)
    else:
        policy(world, TARGET + spec)


def origin(more: str = "", signer: Signer = SIGNER) -> str:
    return f"{{jwt: {{issuer: '{signer.issuer}', jwks: {indented(signer.jwks())}{more}}}}}"


def plain_is(world: World, served: bool) -> bool:
    """Whether a request in plain text is served; where it is not, the connection ends."""
    return answers(world, 200) if served else bool(eventually(lambda: asked_plain(world) != 200, SOON))


def asked_plain(world: World) -> int:
    try:
        return world.client.ask("echo", "/").status
    except OSError:
        return 0


@shows(POLICY, "peers[].mtls.mode", "peers[].mtls.allowTls", "peerIsOptional")
@shows(MESH, "peers[].mtls.mode", "peers[].mtls.allowTls", "peerIsOptional")
@EACH
def test_what_the_calling_workload_proves(world: World, kind: str) -> None:
    world.apply("DestinationRule", "plain", PLAIN)
    for served, spec in (
        (False, "peers: [{mtls: {}}]"),
        (True, "peers: [{mtls: {mode: PERMISSIVE}}]"),
        (False, "peers: [{mtls: {mode: STRICT}}]"),
        (True, "peers: [{mtls: {allowTls: true}}]"),
        (False, "peers: [{mtls: null}]"),
        (True, "peers: [{mtls: {}}]\npeerIsOptional: true"),
        (False, "peers: [{mtls: {mode: PERMISSIVE}}, {mtls: {mode: STRICT}}]"),
        (True, "peers: []"),
    ):
        says(world, kind, spec)
        assert plain_is(world, served), spec


@shows(POLICY, "targets[].name")
def test_the_narrowest_decides(world: World) -> None:
    world.apply("DestinationRule", "plain", PLAIN)
    policy(world, "peers: [{mtls: {mode: STRICT}}]", "default", "MeshPolicy")
    assert plain_is(world, False)
    policy(world, "peers: [{mtls: {mode: PERMISSIVE}}]", "default")
    assert plain_is(world, True)
    policy(world, f"{TARGET}peers: [{{mtls: {{}}}}]")
    assert plain_is(world, False)
    policy(world, "targets: [{name: busy}]\npeers: [{mtls: {}}]")
    assert plain_is(world, False)  # it stands behind the same port of the workload
    policy(world, "targets: [{name: bare}]\npeers: [{mtls: {}}]")
    assert plain_is(world, True)


@shows(POLICY, "targets[].ports[].number", "targets[].ports[].name")
@pytest.mark.parametrize("port", ["number: 80", "name: http"])
def test_at_one_port_of_a_service(world: World, port: str) -> None:
    """Another service's port may be the same one of the workload."""
    policy(world, f"targets: [{{name: echo, ports: [{{{port}}}]}}]\norigins: [{origin()}]")
    assert answers(world, UNKNOWN, NONE)
    assert answers(world, 200, GOOD)
    policy(world, f"targets: [{{name: echo, ports: [{{number: 9000}}]}}]\norigins: [{origin()}]")
    assert answers(world, 200, NONE)


@shows(POLICY, "issuer", "jwks", under="origins[].jwt.")
@shows(MESH, "issuer", "jwks", under="origins[].jwt.")
@shows(POLICY, "originIsOptional")
@shows(MESH, "originIsOptional")
@EACH
def test_a_token_must_be_there_and_sound(world: World, kind: str) -> None:
    says(world, kind, f"origins: [{origin()}]")
    for status, request in ((UNKNOWN, NONE), (200, GOOD), (UNKNOWN, BAD), (UNKNOWN, {"headers": STRANGER.bearer()})):
        assert answers(world, status, request)
    says(world, kind, f"origins: [{origin()}, {origin(signer=STRANGER)}]")
    for status, request in ((UNKNOWN, NONE), (200, GOOD), (UNKNOWN, BAD), (200, {"headers": STRANGER.bearer()})):
        assert answers(world, status, request)
    says(world, kind, f"origins: [{origin()}]\noriginIsOptional: true")
    for status, request in ((200, NONE), (200, GOOD), (200, BAD)):
        assert answers(world, status, request)


@shows(POLICY, "audiences[]", "jwtHeaders[]", "jwtParams[]", under="origins[].jwt.")
@shows(MESH, "audiences[]", "jwtHeaders[]", "jwtParams[]", under="origins[].jwt.")
@EACH
def test_for_whom_and_where_a_token_is(world: World, kind: str) -> None:
    says(world, kind, f"origins: [{origin(', audiences: [shop]')}]")
    assert answers(world, 200, {"headers": SIGNER.bearer(aud="shop")})
    assert answers(world, 403, {"headers": SIGNER.bearer(aud="bank")})  # Envoy's status for it
    says(world, kind, f"origins: [{origin(', jwtHeaders: [x-token], jwtParams: [t]')}]")
    assert answers(world, 200, {"headers": {"X-Token": SIGNER.token()}})
    assert answers(world, 200, {"path": f"/?t={SIGNER.token()}"})
    assert answers(world, UNKNOWN, GOOD)


TRIGGERS: dict[str, list[tuple[int, str]]] = {
    "excludedPaths: [{exact: /health}, {prefix: /open/}]": [
        (200, "/health"), (200, "/health?x"), (200, "/open/a"), (401, "/healthy"), (401, "/open"), (401, "/a?/open/"),
    ],
    "includedPaths: [{exact: /in}, {prefix: /admin}]": [
        (401, "/in"), (401, "/in?x"), (401, "/admin/a"), (200, "/inn"), (200, "/a"),
    ],
    "includedPaths: [{prefix: /admin}], excludedPaths: [{exact: /admin/free}, {prefix: /admin/open/}]": [
        (401, "/admin/a"), (200, "/admin/free"), (200, "/admin/open/x"), (200, "/a"), (401, "/admin/open"),
    ],
    "excludedPaths: [{suffix: .html}]": [(401, "/a.html"), (401, "/a")],
    "excludedPaths: [{regex: '/a.*'}]": [(401, "/a"), (401, "/b")],
    "includedPaths: [{suffix: .html}]": [(401, "/a.html"), (401, "/a")],
    "includedPaths: [{regex: '/a.*'}]": [(401, "/a"), (401, "/b")],
}  # fmt: skip
KINDS = [f"{name}[].{how}" for name in ("excludedPaths", "includedPaths") for how in ("exact", "prefix")]
DENYING = [f"{name}[].{how}" for name in ("excludedPaths", "includedPaths") for how in ("suffix", "regex")]


@shows(POLICY, *KINDS, *DENYING, under="origins[].jwt.triggerRules[].")
@shows(MESH, *KINDS, *DENYING, under="origins[].jwt.triggerRules[].")
@EACH
@pytest.mark.parametrize("rule", TRIGGERS)
def test_where_a_token_counts(world: World, rule: str, kind: str) -> None:
    """What cannot be told asks for a token everywhere."""
    says(world, kind, f"origins: [{origin(f', triggerRules: [{{{rule}}}]')}]")
    for status, path in TRIGGERS[rule]:
        assert answers(world, status, {"path": path}), path
        assert answers(world, 200, {"path": path, **GOOD}), path


@shows(POLICY, "principalBinding")
@shows(MESH, "principalBinding")
@EACH
def test_whose_name_the_principal_of_a_request_is(world: World, kind: str) -> None:
    """Of services behind one port, one is enough for the caller's."""
    switched_on(world)
    allows(world)
    has_it(world, f"{{properties: {{request.auth.principal: '{ISSUER}/ann'}}}}")
    if kind == POLICY:
        policy(
            world, "targets: [{name: echo-headless}, {name: undeclared}, {name: busy}, {name: modern}]\n" + OWN, "more"
        )
    says(world, kind, f"origins: [{origin()}]\n{OWN}")
    assert answers(world, 200, GOOD)
    says(world, kind, f"origins: [{origin()}]\nprincipalBinding: USE_PEER")
    assert answers(world, 403, GOOD)
    has_it(world, "{properties: {request.auth.principal: '*/sa/client'}}")
    assert answers(world, 200, GOOD)


OWN = "principalBinding: USE_ORIGIN"


def test_a_namespace_speaks_before_the_mesh(world: World) -> None:
    says(world, MESH, f"origins: [{origin()}]")
    assert answers(world, UNKNOWN, NONE)
    policy(world, "origins: []", "default")
    assert answers(world, 200, NONE)


def test_at_a_gateway(world: World) -> None:
    edge(world)
    assert eventually(lambda: through(world.mesh)[0] == 200, SOON)
    policy(world, f"origins: [{origin()}]", "default", namespace="istio-system")
    assert eventually(lambda: through(world.mesh)[0] == UNKNOWN, SOON)
