"""A real API server without Kubernetes' own controllers: the node's small ones bring Deployments to life."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from e2e.kube.conftest import BOOKINFO, Cluster
from e2e.kube.kubectl import Kubectl, lacking
from e2e.mesh import Mesh, eventually
from meltemi.shell.kube.assets import NEEDED, find

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cluster]:
    """Only what is needed is at hand."""
    if why := lacking():
        pytest.skip(why)
    assets = tmp_path_factory.mktemp("assets")
    for name in NEEDED:
        (assets / name).symlink_to(str(find(name)))
    mesh = Mesh(tmp_path_factory.mktemp("alone"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBEBUILDER_ASSETS", str(assets))
        patch.setenv("MELTEMI_KUBE_ASSETS", str(assets / "nothing"))
        try:
            mesh.up("--kube")
            patch.undo()
            yield Cluster(mesh, Kubectl(mesh.state / "kube/admin.kubeconfig"))
        finally:
            mesh.down()


def test_nobody_else_runs(alone: Cluster) -> None:
    if find("kube-controller-manager") and Path(str(find("kube-controller-manager"))).parent in _path():
        pytest.skip("kube-controller-manager is on PATH")

    assert sorted(file.stem for file in alone.mesh.state.glob("kube-*.pid")) == ["kube-apiserver"]


def _path() -> list[Path]:
    return [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]


def test_a_namespace_from_its_making_to_its_end(alone: Cluster) -> None:
    kubectl = alone.kubectl
    kubectl("create", "namespace", "shop")
    kubectl("label", "namespace", "shop", "istio-injection=enabled")
    kubectl("-n", "shop", "apply", "-f", BOOKINFO / "platform/kube/bookinfo.yaml")
    kubectl("-n", "shop", "apply", "-f", BOOKINFO / "networking/destination-rule-all.yaml")
    kubectl("-n", "shop", "wait", "--for=condition=Available", "deployment", "--all", "--timeout=90s", limit=120)
    for pod in kubectl.json("-n", "shop", "get", "pods")["items"]:
        assert "istio-proxy" in [one["name"] for one in pod["spec"]["containers"]]
    kubectl("-n", "shop", "rollout", "restart", "deployment/details-v1")
    kubectl("-n", "shop", "rollout", "status", "deployment/details-v1", "--timeout=60s")
    kubectl("-n", "shop", "scale", "deployment/ratings-v1", "--replicas=2")
    kubectl("-n", "shop", "rollout", "status", "deployment/ratings-v1", "--timeout=60s")
    kubectl("-n", "shop", "delete", "deployment", "reviews-v1")
    eventually(lambda: not kubectl.names("pods", "-n", "shop", "-l", "app=reviews,version=v1"), 60)
    kubectl("delete", "namespace", "shop", "--timeout=90s", limit=120)
    assert "shop" not in kubectl.names("namespaces")
    assert kubectl.names("destinationrules", "-A") == []


def test_down_leaves_nothing(alone: Cluster) -> None:
    """The last test of the module: the mesh is taken down in it."""
    state = alone.mesh.state
    alone.mesh.run("down", limit=120)

    assert not (state / "kube").exists()
    told = [Path("/proc", name, "cmdline") for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208
    assert [file for file in told if str(state).encode() in _bytes(file)] == []


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
