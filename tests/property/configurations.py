"""Random configuration from the model's own classes: every field may be written, with values of its kind.

Place:  tests/property · read by test_random_configurations, bench

What the rules of `check` refuse is thrown away and tried again, so that what remains is what a user could apply.
"""

import random
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import yaml

from meltemi.core.check.validate import check_document
from meltemi.core.model.finding import Severity
from meltemi.core.model.kinds import NETWORKING, SECURITY, kind_of
from meltemi.core.model.units import Percent, PortNumber, Seconds
from meltemi.core.model.value import Value
from meltemi.core.parse.decode import fields_of, json_name
from meshes import service

Tree = dict[str, Any]
Rng = random.Random
Maker = Callable[[Rng], Any]

LABEL = {"app": "a"}
SERVICES = (
    service("a", "http:80", "tcp:90", "grpc:7070", address="198.19.0.1")
    + service("b", "http:80", "tls:443", "auto:8081", address="198.19.0.2")
    + service("c", "http:80", "tcp:90")
)
"""What documents speak of; the last is headless."""
HOSTS = ("a", "b", "c", "a.default.svc.cluster.local", "b.default.svc.cluster.local", "x.example.com", "*.example.com")
KINDS = ("VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "PeerAuthentication")
TRIES = 400
DEEP = 9


def one(*values: Any) -> Maker:
    return lambda rng: rng.choice(values)


def some(make: Maker, most: int = 3, least: int = 1) -> Maker:
    return lambda rng: [make(rng) for _ in range(rng.randint(least, most))]


def number(least: int, most: int) -> Maker:
    return lambda rng: rng.choice((least, most, rng.randint(least, most)))


HOST, PORT = one(*HOSTS), one(80, 90, 443, 7070, 8081)
NAMED: dict[str, Maker] = {
    "host": HOST,
    "subset": one("", "v1", "v2"),
    "number": PORT,
    "port": PORT,
    "exact": one("/", "/a", "x", "GET", "a.example.com"),
    "prefix": one("/", "/a", "x", "G"),
    "regex": one("/.*", "[a-z]+", "GET|PUT", "x?"),
    "retryOn": one("5xx", "gateway-error,reset", "503", "connect-failure,refused-stream,unavailable"),
    "gateways": some(one("mesh", "g", "default/g"), 2),
    "sourceLabels": one({}, LABEL),
    "labels": one(LABEL, {"version": "v1"}),
    "matchLabels": one(LABEL, {"version": "v1"}),
    "selector": one({"istio": "in"}),
    "sourceNamespace": one("default", "other"),
    "exportTo": some(one("*", ".", "other"), 1),
    "sniHosts": some(one("b", "b.default.svc.cluster.local", "x.example.com", "*.example.com"), 2),
    "destinationSubnets": some(one("10.0.0.0/8", "198.19.0.1", "192.0.2.1/32"), 2),
    "sourceSubnet": one("10.0.0.0/8"),
    "protocol": one("HTTP", "HTTPS", "GRPC", "HTTP2", "TCP", "TLS", "MONGO"),
    "bind": one("127.0.0.1", "10.1.2.3"),
    "defaultEndpoint": one("127.0.0.1:8080", "unix:///tmp/s", "0.0.0.0:9090"),
    "credentialName": one("shop"),
    "addresses": some(one("192.0.2.7", "198.51.100.0/24"), 2),
    "address": one("192.0.2.9", "192.0.2.10"),
    "locality": one("r1/z1", "r2/z1/s"),
    "weight": number(1, 100),
    "grpcStatus": one("UNAVAILABLE", "RESOURCE_EXHAUSTED"),
    "httpStatus": number(200, 599),
    "status": number(200, 599),
    "redirectCode": one(301, 302, 303, 307, 308),
    "scheme": one("http", "https"),
    "uri": one("/", "/new"),
    "authority": one("other.example.com"),
    "prefixRewrite": one("/new"),
    "httpHeaderName": one("x-user"),
    "httpQueryParameterName": one("user"),
    "allowOrigin": some(one("*", "https://a.com")),
    "allowMethods": some(one("GET", "PUT", "DELETE")),
    "from": one("r1", "r1/z1/*"),
    "to": one("r2"),
    "tableSize": one(101, 65537),
    "minimumRingSize": one(1, 1024),
    "cipherSuites": some(one("ECDHE-ECDSA-AES256-GCM-SHA384"), 1),
    "subjectAltNames": some(one("a.example.com", "spiffe://cluster.local/ns/a/sa/b"), 2),
    "sni": one("a.example.com"),
    "bytes": one("aGVsbG8="),
    "name": lambda rng: f"n{rng.randrange(10**6)}",
    "statPrefix": one("counted"),
}
"""JSON name → what is written there, where the type says too little."""
OF_CLASS: dict[tuple[str, str], Maker] = {
    ("VirtualService", "hosts"): some(HOST, 2),
    ("Server", "hosts"): some(one("*", "x.example.com", "*.example.com", "default/x.example.com"), 2),
    ("ServiceEntry", "hosts"): some(one("x.example.com", "y.example.com", "*.example.com"), 2),
    ("IstioEgressListener", "hosts"): some(one("*/*", "./*", "default/a.default.svc.cluster.local", "~/*"), 2),
    ("DestinationRule", "host"): HOST,
    ("Subset", "name"): one("v1", "v2"),
    ("HTTPMatchRequest", "port"): PORT,
    ("HTTPMatchRequest", "uri"): lambda rng: {rng.choice(("exact", "prefix", "regex")): "/a"},
    ("HTTPMatchRequest", "scheme"): lambda rng: {"exact": rng.choice(("http", "https"))},
    ("HTTPMatchRequest", "authority"): lambda rng: {"exact": rng.choice(("a", "x.example.com"))},
    ("HTTPRedirect", "port"): PORT,
    ("RegexRewrite", "match"): one("^/a/(.*)$", "x+"),
    ("RegexRewrite", "rewrite"): one(r"/b/\1", "y"),
    ("DestinationRule", "workloadSelector"): one({"matchLabels": LABEL}),
    ("WorkloadEntry", "ports"): one({}),
    ("PeerAuthentication", "portLevelMtls"): one({"80": {"mode": "STRICT"}, "9090": {"mode": "DISABLE"}}),
}
ALWAYS = {
    ("VirtualService", "hosts"), ("Server", "hosts"), ("Server", "port"), ("ServiceEntry", "hosts"),
    ("ServiceEntry", "ports"), ("IstioEgressListener", "hosts"), ("IstioIngressListener", "port"),
    ("DestinationRule", "host"), ("Destination", "host"), ("HTTPRouteDestination", "destination"),
    ("RouteDestination", "destination"), ("HTTPMirrorPolicy", "destination"), ("Subset", "name"), ("Subset", "labels"),
    ("ServicePort", "number"), ("ServicePort", "name"), ("ServicePort", "protocol"), ("SidecarPort", "number"),
    ("SidecarPort", "protocol"), ("SidecarPort", "name"), ("Port", "number"), ("Port", "name"), ("Port", "protocol"),
    ("Gateway", "selector"), ("Gateway", "servers"), ("TLSRoute", "match"), ("TLSRoute", "route"),
    ("TCPRoute", "route"),
    ("TLSMatchAttributes", "sniHosts"), ("WorkloadEntry", "address"), ("HTTPDirectResponse", "status"),
    ("PortSelector", "number"), ("ServerTLSSettings", "credentialName"), ("HTTPFaultAbort", "percentage"),
    ("HTTPFaultDelay", "percentage"), ("ServiceEntry", "resolution"), ("HTTPCookie", "ttl"), ("HTTPCookie", "name"),
    ("HTTPRoute", "route"), ("HTTPRoute", "redirect"), ("HTTPRoute", "directResponse"),
    ("RegexRewrite", "match"),
    ("RegexRewrite", "rewrite"), ("PortTrafficPolicy", "port"), ("HTTPRetry", "attempts"),
}  # fmt: skip
"""(class, JSON name) that nothing is sound without."""
EXCLUSIVE = {"HTTPRoute": (("route", "route", "route", "redirect", "directResponse"),)}
"""Fields of a class that exclude each other, without being a oneof; the likelier, the oftener it stands there."""
NEVER = {
    ("ServicePort", "targetPort"), ("Port", "targetPort"), ("HTTPRoute", "delegate"),
    ("ServiceEntry", "workloadSelector"),
    ("PortSelector", "name"), ("SidecarPort", "targetPort"), ("HTTPFaultAbort", "http2Error"),
    ("HTTPFaultDelay", "exponentialDelay"), ("ServerTLSSettings", "caCertificates"), ("ServerTLSSettings", "caCrl"),
    ("ServerTLSSettings", "serverCertificate"), ("ServerTLSSettings", "privateKey"),
    ("ServerTLSSettings", "tlsCertificates"), ("ServerTLSSettings", "verifyCertificateHash"),
    ("ServerTLSSettings", "verifyCertificateSpki"), ("ClientTLSSettings", "clientCertificate"),
    ("ClientTLSSettings", "privateKey"), ("ClientTLSSettings", "caCertificates"), ("ClientTLSSettings", "caCrl"),
}  # fmt: skip
"""Refused always, or files that are not there."""


def configuration(seed: int) -> str:
    """A mesh of a few documents as a stream of YAML, all of them sound."""
    rng = random.Random(seed)
    found = [SERVICES]
    for i in range(rng.randint(1, 5)):
        tree = document(rng, rng.choice(KINDS), f"d{i}")
        if tree is not None:
            found.append("---\n" + yaml.safe_dump(tree))
    return "".join(found)


def document(rng: Rng, kind: str, name: str) -> Tree | None:
    """One sound document; None where luck did not find one."""
    group = SECURITY if kind == "PeerAuthentication" else NETWORKING
    known = kind_of(group, kind)
    if known is None or known.content is None:
        raise ValueError(kind)
    meta = {"name": "g" if kind == "Gateway" else name, "namespace": "default"}
    for _ in range(TRIES):
        spec = message(rng, known.content, 0)
        tree: Tree = {"apiVersion": known.api_version, "kind": kind, "metadata": meta, "spec": spec}
        made, findings = check_document(tree)
        if made is not None and not any(f.severity is Severity.ERROR for f in findings):
            return tree
    return None


def message(rng: Rng, kind: type[Value], deep: int) -> Tree:
    """An object of a class: some of its fields."""
    written: Tree = {}
    shut = {name for group in kind.ONEOFS for name in _but_one(rng, kind, group)}
    for group in EXCLUSIVE.get(kind.__name__, ()):
        shut |= set(group) - {rng.choice(group)}
    likely = 0.3 if deep < 2 else 0.2  # the deeper, the fewer
    for name, (attribute, hint) in fields_of(kind).items():
        place = (kind.__name__, name)
        if json_name(kind, attribute) != name or name in shut or place in NEVER:
            continue
        if place in ALWAYS or (deep < DEEP and rng.random() < likely):
            written[name] = OF_CLASS[place](rng) if place in OF_CLASS else value(rng, name, hint, deep)
    return written


def _but_one(rng: Rng, kind: type[Value], group: tuple[str, ...]) -> set[str]:
    names = [json_name(kind, attribute) for attribute in group]
    return set(names) - {rng.choice(names)}


def value(rng: Rng, name: str, hint: Any, deep: int) -> Any:
    """A value of a field."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return value(rng, name, next(one for one in arguments if one is not type(None)), deep)
    if isinstance(hint, type) and issubclass(hint, Value):
        return message(rng, hint, deep + 1)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return rng.choice(list(hint)).value
    if hint in (bool, float):
        return rng.random() < 0.5 if hint is bool else round(rng.random() * 100, 2)
    if name in NAMED:
        return NAMED[name](rng)
    if typing.get_origin(hint) is tuple:
        return _several(rng, name, arguments[0], deep)
    return _scalar(rng, hint)


def _several(rng: Rng, name: str, item: Any, deep: int) -> Any:
    pair = typing.get_args(item)
    if typing.get_origin(item) is tuple and pair[0] is str:
        return {rng.choice(("x-a", "x-b", "80")): value(rng, "", pair[1], deep) for _ in range(rng.randint(1, 2))}
    return [value(rng, name.removesuffix("s"), item, deep) for _ in range(rng.randint(1, 2))]


def _scalar(rng: Rng, hint: Any) -> Any:
    if hint is Seconds:
        return rng.choice(("0.5s", "1s", "2m", "1h"))
    if hint is Percent:
        return rng.choice((0, 50, 0.1, 100))
    if hint is PortNumber:
        return rng.choice((80, 8080))
    return rng.choice((1, 2, 10, 100)) if hint is int else rng.choice(("x-a", "x-b", "v1"))
