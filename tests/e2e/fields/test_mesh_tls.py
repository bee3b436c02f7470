"""TLS as the settings of the mesh want it, seen by real handshakes."""

import ssl
from pathlib import Path
from socket import create_connection

import pytest

from e2e.fields.settings import Settings
from e2e.fields.shown import shows
from e2e.fields.test_gateway import HOST, SELECT
from e2e.fields.world import World
from e2e.mesh import Mesh, eventually
from e2e.test_gateway_tls import Certificates

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MC = "MeshConfig"


@pytest.fixture
def shop(mesh: Mesh, tmp_path: Path) -> str:
    """A Secret with a certificate, in the gateway's namespace."""
    mesh.run("apply", "-f", "-", text=Certificates(tmp_path).secret("shop-of-mesh", HOST))
    return "shop-of-mesh"


@shows(MC, "enableAutoMtls")
def test_mutual_tls_by_itself(world: World, settings: Settings) -> None:
    world.virtual_service("http: [{route: [{destination: {host: echo, subset: one}}]}]")
    eventually(lambda: "x-forwarded-client-cert" in world.client.seen("echo"))
    settings.put("enableAutoMtls: false")
    eventually(lambda: "x-forwarded-client-cert" not in world.client.seen("echo"))


@shows(MC, "meshMTLS.minProtocolVersion", "meshMTLS.ecdhCurves[]")
def test_tls_between_workloads(world: World, settings: Settings) -> None:
    """A stranger sees what is allowed: in 1.2 it is refused for want of a certificate, in 1.3 after its handshake."""
    there = world.mesh.json("get", "pod", world.mesh.pod("echo-one-"))["status"]["podIP"]

    def refused(version: ssl.TLSVersion, curve: str = "prime256v1") -> str:
        """Why a handshake failed; empty where it did not."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        context.set_ecdh_curve(curve)
        context.set_alpn_protocols(["istio-http/1.1"])
        try:
            with create_connection((there, 8080), 10) as raw, context.wrap_socket(raw):
                return ""
        except ssl.SSLError as e:
            return str(e.reason)

    old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    assert "PROTOCOL_VERSION" in refused(old)
    assert refused(new) == ""
    assert "HANDSHAKE_FAILURE" in refused(new, "secp384r1")  # Envoy's own are X25519 and P-256
    settings.put("meshMTLS: {minProtocolVersion: TLSV1_2, ecdhCurves: [P-384, P-256]}")
    assert "HANDSHAKE_FAILURE" in refused(old)
    assert refused(new, "secp384r1") == ""


@shows(MC, "tlsDefaults.minProtocolVersion", "tlsDefaults.cipherSuites[]", "tlsDefaults.ecdhCurves[]")
def test_tls_where_a_gateway_says_nothing(world: World, settings: Settings, shop: str) -> None:
    """The gateway's port for TLS is inside of the mesh: a client in a pod calls it."""
    world.apply(
        "Gateway",
        "secure",
        f"{SELECT}servers: [{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: ['*'],"
        f" tls: {{mode: SIMPLE, credentialName: {shop}}}}}]",
    )
    world.virtual_service("hosts: ['*']\ngateways: [secure]\nhttp: [{directResponse: {status: 200}}]", name="secure")
    address = world.client.address("istio-ingressgateway.istio-system")

    def cipher(version: ssl.TLSVersion, curve: str = "prime256v1") -> str:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        context.set_ecdh_curve(curve)

        def work() -> str:
            try:
                with create_connection((address, 443), 10) as raw, context.wrap_socket(raw) as tls:
                    return (tls.cipher() or ("none",))[0]
            except (ssl.SSLError, OSError):
                return ""

        return world.client.do(work)

    old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    assert cipher(old)
    assert cipher(new, "secp384r1") == ""
    settings.put("tlsDefaults: {cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384, ECDHE-RSA-AES256-GCM-SHA384]}")
    assert cipher(old).endswith("AES256-GCM-SHA384")
    settings.put("tlsDefaults: {cipherSuites: [ECDHE-ECDSA-AES128-GCM-SHA256, ECDHE-RSA-AES128-GCM-SHA256]}")
    assert cipher(old).endswith("AES128-GCM-SHA256")
    settings.put("tlsDefaults: {minProtocolVersion: TLSV1_3, ecdhCurves: [P-384, P-256]}")
    assert cipher(old) == ""
    assert cipher(new)
    assert cipher(new, "secp384r1")
