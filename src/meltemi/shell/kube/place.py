"""Where the files of a real Kubernetes API are, below the state directory of a mesh.

Place:  shell/kube · asked by processes, prepare, control plane and node
"""

from dataclasses import dataclass
from pathlib import Path

from meltemi.shell.kube.pki import Pki


@dataclass(frozen=True, slots=True)
class Place:
    """STATE/kube."""

    folder: Path

    @property
    def pki(self) -> Pki:
        """Certificates and keys."""
        return Pki(self.folder / "pki")

    @property
    def etcd(self) -> Path:
        """etcd's data."""
        return self.folder / "etcd"

    @property
    def memory(self) -> Path:
        """What the mesh knows of objects that the server does not keep."""
        return self.folder / "memory.db"

    def kubeconfig(self, client: str) -> Path:
        """By which a client reaches the server."""
        return self.folder / f"{client}.kubeconfig"


def place(state: Path) -> Place:
    """Of a state directory."""
    return Place(state / "kube")
