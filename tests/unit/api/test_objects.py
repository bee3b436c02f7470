"""Objects are written and read as Kubernetes' API does it."""

import uuid
from typing import Any

import pytest

from meltemi.shell.client import Client, RefusedError

SERVICES = "/api/v1/namespaces/default/services"
RULES = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"
PODS = "/api/v1/namespaces/default/pods"


def fresh() -> str:
    return f"n{uuid.uuid4().hex[:8]}"


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80, "name": "http"}], **spec}}


def rule(name: str, **http: Any) -> dict[str, Any]:
    route = {"route": [{"destination": {"host": "reviews"}}], **http}
    return {"metadata": {"name": name}, "spec": {"hosts": ["reviews"], "http": [route]}}


def pod(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


def refused(api: Client, method: str, path: str, body: object = None, **options: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        api.call(method, path, body, **options)
    return caught.value


def test_services_get_addresses_that_no_other_has(api: Client) -> None:
    made = [api.call("POST", SERVICES, service(fresh()))["spec"]["clusterIP"] for _ in range(3)]

    assert len(set(made)) == 3
    assert all(address.startswith("198.19.") for address in made)


def test_an_address_of_another_service_is_refused(api: Client) -> None:
    taken = api.call("POST", SERVICES, service(fresh()))["spec"]["clusterIP"]

    assert refused(api, "POST", SERVICES, service(fresh(), clusterIP=taken)).code == 422


@pytest.mark.parametrize(
    "spec", [{"clusterIP": "None"}, {"type": "ExternalName", "externalName": "example.com"}], ids=["headless", "name"]
)
def test_services_without_an_address_get_none(api: Client, spec: dict[str, str]) -> None:
    made = api.call("POST", SERVICES, service(fresh(), **spec))

    assert made["spec"].get("clusterIP") == spec.get("clusterIP")


def test_an_address_is_kept_when_the_service_is_replaced(api: Client) -> None:
    name = fresh()
    old = api.call("POST", SERVICES, service(name))

    new = api.call("PUT", f"{SERVICES}/{name}", service(name, selector={"a": "b"}))

    assert new["spec"]["clusterIP"] == old["spec"]["clusterIP"]


def test_a_second_object_of_a_name_is_refused(api: Client) -> None:
    name = fresh()
    api.call("POST", SERVICES, service(name))

    problem = refused(api, "POST", SERVICES, service(name))

    assert (problem.code, problem.reason) == (409, "AlreadyExists")


def test_a_writer_that_saw_an_older_version_is_refused(api: Client) -> None:
    name = fresh()
    old = api.call("POST", RULES, rule(name))
    api.call("PUT", f"{RULES}/{name}", rule(name, timeout="1s"))

    problem = refused(api, "PUT", f"{RULES}/{name}", old)

    assert (problem.code, problem.reason) == (409, "Conflict")


def test_a_namespace_must_exist(api: Client) -> None:
    problem = refused(api, "POST", "/api/v1/namespaces/nowhere/services", service(fresh()))

    assert (problem.code, problem.body["details"]["kind"]) == (404, "namespaces")


def test_all_errors_are_causes_of_the_refusal(api: Client) -> None:
    wrong = rule(fresh(), timeout="x", retries={"attempts": -1, "retryOn": "conect-failure"})

    problem = refused(api, "POST", RULES, wrong)

    assert problem.code == 422
    fields = {cause["field"] for cause in problem.body["details"]["causes"]}
    assert {"spec.http[0].timeout", "spec.http[0].retries.attempts"} <= fields


def test_an_object_is_served_in_the_version_of_the_url(api: Client) -> None:
    name = fresh()
    api.call("POST", RULES.replace("/v1/", "/v1alpha3/"), rule(name))

    assert api.get(f"{RULES}/{name}")["apiVersion"] == "networking.istio.io/v1"
    assert api.get(f"{RULES.replace('/v1/', '/v1beta1/')}/{name}")["apiVersion"] == "networking.istio.io/v1beta1"


def test_deployments_of_old_are_deployments(api: Client) -> None:
    name = fresh()
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    old = {"metadata": {"name": name}, "spec": {"template": template}}
    api.call("POST", "/apis/extensions/v1beta1/namespaces/default/deployments", old)

    now = api.get(f"/apis/apps/v1/namespaces/default/deployments/{name}")

    assert (now["apiVersion"], now["spec"]["selector"]) == ("apps/v1", {"matchLabels": {"app": name}})


def test_status_and_spec_are_written_apart(api: Client) -> None:
    name = fresh()
    made = api.call("POST", PODS, pod(name))
    both = {**made, "spec": {}, "status": {"phase": "Running"}}

    after_status = api.call("PUT", f"{PODS}/{name}/status", both)
    after_spec = api.call("PUT", f"{PODS}/{name}", {**after_status, "status": {"phase": "Failed"}})

    assert after_status["spec"] == made["spec"]
    assert after_spec["status"] == {"phase": "Running"}
    assert after_spec["metadata"]["generation"] == made["metadata"]["generation"]


def test_a_write_that_changes_nothing_makes_no_revision(api: Client) -> None:
    name = fresh()
    made = api.call("POST", RULES, rule(name))

    again = api.call("PUT", f"{RULES}/{name}", made)

    assert again == made


def test_names_are_generated(api: Client) -> None:
    made = api.call("POST", PODS, {"metadata": {"generateName": "web-"}, "spec": pod("")["spec"]})

    assert made["metadata"]["name"].startswith("web-")
    assert len(made["metadata"]["name"]) == len("web-") + 5


def test_a_dry_run_writes_nothing(api: Client) -> None:
    name = fresh()
    api.call("POST", RULES, rule(name), query={"dryRun": "All"})

    assert refused(api, "GET", f"{RULES}/{name}").code == 404


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        ("application/merge-patch+json", {"metadata": {"labels": {"a": "b"}}}),
        ("application/json-patch+json", [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]),
    ],
    ids=["merge", "json"],
)
def test_patches(api: Client, content_type: str, patch: object) -> None:
    name = fresh()
    api.call("POST", RULES, rule(name))

    done = api.call("PATCH", f"{RULES}/{name}", patch, content_type=content_type)

    assert done["metadata"]["labels"] == {"a": "b"}
    assert done["spec"]["hosts"] == ["reviews"]


