"""Service-account tokens in pods: from the API, for one reader, made anew, and gone with the pod."""

import pytest

from e2e.node.machine import Machine, Tree, shell, sleeper
from meltemi.core.node.tokens import times

pytestmark = [pytest.mark.e2e]

PATH = "/var/run/secrets/tokens/istio-token"
MOUNT: Tree = {"name": "istio-token", "mountPath": "/var/run/secrets/tokens"}
PROXY: Tree = {"runAsUser": 1337, "runAsGroup": 1337}


def volume(seconds: int = 43200) -> Tree:
    token = {"audience": "istio-ca", "expirationSeconds": seconds, "path": "istio-token"}
    return {"name": "istio-token", "projected": {"sources": [{"serviceAccountToken": token}]}}


def test_the_proxy_alone_reads_its_token(machine: Machine) -> None:
    own = sleeper(volumeMounts=[MOUNT], securityContext=PROXY)
    uid = machine.pod("reads", own, sleeper(), volumes=[volume()])
    machine.until(lambda: machine.ready("reads"))

    token = machine.exec(uid, "cat", PATH).stdout
    made, ends = times(token)
    assert ends - made == 43200
    assert machine.exec(uid, "stat", "-c", "%a %u", PATH).stdout.split() == ["600", "1337"]
    assert machine.exec(uid, "cat", PATH, container="b").returncode != 0
    assert machine.exec(uid, "touch", "/var/run/secrets/tokens/x").returncode != 0


def test_another_node_makes_due_tokens_anew(machine: Machine) -> None:
    uid = machine.pod("taken-over", sleeper(volumeMounts=[MOUNT], securityContext=PROXY), volumes=[volume()])
    machine.until(lambda: machine.ready("taken-over"))
    old = machine.exec(uid, "cat", PATH).stdout
    machine.kill("node")
    (machine.state / "pods" / uid / "volumes/istio-token/istio-token").write_text("stale")
    machine.start("node")

    machine.until(lambda: machine.exec(uid, "cat", PATH).stdout not in (old, "stale", ""))

    assert times(machine.exec(uid, "cat", PATH).stdout)[1] >= times(old)[1]


def test_a_pod_waits_for_its_token_and_says_so(machine: Machine) -> None:
    machine.pod("waits", sleeper(volumeMounts=[MOUNT]), volumes=[volume()], serviceAccountName="comes-late")

    state = machine.until(lambda: machine.container("waits")["state"].get("waiting"))
    assert "comes-late" in state["message"]
    machine.put("ServiceAccount", "comes-late")
    machine.until(lambda: machine.ready("waits"))


def test_a_source_that_nobody_provides_is_told(machine: Machine) -> None:
    bundle: Tree = {"name": "b", "projected": {"sources": [{"clusterTrustBundle": {"name": "x", "path": "x"}}]}}
    machine.pod("unprovided", shell("true"), volumes=[bundle])

    state = machine.until(lambda: machine.container("unprovided")["state"].get("waiting"))
    assert "clusterTrustBundle" in state["message"]
