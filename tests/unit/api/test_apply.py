"""`apply` writes all or nothing, and changes only what a file says."""

from typing import Any

import pytest

from meltemi.shell.client import Client, RefusedError
from meltemi.shell.servers.api.merge import applied, merged
from unit.api.test_objects import RULES, SERVICES, fresh, rule, service


def item(tree: dict[str, Any], kind: str, api_version: str, **source: Any) -> dict[str, Any]:
    return {"object": {"apiVersion": api_version, "kind": kind, **tree}, "source": source}


def virtual_service(name: str, **http: Any) -> dict[str, Any]:
    return item(rule(name, **http), "VirtualService", "networking.istio.io/v1")


def send(api: Client, *items: dict[str, Any], **more: Any) -> Any:
    return api.call("POST", "/meltemi/v1/apply", {"objects": list(items), **more})


def test_created_configured_unchanged(api: Client) -> None:
    name = fresh()
    results = [send(api, virtual_service(name, timeout=one))["results"][0]["result"] for one in ("1s", "2s", "2s")]

    assert results == ["created", "configured", "unchanged"]


def test_one_error_keeps_everything_out(api: Client) -> None:
    good, bad = fresh(), fresh()
    with pytest.raises(RefusedError) as caught:
        send(api, virtual_service(good), virtual_service(bad, timeout="x"))

    assert caught.value.code == 422
    assert [one["resource"]["name"] for one in caught.value.body["findings"]] == [bad]
    with pytest.raises(RefusedError):
        api.get(f"{RULES}/{good}")


def test_findings_stand_at_the_lines_of_the_file(api: Client) -> None:
    places = {"": (1, 1, 1), "spec.http[0].timeout": (9, 14, 1)}
    source = {"file": "shop.yaml", "places": places, "lines": {"9": "    timeout: x"}}
    with pytest.raises(RefusedError) as caught:
        send(api, item(rule(fresh(), timeout="x"), "VirtualService", "networking.istio.io/v1", **source))

    found = caught.value.body["findings"][0]
    assert (found["file"], found["line"], found["column"], found["text"]) == ("shop.yaml", 9, 14, "    timeout: x")


def test_a_field_that_left_the_file_leaves_the_object(api: Client) -> None:
    name = fresh()
    send(api, virtual_service(name, timeout="1s"))
    send(api, virtual_service(name))

    assert "timeout" not in api.get(f"{RULES}/{name}")["spec"]["http"][0]


def test_fields_of_the_server_stay(api: Client) -> None:
    name = fresh()
    send(api, item(service(name, selector={"a": "b"}), "Service", "v1"))
    before = api.get(f"{SERVICES}/{name}")["spec"]
    send(api, item(service(name, selector={"c": "d"}), "Service", "v1"))
    after = api.get(f"{SERVICES}/{name}")["spec"]

    assert after == {**before, "selector": {"c": "d"}}


def test_a_namespace_of_the_same_file_counts(api: Client) -> None:
    home = fresh()
    tree = {"metadata": {"name": "web", "namespace": home}, "spec": {"ports": [{"port": 80}]}}

    done = send(api, item(tree, "Service", "v1"), item({"metadata": {"name": home}}, "Namespace", "v1"))

    assert [one["kind"] for one in done["results"]] == ["Namespace", "Service"]


def test_a_namespace_that_is_missing_is_a_finding(api: Client) -> None:
    tree = {"metadata": {"name": "web", "namespace": "nowhere"}, "spec": {"ports": [{"port": 80}]}}
    with pytest.raises(RefusedError) as caught:
        send(api, item(tree, "Service", "v1"))

    assert "nowhere" in caught.value.body["findings"][0]["message"]


def test_a_pod_that_changes_keeps_everything_out(api: Client) -> None:
    name, other = fresh(), fresh()
    containers = [{"name": "c", "image": "one"}]
    send(api, item({"metadata": {"name": name}, "spec": {"containers": containers}}, "Pod", "v1"))
    changed = {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "two"}]}}
    with pytest.raises(RefusedError) as caught:
        send(api, virtual_service(other), item(changed, "Pod", "v1"))

    assert "cannot be changed" in caught.value.body["findings"][0]["message"]


# fmt: off
MERGES: dict[str, tuple[Any, Any, Any, Any]] = {
    #                        live                      last                wanted              → becomes
    "set":                  ({},                       {},                 {"a": 1},             {"a": 1}),
    "changed":              ({"a": 1},                 {"a": 1},           {"a": 2},             {"a": 2}),
    "left the file":        ({"a": 1, "b": 2},         {"a": 1, "b": 2},   {"a": 1},             {"a": 1}),
    "never in the file":    ({"a": 1, "x": 9},         {"a": 1},           {"a": 1},             {"a": 1, "x": 9}),
    "deep":                 ({"m": {"a": 1, "x": 9}},  {"m": {"a": 1}},    {"m": {}},            {"m": {"x": 9}}),
    "list not changed":     ({"l": [1, 9]},            {"l": [1]},         {"l": [1]},           {"l": [1, 9]}),
    "list changed":         ({"l": [1, 9]},            {"l": [1]},         {"l": [2]},           {"l": [2]}),
}
# fmt: on


@pytest.mark.parametrize(("live", "last", "wanted", "becomes"), MERGES.values(), ids=MERGES)
def test_three_way_merge(live: object, last: object, wanted: object, becomes: object) -> None:
    assert applied(live, last, wanted) == becomes


def test_a_merge_patch_removes_by_null() -> None:
    assert merged({"a": 1, "b": {"c": 2, "d": 3}}, {"a": None, "b": {"c": None}}) == {"b": {"d": 3}}


def test_wait_returns_when_the_proxies_have_it(api: Client) -> None:
    name = fresh()
    send(api, virtual_service(name))

    answer = api.get("/meltemi/v1/wait", {"kind": "virtualservice", "name": name, "timeout": 5})

    assert answer["acknowledged"]


def test_findings_that_do_not_keep_a_document_out_are_kept(api: Client) -> None:
    name = fresh()
    tree = {"metadata": {"name": name}, "spec": {}}
    done = send(api, item(tree, "Telemetry", "telemetry.istio.io/v1", file="t.yaml", places={"": (3, 1, 1)}))

    kept = [one for one in api.get("/meltemi/v1/findings")["findings"] if one["resource"]["name"] == name]

    assert [one["code"] for one in kept] == [one["code"] for one in done["findings"]]
    assert kept[0]["file"] == "t.yaml"
