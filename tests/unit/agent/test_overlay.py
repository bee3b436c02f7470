"""What EnvoyFilters change of the bootstrap: merged as protobuf would, and as much as Envoy takes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from google.protobuf import json_format

from meltemi.core.messages.overlay import overlay
from meltemi.shell.agent.bootstrap import bootstrap
from meltemi.shell.agent.overlay import REFUSED, merged, overlaid
from meltemi.shell.agent.settings import read
from meltemi.shell.left_out import left_out

Json = dict[str, Any]
ENV = {"POD_NAME": "a", "POD_NAMESPACE": "shop", "INSTANCE_IP": "10.0.0.1"}


@pytest.mark.parametrize(
    ("base", "change", "made"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1]}, {"a": [2]}, {"a": [1, 2]}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"@type": "x", "b": 1}}, {"a": {"@type": "x", "c": 1}}, {"a": {"@type": "x", "b": 1, "c": 1}}),
        ({"a": {"@type": "x", "b": 1}}, {"a": {"@type": "y", "c": 1}}, {"a": {"@type": "y", "c": 1}}),
        ({}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
    ],
)
def test_merge(base: Json, change: Json, made: Json) -> None:
    assert merged(base, change) == made


def test_lists_may_be_replaced() -> None:
    assert merged({"a": [1], "b": [1]}, {"a": [2]}, replace_lists=True) == {"a": [2], "b": [1]}


def laid(**said: Any) -> Json:
    return overlay(json_format.ParseDict(said, Bootstrap()))


def test_another_member_of_a_oneof_takes_the_place() -> None:
    found = laid(statsConfig={"statsMatcher": {"rejectAll": True}}, statsFlushInterval="2s")
    base: Json = {
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": []}}, "use_all_default_tags": False}
    }
    made: Json = {"stats_config": {"stats_matcher": {"reject_all": True}, "use_all_default_tags": False}}
    assert merged(base, found) == {**made, "stats_flush_interval": "2s"}


def test_what_envoy_would_not_start_with_is_left_out_and_said(tmp_path: Path) -> None:
    broken = laid(staticResources={"clusters": [{"name": "broken", "lbPolicy": "CLUSTER_PROVIDED"}]})
    changes = [
        {"namespace": "shop", "name": "f", "index": 0, "id": "a", "value": laid(statsFlushInterval="7s")},
        {"namespace": "shop", "name": "f", "index": 1, "id": "b", "value": broken},
    ]
    settings = read(role="sidecar", domain="", env={**ENV, "MELTEMI_BOOTSTRAP": json.dumps(changes)})
    made = asyncio.run(overlaid(settings, bootstrap(settings), tmp_path / "made.json"))

    assert made["stats_flush_interval"] == "7s"
    assert [one["name"] for one in made["static_resources"]["clusters"]] == [
        *("xds-grpc", "sds-grpc", "prometheus_stats", "agent")
    ]
    (found,) = left_out(made["node"])
    said = found.finding
    assert (said.code, said.key and said.key.name, said.path) == ("M9001", "f", "spec.configPatches[1]")
    assert (found.id, found.index) == ("b", 1)
    assert "refused by Envoy: cluster manager: cluster provided LB specified" in said.message


@pytest.mark.parametrize("said", [7, "{", "[{}]", '[{"namespace": 1}]', "[" + " " * 70000 + "]"])
def test_what_a_proxy_says_of_itself_may_be_anything(said: object) -> None:
    assert left_out({"metadata": {REFUSED: said}}) == ()
