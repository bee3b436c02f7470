"""Certificates of a Kubernetes API: who signs whom, for which names, and who may read the keys."""

import asyncio
import json
import ssl
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from meltemi.core.node.settings import KubeSettings, NodeSettings
from meltemi.shell.kube.kubeconfig import write_kubeconfig
from meltemi.shell.kube.pki import CLIENTS, MASTERS, Pki, make_pki
from meltemi.shell.kube.place import place
from meltemi.shell.kube.prepare import prepare

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder = tmp_path_factory.mktemp("state") / "pki"
    return make_pki(folder, node_ip="198.18.0.1", service_ip="198.19.0.1", domain="cluster.local", now=NOW)


def read(pki: Pki, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pki.crt(name).read_bytes())


def test_keys_are_their_owners_only(pki: Pki) -> None:
    assert pki.folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in pki.folder.iterdir()} == {0o600}


def test_clients_are_known_by_name_and_group(pki: Pki) -> None:
    for name, (user, group) in CLIENTS.items():
        certificate = read(pki, name)
        certificate.verify_directly_issued_by(read(pki, "ca"))
        assert certificate.subject.rfc4514_string() == (f"CN={user},O={group}" if group else f"CN={user}")
    assert [name for name, (_, group) in CLIENTS.items() if group == MASTERS] == ["admin", "control-plane", "node"]


def test_who_may_speak_to_the_api_may_not_speak_to_etcd(pki: Pki) -> None:
    read(pki, "etcd-client").verify_directly_issued_by(read(pki, "etcd-ca"))
    with pytest.raises((ValueError, InvalidSignature)):
        read(pki, "admin").verify_directly_issued_by(read(pki, "etcd-ca"))


def test_the_server_has_every_name_that_it_is_called_by(pki: Pki) -> None:
    names = read(pki, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert set(names.get_values_for_type(x509.DNSName)) == {
        "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    }  # fmt: skip
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "198.18.0.1", "198.19.0.1"]


def test_nothing_is_made_twice(pki: Pki) -> None:
    before = pki.crt("ca").read_bytes()
    make_pki(pki.folder, node_ip="198.18.0.1", service_ip="198.19.0.1", domain="cluster.local", now=NOW)

    assert pki.crt("ca").read_bytes() == before


def test_a_kubeconfig_is_whole_or_names_files(pki: Pki, tmp_path: Path) -> None:
    for whole in (True, False):
        file = tmp_path / "config"
        write_kubeconfig(file, pki, "admin", "https://198.18.0.1:6443", whole=whole)
        user = json.loads(file.read_bytes())["users"][0]["user"]
        assert file.stat().st_mode & 0o777 == 0o600
        assert set(user) == (
            {"client-certificate-data", "client-key-data"} if whole else {"client-certificate", "client-key"}
        )


def test_prepared_once_the_tokens_key_has_its_public_half(tmp_path: Path) -> None:
    kube = KubeSettings(api_port=1, etcd_port=2, etcd_peer_port=3, kubelet_port=4, webhook_port=5)
    kubeconfig = asyncio.run(prepare(tmp_path, msgspec.structs.replace(NodeSettings(), kube=kube)))
    files = place(tmp_path)

    assert json.loads(kubeconfig.read_bytes())["clusters"][0]["cluster"]["server"] == "https://198.18.0.1:1"
    load_pem_public_key((files.pki.folder / "sa.pub").read_bytes())
    ssl.create_default_context(cafile=files.pki.crt("ca")).load_cert_chain(files.pki.crt("node"), files.pki.key("node"))
