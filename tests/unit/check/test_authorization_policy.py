"""AuthorizationPolicies and RequestAuthentications: what the judge's cases do not ask."""

import pytest

from meltemi.core.model.tree import Tree
from unit.check import support

API = "security.istio.io/v1"


def faults(spec: Tree, kind: str = "AuthorizationPolicy", dry_run: str | None = None) -> list[str]:
    annotations: dict[str, Tree] | None = {"istio.io/dry-run": dry_run} if dry_run else None
    return support.faults(kind, spec, api=API, annotations=annotations)


def source(**fields: list[Tree]) -> Tree:
    return {"rules": [{"from": [{"source": dict[str, Tree](fields)}]}]}


def operation(**fields: list[Tree]) -> Tree:
    return {"rules": [{"to": [{"operation": dict[str, Tree](fields)}]}]}


def condition(key: str, *values: str) -> Tree:
    return {"rules": [{"when": [{"key": key, "values": list[Tree](values)}]}]}


REFUSED: list[tuple[Tree, str]] = [
    ({"action": "CUSTOM", "rules": [{}]}, "M2013 spec"),
    ({"action": "CUSTOM", "provider": {"name": "p"}}, "M2903 spec"),
    ({"rules": [{"from": []}]}, "M2905 spec.rules[0].from"),
    ({"rules": [{"to": []}]}, "M2905 spec.rules[0].to"),
    (source(), "M2905 spec.rules[0].from[0].source"),
    (source(serviceAccounts=["a/b/c"]), "M2906 spec.rules[0].from[0].source.serviceAccounts[0]"),
    (source(serviceAccounts=["a/*"]), "M2906 spec.rules[0].from[0].source.serviceAccounts[0]"),
    (source(notServiceAccounts=["a/b"], notPrincipals=["x"]), "M2906 spec.rules[0].from[0].source"),
    (source(serviceAccounts=["a"] * 17), "M2906 spec.rules[0].from[0].source.serviceAccounts"),
    (operation(ports=["0"]), "M2003 spec.rules[0].to[0].operation.ports[0]"),
    (operation(ports=["99999999999999"]), "M2003 spec.rules[0].to[0].operation.ports[0]"),
    (operation(paths=["/a/{x}"]), "M2910 spec.rules[0].to[0].operation.paths[0]"),
    (operation(paths=["/{**}/a/{*}"]), "M2910 spec.rules[0].to[0].operation.paths[0]"),
    (operation(notPaths=["/{*}/a*"]), "M2910 spec.rules[0].to[0].operation.notPaths[0]"),
    (operation(paths=["{*}"]), "M2910 spec.rules[0].to[0].operation.paths[0]"),
    (operation(notPaths=["a/{*}"]), "M2910 spec.rules[0].to[0].operation.notPaths[0]"),
    (operation(paths=["//{**}"]), "M2910 spec.rules[0].to[0].operation.paths[0]"),
    (operation(paths=[f"/{'a' * 256}/{{*}}"]), "M2910 spec.rules[0].to[0].operation.paths[0]"),
    (source(principals=["a" * 4097]), "M2918 spec.rules[0].from[0].source.principals[0]"),
    (source(serviceAccounts=["a" * 4097]), "M2918 spec.rules[0].from[0].source.serviceAccounts[0]"),
    (condition("source.serviceAccount", "a" * 4097), "M2918 spec.rules[0].when[0].values[0]"),
    (condition("request.headers[a b]", "x"), "M2918 spec.rules[0].when[0].key"),
    (condition("request.headers[a\n]", "x"), "M2918 spec.rules[0].when[0].key"),
    (condition("request.headers[é]", "x"), "M2918 spec.rules[0].when[0].key"),
    (condition("request.headers[a"), "M2909 spec.rules[0].when[0].key"),
    (condition("request.headers[]", "a"), "M2909 spec.rules[0].when[0].key"),
    (condition("request.headers[a][b]", "a"), "M2909 spec.rules[0].when[0].key"),
    (condition("source.namespace"), "M2905 spec.rules[0].when[0]"),
    (condition("destination.port", "http"), "M2003 spec.rules[0].when[0].values[0]"),
    (condition("source.serviceAccount", "*"), "M2906 spec.rules[0].when[0].values[0]"),
]


