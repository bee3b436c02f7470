"""Everything that a real Kubernetes API needs before it starts: ports, certificates, kubeconfigs, the tokens' key.

Place:  shell/kube · `up --kube` → [prepare] → STATE/kube
"""

import socket
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from meltemi.core.node.settings import KubeSettings, NodeSettings
from meltemi.shell.issuer import NAME as ISSUER
from meltemi.shell.issuer import open_issuer
from meltemi.shell.keys.files import FileKeys
from meltemi.shell.kube.assets import find
from meltemi.shell.kube.kubeconfig import write_kubeconfig
from meltemi.shell.kube.pki import CLIENTS, make_pki, write_public_key
from meltemi.shell.kube.place import place


def choose() -> KubeSettings:
    """Ports that are free now, and which of the real controllers are at hand."""
    with ExitStack() as held:
        ports = [held.enter_context(socket.socket()) for _ in range(5)]
        for one in ports:
            one.bind(("127.0.0.1", 0))
        api, etcd, peer, kubelet, webhook = (int(one.getsockname()[1]) for one in ports)
    return KubeSettings(
        api_port=api, etcd_port=etcd, etcd_peer_port=peer, kubelet_port=kubelet, webhook_port=webhook,
        controllers=find("kube-controller-manager") is not None, scheduler=find("kube-scheduler") is not None,
    )  # fmt: skip


def server(settings: NodeSettings) -> str:
    """The API server's address."""
    assert settings.kube is not None  # noqa: S101  (asked for meshes with a real API only)
    return f"https://{settings.node_ip}:{settings.kube.api_port}"


def _door(settings: NodeSettings) -> str:
    assert settings.kube is not None  # noqa: S101  (as above)
    return f"https://127.0.0.1:{settings.kube.api_port}"


async def prepare(state: Path, settings: NodeSettings, *, door: bool = False) -> Path:
    """Make what is missing; returns the user's kubeconfig. Raises OSError.

    `door`: the user reaches the API server through a door on 127.0.0.1, for it is in another network.
    """
    files = place(state)
    files.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pki = make_pki(
        files.pki.folder, node_ip=settings.node_ip, service_ip=settings.kube_service_ip,
        domain=settings.cluster_domain, now=datetime.now(UTC),
    )  # fmt: skip
    await open_issuer(FileKeys(state / "ca"), domain=settings.cluster_domain, now=lambda: datetime.now(UTC))
    write_public_key(state / "ca" / ISSUER, pki.folder / "sa.pub")
    for client in CLIENTS:
        at = _door(settings) if door and client == "admin" else server(settings)
        write_kubeconfig(files.kubeconfig(client), pki, client, at, whole=client == "admin")
    return files.kubeconfig("admin")
