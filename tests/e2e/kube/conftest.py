"""A mesh that runs from a real API server, with Bookinfo brought in by kubectl."""

from collections.abc import Generator
from dataclasses import dataclass

import pytest

from e2e.kube.kubectl import Kubectl, lacking
from e2e.mesh import HERE, SAMPLES, Mesh

BOOKINFO = SAMPLES / "master/samples/bookinfo"


@dataclass(frozen=True)
class Cluster:
    """The mesh and the two ways to talk to it."""

    mesh: Mesh
    kubectl: Kubectl

    def pid(self, name: str) -> int:
        return int((self.mesh.state / f"{name}.pid").read_text())

    def pod(self, app: str) -> str:
        return next(iter(self.kubectl.names("pods", "-l", f"app={app}", "--field-selector", "status.phase=Running")))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cluster]:
    """Bookinfo, its gateway and a client, all ready."""
    if why := lacking():
        pytest.skip(why)
    mesh = Mesh(tmp_path_factory.mktemp("kube"))
    try:
        mesh.up("--kube")
        kubectl = Kubectl(mesh.state / "kube/admin.kubeconfig")
        kubectl("apply", "-f", BOOKINFO / "platform/kube/bookinfo.yaml")
        kubectl("apply", "-f", BOOKINFO / "networking/bookinfo-gateway.yaml")
        kubectl("apply", "-f", HERE / "manifests/client.yaml")
        kubectl("wait", "--for=condition=Available", "deployment", "--all", "--timeout=90s", limit=120)
        yield Cluster(mesh, kubectl)
    finally:
        mesh.down()


@pytest.fixture
def clean(cluster: Cluster) -> Generator[Cluster]:
    """Without any rule but the gateway's, before and after."""
    yield cluster
    cluster.kubectl("delete", "destinationrules,serviceentries,peerauthentications", "--all")
    for name in cluster.kubectl.names("virtualservices"):
        if name != "bookinfo":
            cluster.kubectl("delete", "virtualservice", name)
