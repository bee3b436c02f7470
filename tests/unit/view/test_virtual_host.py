"""view/virtual_host: names, and whose rules are asked."""

from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Sight
from meltemi.core.view.route import Client
from meltemi.core.view.table_names import domains_of, host_domains
from meltemi.core.view.virtual_host import NamedHost, VirtualHost, free_hosts, outbound_host
from meshes import mesh_of, service, virtual_service

HERE = Sight(namespace="default")
REVIEWS = "reviews.default.svc.cluster.local"
SERVICES = service("reviews", "http:80", address="198.19.0.1") + service("ratings", "http:80", address="198.19.0.2")
TO_RATINGS = "http: [{route: [{destination: {host: ratings.default.svc.cluster.local}}]}]"


def host(mesh: Engine, name: str = REVIEWS, namespace: str = "default", **labels: str) -> VirtualHost:
    client = Client(sight=Sight(namespace=namespace), labels=tuple(labels.items()), port=80)
    named = NamedHost(table="80", host=name, domains=host_domains(mesh, "80", name, client))
    found = mesh.get(outbound_host, named, client)
    assert found is not None
    return found


def clusters(found: VirtualHost) -> list[str]:
    return [t.host.partition(".")[0] for r in found.routes for t in r.targets]


def test_short_names_lead_to_a_service_of_the_own_namespace() -> None:
    mesh = mesh_of(SERVICES)

    assert "reviews" in mesh.get(domains_of, HERE, 80, REVIEWS)
    assert "reviews" not in mesh.get(domains_of, Sight(namespace="other"), 80, REVIEWS)
    assert "reviews.default" in mesh.get(domains_of, Sight(namespace="other"), 80, REVIEWS)


def test_external_names_lead_to_their_service() -> None:
    alias = (
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: old, namespace: default}\n"
        f"spec: {{type: ExternalName, externalName: {REVIEWS}}}\n"
    )

    assert "old" in mesh_of(SERVICES + alias).get(domains_of, HERE, 80, REVIEWS)


def test_a_name_leads_to_one_service() -> None:
    same = "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: x, namespace: default}\n"
    spec = (
        "spec: {hosts: [x.example.com], addresses: [198.19.0.1], ports: [{number: 80, name: http}], resolution: NONE}\n"
    )
    mesh = mesh_of(SERVICES + same + spec)

    owners = [h for h in (REVIEWS, "x.example.com") if "198.19.0.1" in mesh.get(domains_of, HERE, 80, h)]

    assert len(owners) == 1


def test_the_oldest_rules_win() -> None:
    newer = virtual_service("a", f"{{hosts: [reviews], {TO_RATINGS}}}", created="2021-01-01T00:00:00Z")
    older = virtual_service(
        "b", "{hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}", created="2020-01-01T00:00:00Z"
    )

    assert clusters(host(mesh_of(SERVICES + newer + older))) == ["reviews"]


def test_the_closest_name_wins_over_age() -> None:
    wide = virtual_service("a", "{hosts: ['*.local'], http: [{route: [{destination: {host: reviews}}]}]}")
    close = virtual_service("b", f"{{hosts: [reviews], {TO_RATINGS}}}")

    assert clusters(host(mesh_of(SERVICES + wide + close))) == ["ratings"]


def test_rules_that_are_not_exported_are_not_asked() -> None:
    hidden = virtual_service("a", f"{{hosts: [{REVIEWS}], exportTo: ['.'], {TO_RATINGS}}}", namespace="other")
    mesh = mesh_of(SERVICES + hidden)

    assert clusters(host(mesh)) == ["reviews"]
    assert clusters(host(mesh, namespace="other")) == ["ratings"]


def test_rules_for_other_clients_are_left_out() -> None:
    rules = (
        "{hosts: [reviews], http: [{match: [{sourceLabels: {v: '1'}}], route: [{destination: {host: ratings}}]},"
        " {route: [{destination: {host: reviews}}]}]}"
    )
    mesh = mesh_of(SERVICES + virtual_service("a", rules))

    assert clusters(host(mesh)) == ["reviews"]
    assert clusters(host(mesh, v="1")) == ["ratings"]


def test_rules_that_all_speak_of_others_leave_the_service_as_it_is() -> None:
    rules = "{hosts: [reviews], http: [{match: [{port: 81}], route: [{destination: {host: ratings}}]}]}"

    assert clusters(host(mesh_of(SERVICES + virtual_service("a", rules)))) == ["reviews"]


def test_hosts_without_a_service_are_served_on_port_80() -> None:
    mesh = mesh_of(SERVICES + virtual_service("a", f"{{hosts: [shop.example.com, '*.cluster.local'], {TO_RATINGS}}}"))

    assert mesh.get(free_hosts, HERE, 80) == ("shop.example.com",)
    assert mesh.get(free_hosts, HERE, 81) == ()
    assert clusters(host(mesh, "shop.example.com")) == ["ratings"]


def test_only_clusters_that_exist_are_waited_for() -> None:
    rules = (
        "{hosts: [reviews], http: [{route: [{destination: {host: nobody}, weight: 1},"
        " {destination: {host: reviews, subset: v1}, weight: 1}, {destination: {host: ratings}, weight: 1}]}]}"
    )

    found = host(mesh_of(SERVICES + virtual_service("a", rules)))

    assert found.needs == frozenset({"outbound|80||ratings.default.svc.cluster.local"})


def test_a_host_holds_its_clusters_as_long_as_its_longest_request() -> None:
    rules = (
        "{hosts: [reviews], http: [{timeout: 5s, fault: {delay: {fixedDelay: 2s, percentage: {value: 1}}},"
        " route: [{destination: {host: ratings}}]}]}"
    )

    assert host(mesh_of(SERVICES + virtual_service("a", rules))).hold == 7
