"""Settings of the mesh: Istio's defaults, and a finding for what is wrong or idle."""

import pytest

from meltemi.core.check.mesh import read_mesh_config, validate_settings
from meltemi.core.check.validate import check_document
from meltemi.core.model.mesh import MeshConfig, OutboundMode
from meltemi.core.model.tree import Tree


def codes(text: str) -> list[str]:
    return [f"{f.code} {f.path}" for f in read_mesh_config("mesh.yaml", text.encode())[1]]


def test_nothing_written_is_all_defaults():
    assert read_mesh_config("mesh.yaml", b"") == (MeshConfig(), ())


def test_settings_with_effect_are_typed():
    config, findings = read_mesh_config("m", b"outboundTrafficPolicy: {mode: REGISTRY_ONLY}\nconnectTimeout: 2s\n")
    assert (config.outbound_traffic_policy.mode, config.connect_timeout) == (OutboundMode.REGISTRY_ONLY, 2)
    assert not findings


def test_other_settings_are_kept_and_named():
    config, findings = read_mesh_config("m", b"enablePrometheusMerge: true\n")
    assert config.rest == (("enablePrometheusMerge", b"true"),)
    assert [(f.code, f.span.line) for f in findings] == [("M2502", 1)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("trustDoman: a", "M1101 trustDoman"),
        ("trustDomain: a/b", "M2501 trustDomain"),
        ("proxyListenPort: 70000", "M2003 proxyListenPort"),
        ("connectTimeout: 2h", "M2501 connectTimeout"),
        ("connectTimeout: 0s", "M2004 connectTimeout"),
        ("rest: []", "M1101 rest"),
        ("- a", "M1103 "),
    ],
)
def test_faults(text: str, code: str):
    assert code in codes(text)


def test_providers_name_a_service_and_a_port():
    text = b"extensionProviders: [{name: z, zipkin: {service: 'a:1'}}]"
    assert [f.code for f in validate_settings("m", text, kind="ExtensionProvider")] == ["M2001", "M2003"]


def test_networks_have_gateways_with_ports():
    text = b"networks: {net: {gateways: [{address: 1.1.1.1}]}}"
    assert [f.path for f in validate_settings("m", text, kind="MeshNetworks")] == ["networks.net.gateways[0].port"]


@pytest.mark.parametrize(
    ("namespace", "name", "expected"),
    [
        ("istio-system", "istio", ["error M1104 data.mesh"]),
        ("istio-system", "other", []),
        ("default", "istio", []),
    ],
)
def test_the_settings_in_the_config_map_of_the_mesh_are_checked(namespace: str, name: str, expected: list[str]):
    text = "outboundTrafficPolicy:\n  mode: REGISTRY\n"
    tree: Tree = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"mesh": text},
    }
    findings = check_document(tree)[1]
    assert [f"{one.severity} {one.code} {one.path}" for one in findings] == expected
    assert all("line 2 (outboundTrafficPolicy.mode)" in one.message for one in findings)
