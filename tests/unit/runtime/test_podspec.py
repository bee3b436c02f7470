"""What a sandbox is told of a Pod."""

from pathlib import Path
from typing import Any

import pytest

from meltemi.core.node.settings import NodeSettings
from meltemi.shell.runtime.images import Image, Needs
from meltemi.shell.runtime.pod_spec import Container, Handler, PodSpec
from meltemi.shell.runtime.pod_values import MissingError
from meltemi.shell.runtime.podspec import DEFAULT_CAPABILITIES, Translator

IMAGES = (
    Image(image="web", entrypoint=("serve",), args=("--port", "80"), env={"FROM": "image"}, user=7),
    Image(image="shell", entrypoint=("sh",), needs=Needs(one_of=("no-such-program", "sh"), package="dash")),
    Image(image="base", entrypoint=("based",), needs=Needs(one_of=("no-base", "no-other"), package="a-base-server")),
)


def translated(container: dict[str, Any], **spec: Any) -> PodSpec:
    pod = {
        "metadata": {"name": "p", "namespace": "n", "uid": "00000000-0000-0000-0000-000000000000"},
        "spec": {"containers": [{"name": "c", "image": "web", **container}], **spec},
    }
    return Translator(
        pod, "198.18.0.2", settings=NodeSettings(), state=Path("/state"), images=IMAGES, lookup=lambda kind, name: None
    ).translate()


def only(container: dict[str, Any], **spec: Any) -> Container:
    return translated(container, **spec).containers[0]


@pytest.mark.parametrize(
    ("container", "argv"),
    [
        ({}, ("serve", "--port", "80")),
        ({"args": ["-v"]}, ("serve", "-v")),
        ({"command": ["mine"]}, ("mine",)),
        ({"command": ["mine"], "args": ["$(FROM)"]}, ("mine", "image")),
    ],
)
def test_command_and_args_replace_what_the_image_has(container: dict[str, Any], argv: tuple[str, ...]) -> None:
    assert only(container).argv == argv


def test_what_an_image_needs_is_on_the_machine_or_named() -> None:
    assert only({"image": "shell"}).fault is None
    fault = only({"image": "base:1.0"}).fault
    assert fault
    assert fault[0] == "ErrImagePull"
    assert all(word in fault[1] for word in ("'base:1.0'", "no-base or no-other", "install a-base-server"))
    assert only({"image": "base", "command": ["mine"]}).fault is None


@pytest.mark.parametrize(
    ("changes", "capabilities"),
    [
        ({}, set(DEFAULT_CAPABILITIES)),
        ({"drop": ["ALL"]}, set[str]()),
        ({"drop": ["ALL"], "add": ["CAP_NET_ADMIN"]}, {"NET_ADMIN"}),
        ({"drop": ["KILL"]}, set(DEFAULT_CAPABILITIES) - {"KILL"}),
    ],
)
def test_capabilities(changes: dict[str, Any], capabilities: set[str]) -> None:
    assert set(only({"securityContext": {"capabilities": changes}}).capabilities) == capabilities


@pytest.mark.parametrize(
    ("container", "pod", "word"),
    [
        ({"image": "shell", "securityContext": {"runAsNonRoot": True}}, {}, "image runs as root"),
        ({"image": "shell"}, {"runAsNonRoot": True}, "image runs as root"),
        ({"securityContext": {"runAsNonRoot": True, "runAsUser": 0}}, {}, "runAsUser"),
        ({"securityContext": {"runAsNonRoot": True}}, {"runAsUser": 0}, "runAsUser"),
        ({"securityContext": {"runAsNonRoot": True}}, {}, ""),
        ({"image": "shell", "securityContext": {"runAsUser": 9}}, {"runAsNonRoot": True}, ""),
        ({"image": "shell", "securityContext": {"runAsNonRoot": False}}, {"runAsNonRoot": True}, ""),
    ],
)
def test_who_must_not_be_root_is_not_started_as_root(container: dict[str, Any], pod: dict[str, Any], word: str) -> None:
    fault = only(container, securityContext=pod).fault

    assert bool(fault) == bool(word)
    if fault:
        assert fault[0] == "CreateContainerConfigError"
        assert word in fault[1]


