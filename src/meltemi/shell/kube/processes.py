"""The programs of a real Kubernetes API and what each is told.

Place:  shell/kube · settings, files → [processes] → apps/supervisor, which keeps them running
Source: the programs' reference pages, Kubernetes 1.33, etcd 3.4 to 3.6.
"""

from collections.abc import Iterator
from pathlib import Path

from meltemi.core.node.settings import KubeSettings, NodeSettings
from meltemi.shell.issuer import NAME as ISSUER
from meltemi.shell.issuer import issuer_name
from meltemi.shell.kube.assets import find
from meltemi.shell.kube.place import Place

Command = tuple[str, ...]


class MissingAssetError(Exception):
    """A binary is in no place; the text says which, and what to do."""

    explained = True


def commands(state: Path, files: Place, settings: NodeSettings) -> Iterator[tuple[str, Command]]:
    """Name and command line of each program, in the order in which they need each other. Raises MissingAssetError."""
    kube = settings.kube
    if kube is None:
        return
    yield "etcd", (_binary("etcd"), *_etcd(files, kube))
    yield "kube-apiserver", (_binary("kube-apiserver"), *_apiserver(state, files, settings, kube))
    if kube.controllers:
        yield "kube-controller-manager", (_binary("kube-controller-manager"), *_controllers(state, files))
    if kube.scheduler:
        yield "kube-scheduler", (_binary("kube-scheduler"), *_scheduler(files))


def _binary(name: str) -> str:
    found = find(name)
    if found is None:
        raise MissingAssetError(f"{name} is not found\n  help: run 'scripts/kube-assets', or see docs/guide/kubectl.md")
    return str(found)


def _etcd(files: Place, kube: KubeSettings) -> Iterator[str]:
    pki = files.pki
    client, peer = f"https://127.0.0.1:{kube.etcd_port}", f"https://127.0.0.1:{kube.etcd_peer_port}"
    yield from ("--name=meltemi", f"--data-dir={files.etcd}", "--log-level=warn")
    yield from (f"--listen-client-urls={client}", f"--advertise-client-urls={client}")
    yield from (f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}")
    yield f"--initial-cluster=meltemi={peer}"
    for side in ("", "peer-"):
        yield from (f"--{side}cert-file={pki.crt('etcd')}", f"--{side}key-file={pki.key('etcd')}")
        yield from (f"--{side}trusted-ca-file={pki.crt('etcd-ca')}", f"--{side}client-cert-auth=true")


def _apiserver(state: Path, files: Place, settings: NodeSettings, kube: KubeSettings) -> Iterator[str]:
    pki = files.pki
    # The node's address is on this machine's `lo`: pods reach it, others do not.
    yield from (f"--bind-address={settings.node_ip}", f"--secure-port={kube.api_port}")
    yield f"--advertise-address={settings.node_ip}"
    yield from (f"--tls-cert-file={pki.crt('apiserver')}", f"--tls-private-key-file={pki.key('apiserver')}")
    yield from (f"--client-ca-file={pki.crt('ca')}", "--authorization-mode=Node,RBAC")
    yield f"--etcd-servers=https://127.0.0.1:{kube.etcd_port}"
    yield from (f"--etcd-cafile={pki.crt('etcd-ca')}", f"--etcd-certfile={pki.crt('etcd-client')}")
    yield f"--etcd-keyfile={pki.key('etcd-client')}"
    # Tokens are signed with the mesh's own key: its authority takes them as it takes those of the embedded API.
    yield f"--service-account-issuer={issuer_name(settings.cluster_domain)}"
    yield f"--service-account-signing-key-file={state / 'ca' / ISSUER}"
    yield f"--service-account-key-file={pki.folder / 'sa.pub'}"
    yield f"--service-cluster-ip-range={settings.service_cidr}"
    yield from (f"--kubelet-certificate-authority={pki.crt('ca')}", "--kubelet-preferred-address-types=InternalIP")
    yield f"--kubelet-client-certificate={pki.crt('kubelet-client')}"
    yield f"--kubelet-client-key={pki.key('kubelet-client')}"
    yield from ("--profiling=false", "--shutdown-delay-duration=0s")


def _controllers(state: Path, files: Place) -> Iterator[str]:
    yield f"--kubeconfig={files.kubeconfig('kube-controller-manager')}"
    yield f"--root-ca-file={files.pki.crt('ca')}"
    yield "--use-service-account-credentials=true"  # each controller has the rights of its own role, and no others
    yield f"--service-account-private-key-file={state / 'ca' / ISSUER}"
    # The programs serve metrics nobody asks for; a port less is a collision less.
    yield from ("--secure-port=0", "--leader-elect=false", "--kube-api-qps=200", "--kube-api-burst=400")


def _scheduler(files: Place) -> Iterator[str]:
    yield f"--kubeconfig={files.kubeconfig('kube-scheduler')}"
    yield from ("--secure-port=0", "--leader-elect=false", "--kube-api-qps=200", "--kube-api-burst=400")
