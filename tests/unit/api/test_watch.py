"""A watch tells what exists and what happens, to those who asked for it."""

import itertools
from typing import Any

from meltemi.shell.client import Client
from unit.api.test_objects import PODS, fresh, pod


def told(api: Client, count: int, **query: Any) -> list[tuple[str, str]]:
    """The first events of a watch: type and name."""
    lines = api.lines("/api/v1/pods", {"watch": 1, "timeoutSeconds": 10, **query})
    return [(one["type"], one["object"]["metadata"].get("name", "")) for one in itertools.islice(lines, count)]


def test_what_exists_comes_first(api: Client) -> None:
    name = fresh()
    api.call("POST", PODS, pod(name))

    assert told(api, 1, fieldSelector=f"metadata.name={name}") == [("ADDED", name)]


def test_from_a_revision_on_only_what_came_later(api: Client) -> None:
    """What was created before the watch began may be called modified: the caller takes both alike."""
    name = fresh()
    before = api.call("POST", PODS, pod(name))
    api.call("DELETE", f"{PODS}/{name}", query={"gracePeriodSeconds": 0})
    other = fresh()
    api.call("POST", PODS, pod(other))

    seen = told(api, 2, resourceVersion=before["metadata"]["resourceVersion"])

    assert seen == [("DELETED", name), ("MODIFIED", other)]


def test_an_object_that_stops_matching_is_deleted_to_the_watcher(api: Client) -> None:
    name = fresh()
    made = api.call("POST", PODS, {**pod(name), "metadata": {"name": name, "labels": {"mark": name}}})
    revision = made["metadata"]["resourceVersion"]
    gone = {"metadata": {"labels": None}}
    lines = api.lines("/api/v1/pods", {"watch": 1, "labelSelector": f"mark={name}", "timeoutSeconds": 10})
    first = next(lines)
    api.call("PATCH", f"{PODS}/{name}", gone, content_type="application/merge-patch+json")

    assert (first["type"], first["object"]["metadata"]["resourceVersion"]) == ("ADDED", revision)
    assert next(lines)["type"] == "DELETED"


def test_a_bookmark_says_that_everything_was_told(api: Client) -> None:
    lines = api.lines("/api/v1/namespaces", {"watch": 1, "allowWatchBookmarks": 1, "timeoutSeconds": 10})

    bookmark = next(one for one in lines if one["type"] == "BOOKMARK")

    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_revision_that_is_not_kept_is_expired(api: Client) -> None:
    event = next(api.lines("/api/v1/pods", {"watch": 1, "resourceVersion": 10**9}))

    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