def test_a_volume_in_memory_has_its_size() -> None:
    sizes = {"plain": {}, "memory": {"medium": "Memory"}, "small": {"medium": "Memory", "sizeLimit": "1Mi"}}
    got = translated({}, volumes=[{"name": name, "emptyDir": source} for name, source in sizes.items()]).volumes

    assert [(one.name, one.in_memory, one.size) for one in got] == [
        ("plain", False, None),
        ("memory", True, None),
        ("small", True, 1 << 20),
    ]
    with pytest.raises(MissingError, match="sizeLimit"):
        translated({}, volumes=[{"name": "a", "emptyDir": {"medium": "Memory", "sizeLimit": "much"}}])


def test_the_container_says_more_than_the_pod_and_the_pod_more_than_the_image() -> None:
    assert only({}).user == 7
    assert only({}, securityContext={"runAsUser": 8}).user == 8
    assert only({"securityContext": {"runAsUser": 9}}, securityContext={"runAsUser": 8}).user == 9


@pytest.mark.parametrize(
    ("probe", "handler"),
    [
        ({"exec": {"command": ["true"]}}, Handler(exec=("true",))),
        ({"tcpSocket": {"port": "web"}}, Handler(port=8080)),
        ({"grpc": {"port": 9}}, Handler(port=9, grpc_service="")),
        ({"httpGet": {"port": "81", "path": "x"}}, Handler(port=81, http_path="/x")),
        ({"httpGet": {"port": 1, "scheme": "HTTPS"}}, Handler(port=1, http_path="/", https=True)),
    ],
)
def test_probes(probe: dict[str, Any], handler: Handler) -> None:
    found = only({"readinessProbe": probe, "ports": [{"name": "web", "containerPort": 8080}]}).readiness
    assert found
    assert found.handler == handler


@pytest.mark.parametrize(
    ("container", "word"),
    [
        ({"readinessProbe": {"tcpSocket": {"port": "nothing"}}}, "no port 'nothing'"),
        ({"volumeMounts": [{"name": "nowhere", "mountPath": "/x"}]}, "no volume 'nowhere'"),
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, "Secret 's' does not exist"),
    ],
)
def test_what_is_missing_is_named(container: dict[str, Any], word: str) -> None:
    with pytest.raises(MissingError, match=word):
        translated(container)


def test_an_init_container_that_goes_on_is_a_sidecar() -> None:
    containers = [{"name": "s", "image": "web", "restartPolicy": "Always"}, {"name": "i", "image": "web"}]
    got = translated({}, initContainers=containers).init
    assert [(one.sidecar, one.fault) for one in got] == [(True, None), (False, None)]


TOKEN = {"serviceAccountToken": {"path": "istio-token", "audience": "istio-ca", "expirationSeconds": 43200}}


def test_a_token_is_written_by_the_node_for_the_one_who_reads_it() -> None:
    mounts = [{"name": "t", "mountPath": "/var/run/secrets/tokens"}]
    found = translated(
        {"volumeMounts": mounts, "securityContext": {"runAsUser": 1337}},
        volumes=[{"name": "t", "projected": {"sources": [TOKEN]}}],
        serviceAccountName="cart",
    )

    (file,), (volume,) = found.tokens, found.volumes
    assert (file.user, file.mode, file.audience) == (1337, 0o600, "istio-ca")
    assert volume.kept_outside
    assert volume.host_path == "/state/pods/00000000-0000-0000-0000-000000000000/volumes/t"
    assert found.service_account == "cart"


def test_a_kind_of_volume_that_nobody_provides_is_named() -> None:
    with pytest.raises(MissingError, match="'persistentVolumeClaim'"):
        translated({}, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}])


def test_a_projected_source_that_nobody_provides_is_named() -> None:
    bundle = {"name": "t", "projected": {"sources": [TOKEN, {"clusterTrustBundle": {"path": "x"}}]}}

    with pytest.raises(MissingError, match="'clusterTrustBundle'"):
        translated({}, volumes=[bundle])
