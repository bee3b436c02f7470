"""The rules of Gateways, one row a rule."""

import pytest

from meltemi.core.model.tree import Tree
from unit.check.support import faults, warnings

HTTP: Tree = {"number": 80, "protocol": "HTTP", "name": "http"}
HTTPS: Tree = {"number": 443, "protocol": "HTTPS", "name": "https"}


def server(port: Tree = HTTP, hosts: tuple[str, ...] = ("*",), **settings: Tree) -> Tree:
    return {"servers": [{"port": port, "hosts": list(hosts), **settings}]}


S = "spec.servers[0]"

# fmt: off
FAULTS: dict[str, tuple[Tree, list[str]]] = {
    "sound": (server(), []),
    "no servers": ({}, ["M2301 spec"]),
    "port name twice": ({"servers": [{"port": HTTP, "hosts": ["*"]}, {"port": HTTP, "hosts": ["*"]}]},
                        ["M2302 spec.servers[1].port.name"]),
    "short name": (server(hosts=("a",)), [f"M2303 {S}.hosts[0]"]),
    "part of a label": (server(hosts=("*a.com",)), [f"M2303 {S}.hosts[0]"]),
    "namespace": (server(hosts=("~/a.com",)), [f"M2303 {S}.hosts[0]"]),
    "own namespace": (server(hosts=("./a.com", "*/b.com", "ns/*")), []),
    "HTTPS without TLS": (server(HTTPS), [f"M2013 {S}"]),
    "TLS on HTTP": (server(tls={"mode": "SIMPLE", "credentialName": "c"}), [f"M2305 {S}.tls"]),
    "redirect on HTTP": (server(tls={"httpsRedirect": True}), []),
    "no certificate": (server(HTTPS, tls={"mode": "SIMPLE"}), [f"M2013 {S}.tls", f"M2013 {S}.tls"]),
    "mesh certificates": (server(HTTPS, tls={"mode": "ISTIO_MUTUAL", "credentialName": "c"}),
                          [f"M2306 {S}.tls.credentialName"]),
    "two sources": (server(HTTPS, tls={"mode": "SIMPLE", "credentialName": "c", "serverCertificate": "/c"}),
                    [f"M2308 {S}.tls"]),
    "socket with a port": (server(bind="unix:///a"), [f"M2309 {S}.bind"]),
    "bind": (server(bind="here"), [f"M2008 {S}.bind"]),
    "protocol": (server({"number": 80, "protocol": "SPDY", "name": "x"}), [f"M2011 {S}.port.protocol"]),
    "no port": ({"servers": [{"hosts": ["*"]}]}, [f"M2013 {S}"]),
    "no hosts": ({"servers": [{"port": HTTP}]}, [f"M2013 {S}"]),
    "target port": (server({"number": 80, "protocol": "HTTP", "name": "x", "targetPort": 1}),
                    [f"M2310 {S}.port.targetPort"]),
}
# fmt: on


@pytest.mark.parametrize(("spec", "want"), FAULTS.values(), ids=FAULTS)
def test_faults(spec: Tree, want: list[str]):
    assert faults("Gateway", spec) == want


def test_unknown_ciphers_are_said():
    tls: Tree = {"mode": "SIMPLE", "credentialName": "c", "cipherSuites": ["X", "AES128-SHA", "AES128-SHA"]}
    assert warnings("Gateway", server(HTTPS, tls=tls)) == [
        f"M2307 {S}.tls.cipherSuites[0]",
        f"M2307 {S}.tls.cipherSuites[2]",
    ]


def test_a_name_with_dots_is_for_translators_only():
    assert faults("Gateway", server(), name="a.b") == ["M1205 metadata.name"]
    assert faults("Gateway", server(), name="a.b", annotations={"internal.istio.io/gateway-semantics": "gateway"}) == []
