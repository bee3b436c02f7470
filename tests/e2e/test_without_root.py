"""A mesh of uid 12345 without sudo: it runs, catches all traffic, and is reached from outside."""

import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from e2e.mesh import NETWORKING, SAMPLES, Mesh, eventually, missing
from e2e.user import UID, as_user, home, processes

__all__ = ["home"]  # a fixture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BOOKINFO = SAMPLES / "master/samples/bookinfo/platform/kube/bookinfo.yaml"
BARE = """
apiVersion: v1
kind: Pod
metadata:
  name: bare
  annotations: {sidecar.istio.io/inject: "false"}
spec:
  containers:
  - name: shell
    image: curl
    command: [sleep, "1000"]
"""
STRICT = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
"""
OTHER_USER = """
apiVersion: v1
kind: Pod
metadata:
  name: other
spec:
  securityContext: {runAsUser: 1000}
  containers:
  - name: shell
    image: curl
    command: [sleep, "1000"]
"""
MARKING = "import socket; socket.socket().setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 1337)"


@pytest.fixture(scope="module")
def mesh(home: Path) -> Generator[Mesh]:
    if why := missing():
        pytest.skip(f"to become another user, this test {why}")
    if not BOOKINFO.exists():
        pytest.skip("Istio's samples are not here")
    mesh = Mesh(home / "state")
    mesh.before = as_user(home)
    try:
        mesh.up("-f", BOOKINFO, "-f", NETWORKING / "bookinfo-gateway.yaml")
        mesh.settle((NETWORKING / "bookinfo-gateway.yaml").read_text())
        yield mesh
    finally:
        mesh.run("down")


def test_the_page_is_served_outside_of_his_namespaces(mesh: Mesh) -> None:
    status, body = mesh.ask("/productpage")

    assert status == 200
    assert "Book Details" in body
    assert mesh.address.startswith("http://127.0.0.1:")
    assert len([one for one in processes() if "/envoy " in one]) == 7


def test_every_version_answers_and_routing_follows(mesh: Mesh) -> None:
    assert mesh.reviews(60).keys() == {"reviews-v1", "reviews-v2", "reviews-v3"}

    mesh.apply(NETWORKING / "destination-rule-all.yaml", NETWORKING / "virtual-service-all-v1.yaml")
    assert mesh.reviews(20).keys() == {"reviews-v1"}


def test_all_traffic_is_caught(mesh: Mesh) -> None:
    mesh.run("apply", "-f", "-", text=BARE)
    mesh.run("wait", "pod/bare", "--timeout", "30s")
    url = "http://reviews:9080/reviews/0"
    page = mesh.pod("productpage")
    assert mesh.exec("bare", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url) == "200"

    mesh.apply_text(STRICT)

    assert mesh.exec("bare", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url, status=(0, 52, 56)) == "000"
    assert mesh.exec(page, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url) == "200"
    assert mesh.ask("/productpage")[0] == 200


def test_an_application_cannot_pass_as_the_proxy(mesh: Mesh) -> None:
    page = mesh.pod("productpage")

    mesh.exec(page, sys.executable, "-c", MARKING, container="istio-proxy")
    with pytest.raises(AssertionError, match="Operation not permitted"):
        mesh.exec(page, sys.executable, "-c", MARKING)


def test_what_a_pod_writes_stays_in_the_pod(mesh: Mesh, home: Path) -> None:
    mine = home / "mine"
    mine.write_text("mine")
    os.chown(mine, UID, UID)

    mesh.exec(mesh.pod("details"), "sh", "-c", f"echo theirs > {mine}", status=(0, 1, 2))

    assert mine.read_text() == "mine"


def test_a_user_that_does_not_exist_here_is_a_finding(mesh: Mesh) -> None:
    told = mesh.json("apply", "--dry-run", "-f", _file(mesh, OTHER_USER))["findings"]

    assert [(one["code"], one["line"]) for one in told] == [("M2803", 7)]

    mesh.run("apply", "-f", "-", text=OTHER_USER)
    mesh.run("wait", "pod/other", "--timeout", "30s")
    status = mesh.exec("other", "cat", "/proc/self/status", container="shell")
    assert "CapEff:\t0000000000000000" in status


def _file(mesh: Mesh, text: str) -> Path:
    file = mesh.state.parent / "other.yaml"
    file.write_text(text)
    return file


def test_logs_are_his_to_read(mesh: Mesh) -> None:
    assert mesh.run("logs", mesh.pod("details"))


def kill(mesh: Mesh, *names: str) -> None:
    for name in names:
        os.kill(int((mesh.state / f"{name}.pid").read_text()), signal.SIGKILL)


def test_the_page_is_served_while_node_and_control_plane_are_away(mesh: Mesh) -> None:
    kill(mesh, "supervisor", "node", "control-plane")

    assert mesh.ask("/productpage")[0] == 200
    mesh.up()


def test_pods_that_outlived_everything_are_found_again(mesh: Mesh) -> None:
    before = {item["metadata"]["uid"] for item in mesh.json("get", "pods")["items"]}
    address = mesh.address
    kill(mesh, "supervisor", "node", "control-plane", "relay")

    mesh.up()

    assert mesh.address == address
    assert {item["metadata"]["uid"] for item in mesh.json("get", "pods")["items"]} == before
    assert mesh.ask("/productpage")[0] == 200
    mesh.apply(NETWORKING / "virtual-service-reviews-v3.yaml")
    assert mesh.reviews(20).keys() == {"reviews-v3"}


def test_nothing_is_left(mesh: Mesh) -> None:
    mesh.run("down")

    eventually(lambda: not processes(), 10)
    assert {file.name for file in mesh.state.iterdir() if not file.name.endswith(".log")} == {"ca"}
