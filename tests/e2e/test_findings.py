"""What is wrong is said where it was written, and the mesh goes on."""

import json
import os
import signal
from pathlib import Path

import pytest

from e2e.mesh import NETWORKING, Mesh, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FAULTS = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - retries:
      attempts: 2
      retryOn: conect-failure
    timeut: 3s
    match:
    - uri: {regex: "a(?=b)"}
    fault:
      abort: {httpStatus: 99, percentage: {value: 10}}
    route:
    - destination: {host: reviews, subset: v1}
      weight: -5
"""
LINES = [10, 11, 13, 15, 18]


def findings(text: str) -> list[int]:
    return sorted(found["line"] for found in json.loads(text)["findings"] if found["severity"] == "error")


def test_five_faults_give_five_findings_at_their_lines(clean: Mesh, tmp_path: Path) -> None:
    file = tmp_path / "reviews.yaml"
    file.write_text(FAULTS)
    clean.apply(NETWORKING / "destination-rule-all.yaml", NETWORKING / "virtual-service-reviews-v3.yaml")

    assert findings(clean.run("validate", "-o", "json", file, status=(1,))) == LINES
    assert findings(clean.run("apply", "-o", "json", "-f", file, status=(1,))) == LINES

    assert set(clean.reviews(10)) == {"reviews-v3"}


def test_the_last_sound_version_is_in_force_after_a_restart(clean: Mesh, tmp_path: Path) -> None:
    file = tmp_path / "reviews.yaml"
    file.write_text(FAULTS)
    clean.apply(NETWORKING / "destination-rule-all.yaml", NETWORKING / "virtual-service-reviews-v3.yaml")
    clean.run("apply", "-f", file, status=(1,))

    old = (clean.state / "control-plane.pid").read_text()
    os.kill(int(old), signal.SIGKILL)
    eventually(lambda: _differs(clean.state / "control-plane.pid", old), 20)
    clean.run("wait", "virtualservice/reviews", "--timeout", "20s")

    assert set(clean.reviews(10)) == {"reviews-v3"}


def _differs(file: Path, old: str) -> bool:
    return file.exists() and file.read_text() not in ("", old)


TOO_LONG = "/[a-z]{1000}" * 36
"""More than 32,768 instructions of RE2, where the proxy stops."""
REFUSED = f"""apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: details
spec:
  hosts: [details]
  http:
  - match: [{{uri: {{regex: "{TOO_LONG}"}}}}]
    route:
    - destination: {{host: details}}
"""


def test_what_envoy_refuses_is_said_on_its_document_and_holds_up_nothing(clean: Mesh) -> None:
    """Our checks let an expression pass that is too long for Envoy."""
    clean.run("apply", "-f", "-", text=REFUSED)
    said = clean.json("wait", "virtualservice/details", "--timeout", "20s", status=(1,))
    found = said["results"][0]["findings"]
    assert {(one["code"], one["resource"]["name"], one["line"]) for one in found} == {("M9001", "details", 8)}

    clean.apply(NETWORKING / "destination-rule-reviews.yaml", NETWORKING / "virtual-service-reviews-v3.yaml")
    assert set(clean.reviews(10)) == {"reviews-v3"}
    assert clean.ask("/api/v1/products/0")[0] == 200

    clean.run("apply", "-f", "-", text=REFUSED.replace(TOO_LONG, "/.*"))
    clean.run("wait", "virtualservice/details", "--timeout", "20s")
    assert "M9001" not in str(clean.json("status", status=(0, 1)))


def test_what_was_refused_is_sent_to_nobody_again_also_after_a_restart(clean: Mesh) -> None:
    """A proxy that comes anew has the routes that were in force before."""
    clean.run("apply", "-f", "-", text=REFUSED)
    clean.run("wait", "virtualservice/details", "--timeout", "20s", status=(1,))
    assert refusals(clean) > 0
    before = refusals(clean)
    renew_client(clean)

    old = (clean.state / "control-plane.pid").read_text()
    os.kill(int(old), signal.SIGKILL)
    eventually(lambda: _differs(clean.state / "control-plane.pid", old), 20)
    renew_client(clean)
    said = clean.json("wait", "virtualservice/details", "--timeout", "20s", status=(1,))
    assert {one["code"] for one in said["results"][0]["findings"]} == {"M9001"}
    assert refusals(clean) == before

    clean.run("apply", "-f", "-", text=REFUSED.replace(TOO_LONG, "/.*"))
    clean.run("wait", "virtualservice/details", "--timeout", "20s")
    assert "M9001" not in str(clean.json("status", status=(0, 1)))


def refusals(mesh: Mesh) -> int:
    """How often a proxy refused something since the mesh began."""
    return (mesh.state / "control-plane.log").read_text().count("refused ")


def renew_client(mesh: Mesh) -> None:
    """Another client pod, which reaches details."""
    old = mesh.pod("client-")
    mesh.run("delete", "pod", old)
    mesh.ready("client")
    new = mesh.pod("client-")
    assert new != old
    assert mesh.exec(new, "curl", "-s", "-w", "%{http_code}", "http://details:9080/health").endswith("200")
