"""compose/credentials, pipeline/secrets, view/credential_findings: what users keep in Secrets, and who gets it."""

from base64 import b64encode

import pytest

from meltemi.core.compose.credentials import credential
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.slots import slots
from meltemi.core.view.credential_findings import credential_findings
from meshes import mesh_of

GATEWAY = """---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [a.example.com]
    tls: {mode: MUTUAL, credentialName: web}
---
apiVersion: v1
kind: Pod
metadata: {name: edge, namespace: gateways, labels: {istio: edge}}
spec: {containers: [{name: c, image: i}]}
"""
RULE = """---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: out, namespace: shop}
spec: {host: x.example.com, trafficPolicy: {tls: {mode: MUTUAL, credentialName: out, sni: x.example.com}}}
"""


def secret(name: str, namespace: str = "gateways", **data: str) -> str:
    listed = ", ".join(f"{key.replace('_', '.')}: {b64encode(text.encode()).decode()}" for key, text in data.items())
    return (
        f"---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata: {{{listed}}}\n"
    )


OWN = secret("web", tls_crt="chain", tls_key="key", ca_crt="roots")


def secrets(mesh: Engine, role: Role = Role.ROUTER, namespace: str = "gateways") -> dict[str, bytes | None]:
    """What a proxy gets: name → the message."""
    scope = Scope(role=role, namespace=namespace, labels=(("istio", "edge"),))
    found = (s for s in mesh.get(slots, scope) if s.type is ResourceType.SECRET)
    return {s.name: made.body if (made := s.body.run(mesh)) else None for s in found}


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        (secret("web", tls_crt="c", tls_key="k"), b"c"),
        (secret("web", cert="c", key="k"), b"c"),
        (secret("web", namespace="elsewhere", tls_crt="c", tls_key="k"), b""),
        (secret("web", tls_crt="c"), b""),
    ],
    ids=["kubernetes.io/tls", "generic", "another namespace", "no key"],
)
def test_a_certificate(text: str, chain: bytes) -> None:
    found = mesh_of(text).get(credential, "gateways", "web")

    assert found.chain == chain
    assert bool(found.fault) is not bool(chain)


@pytest.mark.parametrize(
    ("text", "roots"),
    [
        (secret("web-cacert", ca_crt="r"), b"r"),
        (secret("web-cacert", cacert="r") + secret("web", ca_crt="other"), b"r"),
        (secret("web", ca_crt="r", tls_crt="c", tls_key="k"), b"r"),
        (secret("web", tls_crt="c", tls_key="k"), b""),
        ("", b""),
    ],
    ids=["of their own", "of their own first", "beside the certificate", "none", "nothing"],
)
def test_authorities(text: str, roots: bytes) -> None:
    assert mesh_of(text).get(credential, "gateways", "web-cacert").roots == roots


def test_a_gateway_gets_what_its_servers_and_rules_name_from_its_own_namespace() -> None:
    mesh = mesh_of(GATEWAY + RULE + OWN + secret("out", namespace="shop", tls_crt="c", tls_key="k"))

    found = secrets(mesh)

    assert set(found) == {f"kubernetes://{name}" for name in ("web", "web-cacert", "out", "out-cacert")}
    assert b"chain" in (found["kubernetes://web"] or b"")
    assert b"roots" in (found["kubernetes://web-cacert"] or b"")
    assert found["kubernetes://out"] is None  # it lies in another namespace


def test_a_sidecar_gets_none() -> None:
    assert secrets(mesh_of(GATEWAY + OWN), Role.SIDECAR) == {}


def test_a_secret_that_is_not_found_is_told_where_it_is_named() -> None:
    (certificate, authorities) = mesh_of(GATEWAY).get(credential_findings)

    assert (certificate.code, certificate.path) == ("M3112", "spec.servers[0].tls.credentialName")
    assert "'web'" in certificate.message
    assert "gateways" in authorities.message
    assert mesh_of(GATEWAY + OWN).get(credential_findings) == ()
