"""What the agent learns from its environment."""

import pytest

from meltemi.shell.agent.settings import read, seconds

ENV = {"POD_NAME": "cart-1", "POD_NAMESPACE": "shop", "INSTANCE_IP": "198.18.0.9"}


def test_the_node_is_called_as_istio_calls_it():
    got = read(role="sidecar", domain="shop.svc.cluster.local", env=ENV)

    assert got.node_id == "sidecar~198.18.0.9~cart-1.shop~shop.svc.cluster.local"


def test_a_domain_that_nobody_expanded_is_made_from_the_namespace():
    got = read(role="sidecar", domain="$(POD_NAMESPACE).svc.cluster.local", env=ENV)

    assert got.domain == "shop.svc.cluster.local"


def test_metadata_from_the_environment():
    meta = {"ISTIO_META_MESH_ID": "m", "ISTIO_METAJSON_LABELS": '{"app":"cart"}', "OTHER": "x"}

    got = read(role="sidecar", domain="", env=ENV | meta).metadata

    assert (got["MESH_ID"], got["LABELS"]) == ("m", {"app": "cart"})
    assert "OTHER" not in got


def test_flags_beat_the_defaults_and_empty_flags_do_not():
    got = read(role="router", domain="", env=ENV, log_level="debug", component_log_level="", concurrency="4")

    assert (got.log_level, got.component_log_level, got.concurrency) == ("debug", "misc:error", 4)


def test_proxy_config_may_be_yaml():
    got = read(role="sidecar", domain="", env=ENV | {"PROXY_CONFIG": "concurrency: 3\ndrainDuration: 1m30s\n"})

    assert (got.concurrency, got.drain_seconds) == (3, 90)


def test_concurrency_zero_is_one_worker_a_cpu():
    got = read(role="sidecar", domain="", env=ENV | {"PROXY_CONFIG": '{"concurrency":0}'})

    assert got.concurrency >= 1


# fmt: off
DRAINS: dict[str, tuple[str, dict[str, str], float]] = {
    #               PROXY_CONFIG                           further environment                                seconds
    "default":      ("{}",                                 {},                                                5),
    "written":      ('{"terminationDrainDuration":"9s"}',  {},                                                9),
    "on zero":      ('{"terminationDrainDuration":"9s"}',  {"EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true"},       5),
    "on zero, own": ("{}", {"EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true", "MINIMUM_DRAIN_DURATION": "500ms"},    0.5),
}
# fmt: on


@pytest.mark.parametrize(("config", "further", "minimum"), DRAINS.values(), ids=DRAINS)
def test_the_minimum_of_draining(config: str, further: dict[str, str], minimum: float):
    assert read(role="sidecar", domain="", env=ENV | {"PROXY_CONFIG": config} | further).minimum_drain == minimum


def test_metrics_that_pod_and_mesh_ask_for():
    env = ENV | {
        "PROXY_CONFIG": '{"proxyStatsMatcher":{"inclusionPrefixes":["cluster.outbound"]}}',
        "ISTIO_METAJSON_STATS": '{"statsInclusionPrefixes":"http,tcp","statsInclusionRegexps":"x.*"}',
    }

    got = read(role="sidecar", domain="", env=env).stats

    assert got == {"prefixes": ("cluster.outbound", "http", "tcp"), "suffixes": (), "regexps": ("x.*",)}


@pytest.mark.parametrize("text", ["", "5", "five", "5s later", "-1s"])
def test_what_is_no_duration(text: str):
    with pytest.raises(ValueError, match="is no duration"):
        seconds(text)
