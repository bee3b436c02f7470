"""Settings of the mesh: Istio's defaults, and a finding for what is wrong or idle."""

import pytest

from meltemi.core.check.mesh import read_mesh_config, validate_settings
from meltemi.core.check.validate import check_document
from meltemi.core.model.mesh import MeshConfig, OutboundMode
from meltemi.core.model.tree import Tree
from meltemi.core.parse.mesh import IDLE, KEPT, KEPT_OF_HEADERS, KEPT_OF_PROXIES

LISTS = ("serviceSettings", "certificates", "configSources")
PORTS = {"proxyAdminPort": "15009"}


def codes(text: str) -> list[str]:
    return [f"{f.code} {f.path}" for f in read_mesh_config("mesh.yaml", text.encode())[1]]


def test_nothing_written_is_all_defaults():
    assert read_mesh_config("mesh.yaml", b"") == (MeshConfig(), ())


def test_settings_with_effect_are_typed():
    config, findings = read_mesh_config("m", b"outboundTrafficPolicy: {mode: REGISTRY_ONLY}\nconnectTimeout: 2s\n")
    assert (config.outbound_traffic_policy.mode, config.connect_timeout) == (OutboundMode.REGISTRY_ONLY, 2)
    assert not findings


def test_other_settings_are_kept_and_named():
    config, findings = read_mesh_config("m", b"verifyCertificateAtClient: true\n")
    assert config.rest == (("verifyCertificateAtClient", b"true"),)
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


@pytest.mark.parametrize("name", sorted(KEPT | IDLE))
def test_a_setting_without_effect_is_told(name: str):
    value = "3" if name == "proxyHttpPort" else "[]" if name in LISTS else "{}"
    value = "x" if name in ("ingressService", "ingressSelector") else "true" if name == "enableTracing" else value
    assert codes(f"{name}: {value}") == [f"M2502 {name}"]


@pytest.mark.parametrize("name", sorted(KEPT_OF_PROXIES - {"privateKeyProvider"}))
def test_a_setting_of_proxies_without_effect_is_told(name: str):
    assert codes(f"defaultConfig: {{{name}: {PORTS.get(name, '{}')}}}") == [f"M2502 defaultConfig.{name}"]


@pytest.mark.parametrize("name", sorted(KEPT_OF_HEADERS))
def test_a_header_without_effect_is_told(name: str):
    text = f"defaultConfig: {{proxyHeaders: {{{name}: {{}}}}}}"
    assert codes(text) == [f"M2502 defaultConfig.proxyHeaders.{name}"]


@pytest.mark.parametrize("text", ["a: 1", "defaultConfig: {a: 1}", "defaultConfig: {proxyHeaders: {a: 1}}"])
def test_what_nobody_knows_is_an_error(text: str):
    assert [code.split()[0] for code in codes(text)] == ["M1101"]
