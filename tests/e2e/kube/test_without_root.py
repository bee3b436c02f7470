"""A real API server of uid 12345 without sudo: his kubectl reaches it from outside his namespaces."""

import os
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path

import pytest

from e2e.kube.conftest import BOOKINFO, Cluster
from e2e.kube.kubectl import Kubectl, lacking, lines_until
from e2e.mesh import Mesh, eventually
from e2e.user import UID, as_user, home, processes
from meltemi.shell.kube.assets import NEEDED, OPTIONAL, find

__all__ = ["home"]  # a fixture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def his(home: Path) -> Generator[Cluster]:
    """Bookinfo, brought in by kubectl."""
    if why := lacking():
        pytest.skip(why)
    assets = home / "assets"
    assets.mkdir()
    for name in (*NEEDED, *OPTIONAL):
        if found := find(name):
            _share(found, assets / name)
    mesh = Mesh(home / "state")
    mesh.before = as_user(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBEBUILDER_ASSETS", str(assets))
        try:
            mesh.up("--kube")
            kubectl = Kubectl(mesh.state / "kube/admin.kubeconfig")
            kubectl("apply", "-f", BOOKINFO / "platform/kube/bookinfo.yaml")
            kubectl("apply", "-f", BOOKINFO / "networking/bookinfo-gateway.yaml")
            kubectl("wait", "--for=condition=Available", "deployment", "--all", "--timeout=90s", limit=120)
            kubectl("wait", "--for=condition=Programmed", "gateway/bookinfo-gateway", "--timeout=30s")
            yield Cluster(mesh, kubectl)
        finally:
            mesh.run("down")


def _share(file: Path, place: Path) -> None:
    """Root's cache is not his to look into."""
    try:
        place.hardlink_to(file)
    except OSError:
        shutil.copy(file, place)


def test_everything_is_his(his: Cluster) -> None:
    mine = [one for one in processes() if "kube-apiserver " in one or "/etcd " in one]

    assert len(mine) == 2
    assert his.mesh.ask("/productpage")[0] == 200
    assert (his.mesh.state / "kube/admin.kubeconfig").stat().st_uid == UID


def test_kubectl_from_outside(his: Cluster) -> None:
    his.kubectl("apply", "-f", BOOKINFO / "networking/destination-rule-all.yaml")
    his.kubectl("apply", "-f", BOOKINFO / "networking/virtual-service-all-v1.yaml")
    eventually(lambda: set(his.mesh.reviews(6)) == {"reviews-v1"})
    his.kubectl("rollout", "restart", "deployment/details-v1")
    his.kubectl("rollout", "status", "deployment/details-v1", "--timeout=60s")
    pod = his.pod("ratings")
    assert his.kubectl("exec", pod, "-c", "ratings", "--", "echo", "inside") == "inside\n"
    assert his.mesh.ask("/api/v1/products/0/ratings")[0] == 200
    with his.kubectl.started("logs", "-f", pod, "-c", "ratings", "--tail=-1") as following:
        lines_until(following, "/ratings/0")


def test_nobody_is_served_without_a_certificate(his: Cluster) -> None:
    server = his.kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
    assert server.startswith("https://127.0.0.1:")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(server + "/api/v1/secrets")


def test_it_comes_back_at_its_address(his: Cluster) -> None:
    """Everything is killed; pods and kubeconfig stay what they are."""
    before = his.kubectl.names("pods", "-l", "app=reviews")
    for name in ("supervisor", "kube", "control-plane", "node", "relay"):
        os.kill(his.pid(name), signal.SIGKILL)
    his.mesh.up("--kube")

    assert his.kubectl.names("pods", "-l", "app=reviews") == before
    assert his.mesh.ask("/productpage")[0] == 200


def test_down_leaves_nothing(his: Cluster) -> None:
    """The last test of the module: the mesh is taken down in it."""
    his.mesh.run("down")

    eventually(lambda: not processes(), 10)
    assert {file.name for file in his.mesh.state.iterdir() if not file.name.endswith(".log")} == {"ca"}
