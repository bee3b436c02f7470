"""Whatever dies in the control of a mesh that runs from a real API server: no user feels it, nothing is missed."""

import json
import os
import signal
import time
from typing import Any

import pytest

from e2e.kube.conftest import BOOKINFO, Cluster
from e2e.load import load
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

NETWORKING = BOOKINFO / "networking"


def kill(cluster: Cluster, name: str) -> None:
    """And wait until the process is there again."""
    old = cluster.pid(name)
    os.kill(old, signal.SIGKILL)
    eventually(lambda: _pid(cluster, name) not in (0, old), 30)


def _pid(cluster: Cluster, name: str) -> int:
    try:
        return cluster.pid(name)
    except (OSError, ValueError):
        return 0


def routes(cluster: Cluster, host: str) -> list[str]:
    """The clusters that the client's proxy sends requests for a host to."""
    pod = cluster.pod("client")
    dump: list[Any] = cluster.mesh.json("proxy-config", "routes", f"{pod}.default")
    text = json.dumps(dump)
    return sorted({word for word in text.split('"') if f"|{host}." in word and word.startswith("outbound|")})


def subsets(cluster: Cluster, host: str) -> set[str]:
    return {name.split("|")[2] for name in routes(cluster, host)}


def shows(cluster: Cluster, version: str) -> bool:
    return set(cluster.mesh.reviews(6)) == {f"reviews-{version}"}


def apply(cluster: Cluster, name: str) -> None:
    """Until the API server takes it: who has just been killed is not back yet."""
    eventually(lambda: cluster.kubectl.result("apply", "-f", NETWORKING / name).returncode == 0, 60)


def test_the_api_server_is_killed_again_and_again(clean: Cluster) -> None:
    apply(clean, "destination-rule-all.yaml")
    apply(clean, "virtual-service-all-v1.yaml")
    eventually(lambda: shows(clean, "v1"))
    with load(clean.mesh, rate=100):
        for _ in range(3):
            kill(clean, "kube-apiserver")
            apply(clean, "virtual-service-reviews-v3.yaml")
            eventually(lambda: shows(clean, "v3"), 30)
            apply(clean, "virtual-service-all-v1.yaml")
            eventually(lambda: shows(clean, "v1"), 30)


def test_etcd_and_all_others_are_killed(clean: Cluster) -> None:
    apply(clean, "destination-rule-all.yaml")
    apply(clean, "virtual-service-all-v1.yaml")
    eventually(lambda: shows(clean, "v1"))
    with load(clean.mesh, rate=100):
        for name in ("etcd", "kube-controller-manager", "kube-scheduler", "node", "kube"):
            if _pid(clean, name):
                kill(clean, name)
        apply(clean, "virtual-service-reviews-v3.yaml")
        eventually(lambda: shows(clean, "v3"), 60)


def test_the_control_plane_is_killed_and_misses_nothing(clean: Cluster) -> None:
    """What was written and what was deleted while it was away is there and gone, as for one that starts afresh."""
    apply(clean, "destination-rule-all.yaml")
    apply(clean, "virtual-service-all-v1.yaml")
    eventually(lambda: shows(clean, "v1"))
    with load(clean.mesh, rate=100):
        os.kill(clean.pid("control-plane"), signal.SIGKILL)
        clean.kubectl("delete", "virtualservice", "reviews")
        eventually(lambda: set(clean.mesh.reviews(12)) == {"reviews-v1", "reviews-v2", "reviews-v3"}, 30)
        # Each proxy comes back when its own wait is over: that of the client may be later than the productpage's.
        eventually(lambda: "v1" not in subsets(clean, "reviews"), 30)
        kept = routes(clean, "reviews")
        kill(clean, "control-plane")
        eventually(lambda: routes(clean, "reviews") == kept, 30)


def test_a_rolling_restart_loses_no_request(cluster: Cluster) -> None:
    with load(cluster.mesh, rate=100):
        cluster.kubectl("rollout", "restart", "deployment/ratings-v1", "deployment/productpage-v1")
        for name in ("ratings-v1", "productpage-v1"):
            cluster.kubectl("rollout", "status", f"deployment/{name}", "--timeout=90s", limit=120)
        time.sleep(3.0)  # the old pods go on for a while


def staying(cluster: Cluster) -> set[str]:
    """The pods that nobody has told to go; those of a rolling restart may be on their way still."""
    pods = (one["metadata"] for one in cluster.kubectl.json("get", "pods")["items"])
    return {pod["uid"] for pod in pods if "deletionTimestamp" not in pod}


def test_everything_of_ours_is_killed_and_up_finds_the_pods(cluster: Cluster) -> None:
    """The last test of the module: the mesh is another one's child then."""
    before = staying(cluster)
    with load(cluster.mesh, rate=100):
        for name in ("supervisor", "kube", "control-plane", "node"):
            os.kill(cluster.pid(name), signal.SIGKILL)
        cluster.mesh.up("--kube")
        assert staying(cluster) == before
        cluster.kubectl("rollout", "restart", "deployment/details-v1")
        cluster.kubectl("rollout", "status", "deployment/details-v1", "--timeout=60s")
