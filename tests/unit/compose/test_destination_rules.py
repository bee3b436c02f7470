"""compose/destination_rules: which rules speak for a host, to whom."""

from meltemi.core.compose.destination_rules import rules_for, subsets_of
from meshes import mesh_of, service

HOST = "web.default.svc.cluster.local"
WEB = service("web", "http:80", address="198.19.0.1")


def rule(name: str, namespace: str, spec: str, created: str = "") -> str:
    stamp = f", creationTimestamp: '{created}'" if created else ""
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: {name}, namespace: {namespace}{stamp}}}\nspec: {spec}\n"
    )


def names(text: str, namespace: str, **labels: str) -> list[str]:
    return [key.name for key in mesh_of(WEB + text).get(rules_for, HOST, namespace, tuple(labels.items()))]


OF_SERVICE = rule("of-service", "default", "{host: web}")
OF_CLIENT = rule("of-client", "shop", f"{{host: {HOST}}}")
OF_ROOT = rule("of-root", "istio-system", "{host: '*.local'}")


def test_the_clients_namespace_comes_first_then_the_services_then_the_root() -> None:
    assert names(OF_SERVICE + OF_CLIENT + OF_ROOT, "shop") == ["of-client"]
    assert names(OF_SERVICE + OF_ROOT, "shop") == ["of-service"]
    assert names(OF_ROOT, "shop") == ["of-root"]


def test_a_rule_that_is_not_exported_is_not_seen() -> None:
    assert names(rule("private", "default", "{host: web, exportTo: ['.']}") + OF_ROOT, "shop") == ["of-root"]


def test_the_closest_host_wins() -> None:
    assert names(rule("wide", "default", "{host: '*.default.svc.cluster.local'}") + OF_SERVICE, "shop") == [
        "of-service"
    ]


def test_rules_for_one_host_are_merged_the_oldest_first() -> None:
    young = rule("a", "default", "{host: web, subsets: [{name: v2}, {name: v1}]}", "2026-02-01T00:00:00Z")
    old = rule("b", "default", "{host: web, subsets: [{name: v1}]}", "2026-01-01T00:00:00Z")

    assert names(young + old, "shop") == ["b", "a"]
    assert mesh_of(WEB + young + old).get(subsets_of, HOST, "shop") == ("v1", "v2")


def test_a_rule_that_selects_the_client_comes_before_rules_for_all() -> None:
    mine = rule("mine", "default", "{host: web, workloadSelector: {matchLabels: {app: shop}}}")

    assert names(OF_SERVICE + mine, "default", app="shop") == ["mine"]
    assert names(OF_SERVICE + mine, "default", app="other") == ["of-service"]
