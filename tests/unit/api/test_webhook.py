"""What an API server is answered when it asks about a pod or a document."""

import base64
from collections.abc import Mapping
from typing import Any

import jsonpatch
import msgspec
from starlette.testclient import TestClient

from meltemi.core.inject.config import InjectConfig
from meltemi.core.inject.inject import Injection, inject
from meltemi.shell.servers.api.admission import validate
from meltemi.shell.servers.webhook.app import INJECT, VALIDATE, create_app

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "web-", "labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "web"}]},
}


def client(**labels: str) -> TestClient:
    async def labels_of(namespace: str) -> Mapping[str, str]:
        return labels if namespace == "shop" else {}

    def injector(pod: dict[str, Any], *, namespace: str, namespace_labels: Mapping[str, str]) -> Injection:
        return inject(pod, namespace=namespace, namespace_labels=namespace_labels, config=InjectConfig(xds_dir="/xds"))

    return TestClient(create_app(inject=injector, validate=validate, labels_of=labels_of))


def asked(test: TestClient, path: str, tree: object) -> dict[str, Any]:
    review = {"request": {"uid": "u-1", "namespace": "shop", "object": tree, "operation": "CREATE"}}
    answer = msgspec.json.decode(test.post(path, content=msgspec.json.encode(review)).content)
    assert (answer["kind"], answer["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
    assert answer["response"]["uid"] == "u-1"
    return answer["response"]


def test_a_pod_of_an_enabled_namespace_gets_a_proxy_and_its_name() -> None:
    response = asked(client(**{"istio-injection": "enabled"}), INJECT, POD)
    patch = jsonpatch.JsonPatch(msgspec.json.decode(base64.b64decode(response["patch"])))
    pod: dict[str, Any] = patch.apply(POD)  # pyright: ignore[reportUnknownMemberType]

    assert response["allowed"]
    assert response["patchType"] == "JSONPatch"
    assert "istio-proxy" in [one["name"] for one in pod["spec"]["containers"]]
    assert pod["metadata"]["name"].startswith("web-")
    sockets = next(one["hostPath"]["path"] for one in pod["spec"]["volumes"] if one["name"] == "meltemi-xds")
    assert sockets == f"/xds/shop/{pod['metadata']['name']}"


def test_other_pods_stay_as_they_are() -> None:
    response = asked(client(), INJECT, POD)

    assert response["allowed"]
    assert "patch" not in response


def rule(retry_on: str, host: str = "web") -> dict[str, Any]:
    route = {"route": [{"destination": {"host": host}}], "retries": {"attempts": 2, "retryOn": retry_on}}
    metadata = {"name": "web", "namespace": "shop", "managedFields": [{"manager": "kubectl"}]}
    spec = {"hosts": ["web"], "http": [route]}
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata, "spec": spec}


def test_a_sound_document_is_let_in() -> None:
    assert asked(client(), VALIDATE, rule("5xx")) == {"uid": "u-1", "allowed": True, "warnings": []}


def test_a_faulty_document_is_refused_in_the_words_of_validate() -> None:
    response = asked(client(), VALIDATE, rule("conect-failure"))

    assert not response["allowed"]
    assert response["status"]["message"].startswith("error[M2104]: unknown retry condition 'conect-failure'")
    assert "help: did you mean 'connect-failure'?" in response["status"]["message"]


def test_warnings_go_along() -> None:
    policy = {
        "apiVersion": "telemetry.istio.io/v1",
        "kind": "Telemetry",
        "metadata": {"name": "a"},
        "spec": {},
    }
    response = asked(client(), VALIDATE, policy)

    assert response["allowed"]
    assert any("M1301" in text for text in response["warnings"])


def test_what_is_no_review_is_a_bad_request() -> None:
    assert client().post(VALIDATE, content=b"{}").status_code == 400
