"""A rule that comes or goes takes hold of connections that are open, in a mesh of ten pods."""

import json
import time
from collections.abc import Callable, Generator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2e.fields.settings import edge
from e2e.fields.world import World
from e2e.mesh import Mesh, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PODS, MORE = 10, 6
"""Proxies in the mesh; replicas of `echo-one`, beside `echo-two`, the authorizer, the client and the gateway."""


def proxied(mesh: Mesh) -> list[Any]:
    """Pods that run and have a proxy."""
    items = mesh.json("get", "pods", "-A")["items"]
    return [
        pod
        for pod in items
        if any(c["name"] == "istio-proxy" for c in pod["spec"]["containers"])
        and "deletionTimestamp" not in pod["metadata"]
        and pod["status"].get("phase") == "Running"
    ]


@pytest.fixture
def ten(mesh: Mesh) -> Generator[list[Any]]:
    """The pods of a mesh of ten."""
    before = len(proxied(mesh))
    scale(mesh, MORE)
    eventually(lambda: len(proxied(mesh)) == PODS, 60)
    yield proxied(mesh)
    scale(mesh, 1)
    eventually(lambda: len(proxied(mesh)) == before, 60)


def scale(mesh: Mesh, replicas: int) -> None:
    found = mesh.json("get", "deployment", "echo-one")
    meta = {name: found["metadata"][name] for name in ("name", "namespace")}
    found = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": found["spec"] | {"replicas": replicas},
    }
    mesh.apply_text(json.dumps(found))
    mesh.ready("echo-one")


class Live:
    """A connection that stays open."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = HTTPConnection(host, port, timeout=20)
        self._connection.connect()
        self._socket = self._connection.sock

    def status(self) -> int:
        self._connection.request("GET", "/asked")
        answer = self._connection.getresponse()
        answer.read()
        assert self._connection.sock is self._socket, "it was closed"
        return answer.status

    def close(self) -> None:
        self._connection.close()


def test_a_rule_comes_and_goes(world: World, ten: list[Any], record_property: Callable[[str, object], None]) -> None:
    edge(world)
    gate = urlsplit(world.mesh.address)
    ports = {"echo": 8080, "authorizer": 8000}
    served = [
        (pod["status"]["podIP"], ports[app]) for pod in ten if (app := pod["metadata"]["labels"].get("app")) in ports
    ]
    places = [*served, (gate.hostname or "", gate.port or 80)]
    assert len(places) == PODS - 1  # the client serves nobody
    eventually(lambda: all_are(places, 200))
    live = [Live(host, port) for host, port in places]
    try:
        for _ in range(3):
            start = time.monotonic()
            world.mesh.apply_text(REFUSAL)
            eventually(lambda: {one.status() for one in live} == {403})
            came = time.monotonic()
            world.mesh.run("delete", "authorizationpolicy", "nobody", "-n", "istio-system")
            eventually(lambda: {one.status() for one in live} == {200})
            record_property("came, went (s)", (came - start, time.monotonic() - came))
    finally:
        world.mesh.run("delete", "authorizationpolicy", "nobody", "-n", "istio-system", status=(0, 1))
        for one in live:
            one.close()


REFUSAL = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: nobody
  namespace: istio-system
spec:
  action: DENY
  rules: [{to: [{operation: {paths: [/asked]}}]}]
"""
"""In the root namespace: for the whole mesh."""


def all_are(places: list[tuple[str, int]], status: int) -> bool:
    connections = [Live(host, port) for host, port in places]
    try:
        return {one.status() for one in connections} == {status}
    finally:
        for one in connections:
            one.close()
