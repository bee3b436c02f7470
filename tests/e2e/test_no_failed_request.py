"""Whatever changes or dies in the control of the mesh, no request of a user fails.

200 requests a second over one hop (client → ratings) and 10 pages a second through the gateway, all along; over the
embedded store and over a real API server.
"""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from e2e.load import load
from e2e.mesh import NETWORKING, Mesh, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("bookinfo", ["embedded", "kube"], indirect=True, scope="module"),
]


def reviews_to(mesh: Mesh, subset: str, *, timeout: str) -> None:
    """One route change of ratings, the service under load."""
    mesh.run(
        "apply", "-f", "-",
        text="apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: ratings}\nspec:\n"
        f"  hosts: [ratings]\n  http:\n  - timeout: {timeout}\n    route:\n"
        f"    - destination: {{host: ratings, subset: {subset}}}\n",
    )  # fmt: skip


def subsets(mesh: Mesh, *names: str) -> None:
    listed = "".join(f"  - {{name: {name}, labels: {{version: v1}}}}\n" for name in names)
    mesh.run(
        "apply", "-f", "-",
        text="apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: ratings}\n"
        f"spec:\n  host: ratings\n  subsets:\n{listed}",
    )  # fmt: skip


def test_route_changes(clean: Mesh) -> None:
    subsets(clean, "v1", "other")
    with load(clean):
        for number in range(100):
            reviews_to(clean, ("v1", "other")[number % 2], timeout=f"{10 + number % 5}s")
        clean.run("wait", "virtualservice/ratings", "--timeout", "20s")


def test_subsets_come_and_go_in_both_orders(clean: Mesh) -> None:
    subsets(clean, "v1")
    reviews_to(clean, "v1", timeout="10s")
    with load(clean):
        for number in range(8):
            new, old = f"s{number}", f"s{number - 1}" if number else "v1"
            subsets(clean, old, new)
            reviews_to(clean, new, timeout="10s")
            if number % 2:
                subsets(clean, new)
                continue
            # the other order: the subset goes while the route still names it, and the route follows
            reviews_to(clean, old, timeout="10s")
            reviews_to(clean, new, timeout="10s")
            subsets(clean, new)


def test_a_rolling_update_of_two_replicas(clean: Mesh) -> None:
    clean.run("apply", "-f", "-", text=_ratings(clean, replicas=2, stamp="a"))
    clean.ready("ratings-v1")
    with load(clean):
        clean.run("apply", "-f", "-", text=_ratings(clean, replicas=2, stamp="b"))
        eventually(lambda: _stamps(clean) == ["b", "b"], 60)
        time.sleep(3)


def _ratings(mesh: Mesh, *, replicas: int, stamp: str) -> str:
    found: dict[str, Any] = mesh.json("get", "deployment", "ratings-v1")
    found["spec"]["replicas"] = replicas
    found["spec"]["template"]["metadata"].setdefault("annotations", {})["stamp"] = stamp
    kept = {"name": "ratings-v1", "labels": found["metadata"]["labels"]}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": kept, "spec": found["spec"]})


def _stamps(mesh: Mesh) -> list[str]:
    pods = mesh.json("get", "pods", "-l", "app=ratings")["items"]
    return sorted(pod["metadata"].get("annotations", {}).get("stamp", "") for pod in pods)


def test_a_gateway_change(clean: Mesh) -> None:
    gateway = (NETWORKING / "bookinfo-gateway.yaml").read_text()
    with load(clean):
        for hosts in ('"bookinfo.example.com"\n    - "*"', '"*"') * 3:
            clean.run("apply", "-f", "-", text=gateway.replace('"*"', hosts, 1))
            time.sleep(1.0)


def kill(mesh: Mesh, name: str) -> None:
    os.kill(int((mesh.state / f"{name}.pid").read_text()), signal.SIGKILL)


def test_the_control_plane_killed_ten_times(clean: Mesh) -> None:
    subsets(clean, "v1", "other")
    with load(clean):
        for number in range(10):
            kill(clean, "control-plane")
            reviews_to(clean, ("v1", "other")[number % 2], timeout=f"{20 + number}s")
            time.sleep(number % 3)  # now before the proxies have heard of it, now after
        clean.run("wait", "virtualservice/ratings", "--timeout", "30s")
    routes = json.dumps(clean.json("proxy-config", "routes", clean.pod("client-")))
    assert "29s" in routes


def test_the_node_killed(clean: Mesh) -> None:
    with load(clean):
        before = (clean.state / "node.pid").read_text()
        kill(clean, "node")
        eventually(lambda: _alive(clean.state / "node.pid", before), 20)
        time.sleep(4)


def _alive(pid: Path, other_than: str) -> bool:
    return pid.exists() and pid.read_text() not in ("", other_than)


def test_a_killed_envoy_serves_again(clean: Mesh) -> None:
    """With one replica its own requests fail for a moment; it is back by itself."""
    pod = clean.pod("details-")
    clean.exec(pod, "pkill", "-9", "-x", "envoy", container="istio-proxy")

    eventually(lambda: clean.ask("/api/v1/products/0")[0] == 200, 10)


def test_a_killed_envoy_of_two_fails_nobody_else(clean: Mesh) -> None:
    clean.run("apply", "-f", "-", text=_ratings(clean, replicas=2, stamp="b"))
    clean.ready("ratings-v1")
    with load(clean, hop="http://details:9080/details/0"):
        clean.exec(clean.pod("ratings-v1"), "pkill", "-9", "-x", "envoy", container="istio-proxy")
        time.sleep(3)
