"""Services outside the mesh: passed through, refused, or reached by the server name of TLS."""

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from e2e.mesh import HERE, Mesh, eventually, missing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SPACE, ADDRESS, NAME = "meltemi-outside", "203.0.113.2", "outside.example.com"
REGISTRY_ONLY = """apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
"""
ENTRY = f"""apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: outside
spec:
  hosts: [{NAME}]
  ports:
  - {{number: 443, name: tls, protocol: TLS}}
  resolution: NONE
  location: MESH_EXTERNAL
"""


def ip(*arguments: str, at: str = "") -> None:
    place = ["-n", at] if at else []
    subprocess.run(["ip", *place, *arguments], check=True, timeout=20)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A namespace with an address that is free for documentation, a server in it; gives the server's certificate."""
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("outside")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    certificate.chmod(0o644)
    subprocess.run(["ip", "netns", "add", SPACE], check=True)
    try:
        ip("link", "add", "mlt-outside", "type", "veth", "peer", "name", "eth0", "netns", SPACE)
        ip("address", "add", "203.0.113.1/24", "dev", "mlt-outside")
        ip("link", "set", "mlt-outside", "up")
        ip("address", "add", f"{ADDRESS}/24", "dev", "eth0", at=SPACE)
        ip("link", "set", "eth0", "up", at=SPACE)
        server = subprocess.Popen(
            ["ip", "netns", "exec", SPACE, sys.executable, str(HERE / "apps/outside.py"), str(certificate), str(key)]
        )
        yield certificate
        server.kill()
        server.wait()
    finally:
        subprocess.run(["ip", "netns", "delete", SPACE], check=True)


@pytest.fixture(scope="module")
def mesh(outside: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Mesh]:
    mesh = Mesh(tmp_path_factory.mktemp("mesh"))
    try:
        mesh.up("-f", HERE / "manifests/client.yaml")
        yield mesh
    finally:
        mesh.down()


def call(mesh: Mesh, certificate: Path, url: str) -> str:
    """What curl in the client's pod gets, or `refused`."""
    pod = mesh.pod("client-")
    resolve = [f"{NAME}:{port}:{ADDRESS}" for port in (80, 443)]
    said = mesh.exec(
        pod, "curl", "-s", "-m", "5", "--cacert", str(certificate), "--resolve", resolve[0], "--resolve", resolve[1],
        "-w", "%{http_code}", url, status=(0, 22, 28, 35, 52, 56),
    )  # fmt: skip
    return said if said.startswith("outside") else "refused"


def test_what_nobody_knows_passes_through(mesh: Mesh, outside: Path) -> None:
    assert call(mesh, outside, f"https://{NAME}/") == f"outside {NAME}\n200"
    assert call(mesh, outside, f"http://{NAME}/") == f"outside {NAME}\n200"


def test_with_registry_only_it_is_refused_until_a_service_entry_names_it(mesh: Mesh, outside: Path) -> None:
    mesh.run("apply", "-f", "-", text=REGISTRY_ONLY)
    eventually(lambda: call(mesh, outside, f"https://{NAME}/") == "refused", 10)
    assert call(mesh, outside, f"http://{NAME}/") == "refused"

    mesh.apply_text(ENTRY)

    assert call(mesh, outside, f"https://{NAME}/") == f"outside {NAME}\n200"
    assert call(mesh, outside, f"http://{NAME}/") == "refused"
    assert _connections(mesh) >= 1


def _connections(mesh: Mesh) -> int:
    """How many connections the client's Envoy made for the service, by its own count."""
    pod = mesh.pod("client-")
    name = f"outbound|443||{NAME}"
    clusters = mesh.run("exec", "-c", "istio-proxy", pod, "--", "pilot-agent", "request", "GET", "clusters")
    lines = [line for line in clusters.splitlines() if line.startswith(name) and "::cx_total::" in line]
    return sum(int(line.rpartition("::")[2]) for line in lines)
