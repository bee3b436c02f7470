"""Certificates change, and the authority goes and comes, under 200 new connections a second: no request fails."""

import os
import signal
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from e2e.load import calls
from e2e.mesh import HERE, Mesh, eventually, missing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

WITH_ONE_REQUEST = (
    "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: echo\nspec:\n  host: echo\n"
    "  trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}\n"
)
"""A new connection, and so a new handshake, for each request."""
STRICT = (
    "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata:\n  name: default\n"
    "spec:\n  mtls: {mode: STRICT}\n"
)
RENEWED = "the workload has a certificate"


@contextmanager
def mesh_with(folder: Path, life: str) -> Generator[Mesh]:
    """A client and two servers, strict mutual TLS, and certificates that live so long."""
    if why := missing():
        pytest.skip(why)
    images = folder / "images.yaml"
    images.write_text(f"images:\n- image: example/echo\n  entrypoint: ['{{python}}', '{HERE / 'apps/echo.py'}']\n")
    mesh = Mesh(folder / "state")
    try:
        files = [word for name in ("echo", "client") for word in ("-f", HERE / f"manifests/{name}.yaml")]
        mesh.up("--images", images, "--certificate-life", life, *files)
        mesh.apply_text(WITH_ONE_REQUEST)
        mesh.apply_text(STRICT)
        yield mesh
    finally:
        mesh.down()


def agents(mesh: Mesh) -> dict[str, Path]:
    """Pods of both sides → the file that their agent's lines go to, which can be read without a control plane."""
    found: dict[str, Path] = {}
    for pod in mesh.json("get", "pods")["items"]:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        if name.startswith(("client-", "echo-")):
            found[name] = mesh.state / "pods" / uid / "logs/istio-proxy.log"
    return found


def said(files: dict[str, Path], words: str) -> list[int]:
    """How often each agent has said so."""
    return [file.read_text().count(words) for file in files.values()]


def load(mesh: Mesh) -> AbstractContextManager[None]:
    """200 new connections a second from the client to echo; fails if one of them did."""
    return calls(mesh, mesh.pod("client-"), "http://echo/", "Connection: close")


def test_twenty_rotations_of_both_sides(tmp_path: Path):
    with mesh_with(tmp_path, "6s") as mesh:
        files = agents(mesh)
        assert len(files) == 3
        before = said(files, RENEWED)
        with load(mesh):
            eventually(lambda: all(now - old >= 20 for now, old in zip(said(files, RENEWED), before, strict=True)), 150)
        assert sum(said(files, "refuses a secret")) == 0


def test_the_authority_away_until_the_certificates_are_short(tmp_path: Path):
    with mesh_with(tmp_path, "60s") as mesh:
        files = agents(mesh)
        pids = {name: int((mesh.state / f"{name}.pid").read_text()) for name in ("supervisor", "control-plane")}
        with load(mesh):
            before = said(files, RENEWED)
            os.kill(pids["supervisor"], signal.SIGSTOP)  # else the control plane would be back at once
            os.kill(pids["control-plane"], signal.SIGKILL)
            try:
                eventually(lambda: all(said(files, "finding: the certificate expires")), 120)
                assert said(files, RENEWED) == before
            finally:
                os.kill(pids["supervisor"], signal.SIGCONT)
            eventually(lambda: all(now > old for now, old in zip(said(files, RENEWED), before, strict=True)), 60)
        assert sum(said(files, "refuses a secret")) == 0