@pytest.mark.parametrize(("spec", "found"), REFUSED)
def test_what_is_refused_is_named(spec: Tree, found: str) -> None:
    assert faults(spec) == [found]


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        (operation(paths=["/a", "admin"]), "to[0].operation.paths[1]"),
        (operation(notPaths=["adm*"]), "to[0].operation.notPaths[0]"),
        (operation(paths=["/a?b=c"]), "to[0].operation.paths[0]"),
        (operation(methods=["get"]), "to[0].operation.methods[0]"),
        (operation(hosts=["https://a"]), "to[0].operation.hosts[0]"),
        (source(principals=["spiffe://cluster.local/ns/a/sa/b"]), "from[0].source.principals[0]"),
        (source(ipBlocks=["10.0.0.0/8", "::ffff:10.0.0.0/104"]), "from[0].source.ipBlocks[1]"),
        (condition("remote.ip", "::ffff:10.0.0.1"), "when[0].values[0]"),
        (source(notNamespaces=["a/b"]), "from[0].source.notNamespaces[0]"),
        (condition("source.principal", "spiffe://*"), "when[0].values[0]"),
        (condition("source.namespace", "Shop"), "when[0].values[0]"),
    ],
)
def test_a_value_that_no_request_has_is_told(spec: Tree, place: str) -> None:
    assert support.warnings("AuthorizationPolicy", spec, api=API) == [f"M2920 spec.rules[0].{place}"]


def test_escapes_with_many_letters_are_told() -> None:
    spec = operation(paths=["/%C3%A9/%E2%82%AC", "/%c3%a9/%e2%82%ac%c3%a9", "/%2F%20%40"])
    assert support.warnings("AuthorizationPolicy", spec, api=API) == ["M2921 spec.rules[0].to[0].operation.paths[1]"]


@pytest.mark.parametrize(
    "spec",
    [
        operation(paths=["/a", "*/b", "*", "/{*}/a"], methods=["GET", "PURGE", "purge", "*T"], hosts=["A.b:80", "*.b"]),
        source(
            principals=["cluster.local/ns/a/sa/b", "*/sa/b", "*"],
            namespaces=["a-1", "a*", "*b", "*"],
            ipBlocks=["::1", "::/0"],
        ),
        source(requestPrincipals=["https://a/b/c", "*"]),
    ],
)
def test_a_value_that_some_request_has_is_not(spec: Tree) -> None:
    assert support.warnings("AuthorizationPolicy", spec, api=API) == []


TAKEN: list[Tree] = [
    {},
    {"rules": [{}]},
    operation(paths=["/{*}/a/{**}", "/x*", "*/y", "*"]),
    condition("request.auth.claims[a][b]", "c"),
    condition("experimental.envoy.filters.network.mysql_proxy[db.table]", "c"),
]


@pytest.mark.parametrize("spec", TAKEN)
def test_what_istio_takes_is_taken(spec: Tree) -> None:
    assert not faults(spec)


def test_a_dry_run_is_true_or_false() -> None:
    assert [one[:5] for one in faults({}, dry_run="perhaps")] == ["M2904"]
    assert not faults({}, dry_run="true")


def token(**fields: Tree) -> Tree:
    return {"jwtRules": [{"issuer": "a", **fields}]}


KEY: Tree = '{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}'


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"jwtRules": [{"jwks": KEY}]}, "M2013 spec.jwtRules[0]"),
        (token(jwks=KEY, jwksUri="https://a"), "M2911 spec.jwtRules[0].jwks"),
        (token(jwksUri="https://u:p@a/"), "M2911 spec.jwtRules[0].jwksUri"),
        (token(jwksUri="https://[a"), "M2911 spec.jwtRules[0].jwksUri"),
        (token(jwksUri="file:///a"), "M2911 spec.jwtRules[0].jwksUri"),
        (token(jwks='{"keys": [{"kty": "RSA", "e": "AQAB"}]}'), "M2912 spec.jwtRules[0].jwks"),
        (token(jwks="[" * 100000), "M2912 spec.jwtRules[0].jwks"),
        (token(outputPayloadToHeader="a b"), "M2106 spec.jwtRules[0].outputPayloadToHeader"),
        (token(timeout="0s"), "M2004 spec.jwtRules[0].timeout"),
        (token(presence="SOMETIMES"), "M1104 spec.jwtRules[0].presence"),
    ],
)
def test_tokens(spec: Tree, found: str) -> None:
    assert faults(spec, "RequestAuthentication") == [found]


def test_each_header_has_one_meaning():
    """Names of headers have no letter case."""
    told: list[Tree] = [{"claim": "sub", "header": "x-user"}, {"claim": "email", "header": "x-mail"}]
    sound = token(outputClaimToHeaders=told, outputPayloadToHeader="x-token")
    assert support.warnings("RequestAuthentication", sound, api=API) == []
    twice = token(outputClaimToHeaders=[*told, {"claim": "name", "header": "X-User"}], outputPayloadToHeader="X-Mail")
    assert support.warnings("RequestAuthentication", twice, api=API) == [
        "M2922 spec.jwtRules[0].outputClaimToHeaders[2].header",
        "M2922 spec.jwtRules[0].outputPayloadToHeader",
    ]
