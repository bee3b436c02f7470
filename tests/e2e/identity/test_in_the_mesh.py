"""Certificates in a whole mesh: every proxy has its own, it can be seen, and its key and token stay where they are."""

import json
import re
from typing import Any

import pytest

from e2e.mesh import Mesh, eventually

pytestmark = pytest.mark.e2e

APPS = ("details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3")
LINE = re.compile(r'^istio_agent_cert_expiry_seconds\{resource_name="(\w+)"\} (-?\d+)$', re.MULTILINE)


def shown(mesh: Mesh, deployment: str) -> dict[str, Any]:
    listed = json.loads(mesh.run("proxy-config", "secret", f"deployment/{deployment}", "-o", "json"))
    return {one["name"]: one for one in listed}


@pytest.mark.timeout(300)
def test_every_proxy_has_a_certificate_of_its_own(bookinfo: Mesh):
    serials: set[str] = set()
    for app in APPS:
        lines = bookinfo.run("proxy-config", "s", f"deployment/{app}").splitlines()
        rows = {line.split()[0]: line.split() for line in lines[1:]}
        assert rows["default"][1:5] == ["Cert", "Chain", "ACTIVE", "true"]
        assert rows["ROOTCA"][1:4] == ["CA", "ACTIVE", "true"]
        serials.add(rows["default"][5])
    assert len(serials) == len(APPS)


@pytest.mark.timeout(300)
def test_no_key_leaves_the_proxy(bookinfo: Mesh):
    pod = bookinfo.pod("reviews-v1")
    assert "private_key" not in json.dumps(shown(bookinfo, "reviews-v1"))
    found = bookinfo.exec(
        pod, "grep", "-rlsI", "PRIVATE KEY", "/etc/istio", "/var/run/secrets", container="istio-proxy", status=(0, 1, 2)
    )
    assert found == ""
    for place in ("/var/run/secrets/tokens/istio-token", "/var/run/secrets/workload-spiffe-uds/socket"):
        bookinfo.exec(pod, "test", "-e", place, container="istio-proxy")
        bookinfo.exec(pod, "test", "!", "-e", place, container="reviews")


@pytest.mark.timeout(300)
def test_the_remaining_life_is_a_metric(bookinfo: Mesh):
    ask = ("pilot-agent", "request", "--debug-port", "15020", "GET", "stats/prometheus")
    page = bookinfo.exec(bookinfo.pod("reviews-v1"), *ask, container="istio-proxy")
    left = {name: int(seconds) for name, seconds in LINE.findall(page)}
    assert 0 < left["default"] <= 24 * 3600
    assert left["ROOTCA"] > left["default"]


@pytest.mark.timeout(300)
def test_a_killed_envoy_gets_the_same_certificate_again(bookinfo: Mesh):
    pod = bookinfo.pod("ratings-v1")
    before = shown(bookinfo, "ratings-v1")["default"]["secret"]
    # The proxy's container has no tool for it but the interpreter: the agent's only child is Envoy.
    kill = (
        "import os, pathlib, signal\n"
        "for one in pathlib.Path('/proc').glob('[0-9]*'):\n"
        "    try:\n"
        "        if (one / 'comm').read_text().startswith('envoy'): os.kill(int(one.name), signal.SIGKILL)\n"
        "    except OSError: pass\n"
    )
    bookinfo.exec(pod, "python3", "-c", kill, container="istio-proxy")

    def again() -> object:
        try:
            return shown(bookinfo, "ratings-v1").get("default", {}).get("secret") == before
        except AssertionError:
            return False

    eventually(again, 30)
