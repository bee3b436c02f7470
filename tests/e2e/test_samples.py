"""Istio's samples run unmodified: each file is applied in a real mesh and must do what it is for."""

import json
import socket
import sys
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.mesh import HERE, SAMPLES, Mesh, eventually, missing
from e2e.samples_cases import CASES
from e2e.samples_databases import MYSQL, UNSEEN
from meltemi.samples.websockets.frames import TEXT, read

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Generator[Mesh]:
    if why := missing():
        pytest.skip(why)
    if not SAMPLES.is_dir():
        pytest.skip("needs ../shared/conformance/samples")
    mesh = Mesh(tmp_path_factory.mktemp("samples"))
    try:
        mesh.up("-f", HERE / "manifests/client.yaml")
        yield mesh
    finally:
        mesh.down()


def bring(mesh: Mesh, *files: Path) -> None:
    """Apply files, until their pods are ready and every proxy has acknowledged them."""
    mesh.apply(*files)
    eventually(lambda: all(_ready(item) for item in mesh.json("get", "deployments", "-A")["items"]), 60)


def _ready(deployment: dict[str, dict[str, int]]) -> bool:
    wanted, status = deployment["spec"].get("replicas", 1), deployment.get("status", {})
    current = status.get("observedGeneration", 0) >= int(deployment["metadata"].get("generation", 0))
    return current and status.get("updatedReplicas", 0) == status.get("availableReplicas", 0) == wanted


ALL = CASES | MYSQL | UNSEEN


@pytest.mark.parametrize("name", list(ALL))
def test_sample(mesh: Mesh, tmp_path: Path, name: str) -> None:
    case = ALL[name]
    if why := case.lacks():
        pytest.skip(why)
    files = [SAMPLES / file for file in (*case.before, name)]
    if case.extra:
        extra = tmp_path / "extra.yaml"
        extra.write_text(case.extra)
        files.insert(0, extra)

    try:
        for file in files:
            bring(mesh, file)
        case.look(mesh)
    finally:
        for file in reversed(files):
            mesh.run("delete", "-f", file, status=(0, 1))


def test_websockets(mesh: Mesh) -> None:
    """What Istio's samples/websockets shows: a WebSocket through the gateway."""
    file = HERE / "manifests/websockets.yaml"
    try:
        bring(mesh, file)
        eventually(lambda: mesh.ask("/")[0] == 200, 30)
        with opened(mesh.address) as connection, connection.makefile("rb") as source:
            while source.readline().strip():
                pass
            mesh.ask("/api?id=7&value=hello")
            frame = read(source)
    finally:
        mesh.delete(file)

    assert frame
    assert (frame.kind, json.loads(frame.body)) == (TEXT, {"id": "7", "value": "hello"})


def opened(address: str) -> socket.socket:
    """A connection on which a WebSocket is asked for; its answer is not read yet."""
    host = urlsplit(address).hostname or ""
    lines = ("GET /ws HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
             "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "")  # fmt: skip
    connection = socket.create_connection((host, urlsplit(address).port or 80), 20)
    connection.sendall("\r\n".join(lines).encode())
    assert connection.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 101"
    return connection


def test_grpc_echo(mesh: Mesh) -> None:
    """What Istio's samples/grpc-echo shows, with sidecars: each call of one client goes to another version."""
    file = HERE / "manifests/grpc-echo.yaml"
    words = (sys.executable, str(HERE / "apps/forward_echo.py"), "echo:7070")
    try:
        bring(mesh, file)
        pod = mesh.pod("client-")
        for url in ("grpc://echo:7070", "http://echo/", "tcp://echo:9090"):
            said = mesh.exec(pod, *words, url, "40").splitlines()
            assert {line for line in said if "ServiceVersion" in line} == {"ServiceVersion=v1", "ServiceVersion=v2"}, (
                url
            )
            assert said.count("StatusCode=200") == 40
    finally:
        mesh.delete(file)
