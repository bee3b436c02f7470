"""What the injector writes, the agent understands: command lines, environment, documentation."""

from pathlib import Path
from typing import Any

import yaml

from meltemi.apps.agent import parser
from meltemi.core.inject.annotations import CHECKS
from meltemi.core.inject.config import InjectConfig
from meltemi.core.inject.inject import applied, inject
from meltemi.core.inject.proxy_config import EFFECTIVE
from meltemi.shell.agent.settings import read

Json = dict[str, Any]
ROOT = Path(__file__).parents[3]
TRAFFIC = "traffic.sidecar.istio.io/"
NOTES = {
    TRAFFIC + "includeOutboundIPRanges": "10.0.0.0/8",
    TRAFFIC + "excludeOutboundIPRanges": "10.1.0.0/16",
    TRAFFIC + "includeInboundPorts": "80,90",
    TRAFFIC + "excludeInboundPorts": "70",
    TRAFFIC + "includeOutboundPorts": "1",
    TRAFFIC + "excludeOutboundPorts": "2",
    TRAFFIC + "excludeInterfaces": "eth1",
    TRAFFIC + "kubevirtInterfaces": "eth2",
    "sidecar.istio.io/statsInclusionPrefixes": "cluster.outbound",
    "proxy.istio.io/config": "{concurrency: 3, terminationDrainDuration: 7s}",
}


def injected(notes: dict[str, str]) -> Json:
    probe = {"tcpSocket": {"port": 80}}
    pod = {
        "metadata": {"name": "cart-1", "annotations": notes},
        "spec": {"containers": [{"name": "cart", "livenessProbe": probe}]},
    }
    labels = {"istio-injection": "enabled"}
    answer = inject(pod, namespace="shop", namespace_labels=labels, config=InjectConfig(xds_dir="/xds"))
    assert answer.patch is not None
    return applied(pod, answer.patch)


def test_the_flags_of_the_rules():
    got = parser().parse_args(injected(NOTES)["spec"]["initContainers"][0]["args"])

    assert (got.outbound_ranges, got.exclude_outbound_ranges) == ("10.0.0.0/8", "10.1.0.0/16")
    assert (got.inbound_ports, got.exclude_inbound_ports) == ("80,90", "15090,15021,70,15020")
    assert (got.outbound_ports, got.exclude_outbound_ports) == ("1", "2")
    assert (got.exclude_interfaces, got.virtual_interfaces) == ("eth1", "eth2")


def test_the_flags_and_the_environment_of_the_proxy():
    container = injected(NOTES)["spec"]["containers"][0]
    env = {e["name"]: e.get("value", "downward") for e in container["env"]}
    flags = parser().parse_args(container["args"])

    got = read(role=flags.role, domain=flags.domain, env=env, log_level=flags.log_level)

    assert (got.role, got.log_level, got.concurrency, got.minimum_drain) == ("sidecar", "warning", 3, 7)
    assert got.stats["prefixes"] == ("cluster.outbound",)
    assert got.probers == {"/app-health/cart/livez": {"tcpSocket": {"port": 80}}}


def test_the_ingress_gateway_that_comes_with_the_mesh_is_injected():
    file = ROOT / "src/meltemi/samples/manifests/istio-ingressgateway.yaml"
    template = next(d for d in yaml.safe_load_all(file.read_text()) if d["kind"] == "Deployment")["spec"]["template"]

    answer = inject(template, namespace="istio-system", namespace_labels={}, config=InjectConfig(xds_dir="/xds"))

    assert answer.patch is not None
    assert answer.findings == ()
    container = applied(template, answer.patch)["spec"]["containers"][0]
    assert parser().parse_args(container["args"]).role == "router"


def test_every_annotation_with_an_effect_is_documented():
    page = (ROOT / "docs/reference/annotations.md").read_text()

    missing = [
        name for name in (*CHECKS, *EFFECTIVE) if name.rpartition("/")[2].replace("statsInclusion", "") not in page
    ]

    assert missing == []
