"""A mesh whose ports for TLS are open, and a way to be an agent elsewhere."""

import json
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from e2e.mesh import HERE, MELTEMI, Mesh, missing
from envoy_real import free_port
from meltemi.core.model.units import Seconds
from meltemi.shell.client import Client
from meltemi.shell.identity_wire import (
    AUTHORIZATION,
    BEARER,
    CERTIFICATES,
    CREATE,
    CertificateRequest,
    decode_response,
    encode_request,
)
from unit.identity.pki import csr, pem_of

SERVER = "istiod.istio-system.svc"


@dataclass(frozen=True)
class Certificate:
    """A key and what was signed for it, in files that an Envoy reads."""

    key: Path
    chain: Path
    roots: Path


class Elsewhere:
    """The mesh, asked over TCP."""

    def __init__(self, mesh: Mesh, ca: int, xds: int, folder: Path) -> None:
        self.mesh = mesh
        self.ca = ca
        self.xds = xds
        self.folder = folder

    def run(self, *words: str) -> str:
        """`meltemi ca …`; what it printed."""
        command = [str(MELTEMI), "ca", *words, "--state", str(self.mesh.state)]
        return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout

    def status(self) -> dict[str, Any]:
        """`meltemi ca status`."""
        return json.loads(self.run("status", "-o", "json"))

    def token(self, pod: dict[str, Any]) -> str:
        metadata, account = pod["metadata"], pod["spec"]["serviceAccountName"]
        bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        spec = {"audiences": ["istio-ca"], "boundObjectRef": bound}
        answer = Client(self.mesh.state / "api.sock").call("POST", path, {"spec": spec})
        return answer["status"]["token"]

    def certificate(self, pod: dict[str, Any]) -> Certificate:
        """For a pod, by its token, over TLS."""
        key = ec.generate_private_key(ec.SECP256R1())
        roots = "".join(one["roots"][0] for one in self.status()["trusted"])
        message = encode_request(CertificateRequest(csr=csr(key=key).decode(), life=Seconds(600)))
        credentials = grpc.ssl_channel_credentials(roots.encode())
        options = (("grpc.ssl_target_name_override", SERVER),)
        with grpc.secure_channel(f"127.0.0.1:{self.ca}", credentials, options) as channel:
            asking: Any = channel
            call: Any = asking.unary_unary(f"/{CERTIFICATES}/{CREATE}")
            chain = decode_response(call(message, metadata=((AUTHORIZATION, BEARER + self.token(pod)),), timeout=10))
        return self._written(pem_of(key), "".join(chain[:-1]), chain[-1])

    def _written(self, key: str, chain: str, roots: str) -> Certificate:
        files = {"key": key, "chain": chain, "roots": roots}
        for name, text in files.items():
            (self.folder / name).write_text(text)
        return Certificate(*(self.folder / name for name in files))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Generator[Elsewhere]:
    """A gateway and a client pod."""
    if why := missing():
        pytest.skip(why)
    mesh = Mesh(tmp_path_factory.mktemp("authority") / "state")
    ca, xds = free_port(), free_port()
    try:
        mesh.up("-f", HERE / "manifests/client.yaml", "--ca-port", str(ca), "--xds-tls-port", str(xds))
        yield Elsewhere(mesh, ca, xds, tmp_path_factory.mktemp("elsewhere"))
    finally:
        mesh.down()