def test_a_patch_that_breaks_an_object_is_refused(api: Client) -> None:
    name = fresh()
    api.call("POST", RULES, rule(name))
    patch = {"spec": {"hosts": 7}}

    problem = refused(api, "PATCH", f"{RULES}/{name}", patch, content_type="application/merge-patch+json")

    assert problem.code == 422


def test_a_pod_is_marked_and_then_gone(api: Client) -> None:
    name = fresh()
    api.call("POST", PODS, pod(name))

    api.call("DELETE", f"{PODS}/{name}")
    assert api.get(f"{PODS}/{name}")["metadata"]["deletionGracePeriodSeconds"] == 30

    api.call("DELETE", f"{PODS}/{name}", query={"gracePeriodSeconds": 0})
    assert refused(api, "GET", f"{PODS}/{name}").code == 404


@pytest.mark.parametrize(
    ("selector", "count"),
    [("a=1", 1), ("a!=1", 1), ("a in (1,2)", 2), ("a notin (1)", 1), ("a", 2), ("!a", 0), ("a=1,b", 0)],
)
def test_label_selectors(api: Client, selector: str, count: int) -> None:
    home = fresh()
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": home}})
    for value in "12":
        labelled = {"metadata": {"name": f"p{value}", "labels": {"a": value}}, "spec": pod("")["spec"]}
        api.call("POST", f"/api/v1/namespaces/{home}/pods", labelled)

    found = api.get(f"/api/v1/namespaces/{home}/pods", {"labelSelector": selector})

    assert len(found["items"]) == count


def test_a_field_selector(api: Client) -> None:
    name = fresh()
    api.call("POST", PODS, pod(name))

    found = api.get(PODS, {"fieldSelector": f"metadata.name={name}"})

    assert [one["metadata"]["name"] for one in found["items"]] == [name]


def test_kinds_that_nobody_knows_are_stored(api: Client) -> None:
    path = "/apis/example.com/v7/namespaces/default/gizmos"
    name = fresh()
    api.call("POST", path, {"kind": "Gizmo", "metadata": {"name": name}, "any": ["thing"]})

    assert api.get(f"{path}/{name}")["any"] == ["thing"]
    assert name in [one["metadata"]["name"] for one in api.get(path)["items"]]


def test_fields_that_nobody_knows_are_kept(api: Client) -> None:
    name = fresh()
    api.call("POST", SERVICES, service(name, healthCheckNodePort=30000))

    assert api.get(f"{SERVICES}/{name}")["spec"]["healthCheckNodePort"] == 30000


def test_a_body_that_is_too_large_is_refused(api: Client) -> None:
    huge = {"metadata": {"name": fresh()}, "data": {"x": "y" * 4_000_000}}

    assert refused(api, "POST", "/api/v1/namespaces/default/configmaps", huge).code == 413


def test_kinds_are_listed(api: Client) -> None:
    found = api.get("/apis/networking.istio.io/v1")["resources"]

    assert {"name": "virtualservices", "kind": "VirtualService"}.items() <= next(
        one for one in found if one["kind"] == "VirtualService"
    ).items()
