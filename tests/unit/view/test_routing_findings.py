"""view/routing_findings: what leads nowhere, and what another document takes away, is said where it is written."""

import pytest

from meltemi.core.view.routing_findings import routing_findings
from meshes import mesh_of, service, virtual_service

SERVICES = service("a", "http:80", address="198.19.0.1") + service("b", "http:80", address="198.19.0.2")


def rule(http: str, hosts: str = "a", name: str = "r", created: str = "", more: str = "") -> str:
    return virtual_service(name, f"{{hosts: [{hosts}], {more}http: [{{{http}}}]}}", created=created)


def to(destination: str) -> str:
    return f"route: [{{destination: {{{destination}}}}}]"


def gateway(name: str, protocol: str, created: str) -> str:
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: Gateway\n"
        f"metadata: {{name: {name}, namespace: default, creationTimestamp: '{created}'}}\n"
        "spec:\n  selector: {istio: in}\n"
        f"  servers: [{{port: {{number: 80, name: p, protocol: {protocol}}}, hosts: ['*']}}]\n"
    )


# fmt: off
CASES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "all is well":          (rule(to("host: b")), []),
    "no such host":         (rule(to("host: x")), [("M3101", "spec.http[0].route[0].destination.host")]),
    "no such subset":       (rule(to("host: b, subset: v1")), [("M3102", "spec.http[0].route[0].destination.subset")]),
    "no such port":         (rule(to("host: b, port: {number: 81}")),
                             [("M3103", "spec.http[0].route[0].destination.port.number")]),
    "a mirror's host":      (rule(to("host: b") + ", mirror: {host: x}"), [("M3101", "spec.http[0].mirror.host")]),
    "no such gateway":      (rule(to("host: b"), more="gateways: [g], "), [("M3104", "spec.gateways[0]")]),
    "no such delegate":     (rule("delegate: {name: x}"), [("M3105", "spec.http[0].delegate")]),
    "an older document":    (rule(to("host: b"), created="2020-01-01T00:00:00Z") + rule(to("host: b"), name="s"),
                             [("M3106", "spec.hosts[0]")]),
    "a taken port":         (gateway("g", "TCP", "2021-01-01T00:00:00Z") + gateway("h", "HTTP", "2020-01-01T00:00:00Z"),
                             [("M3107", "spec.servers[0].port")]),
    "an undeclared port":   (service("c", "c:80", address="198.19.0.3"), [("M3109", "spec.ports[0]")]),
    "a taken address":      (service("c", "tcp:80", address="198.19.0.3")
                             + service("d", "tcp:80", address="198.19.0.3"),
                             [("M3108", "spec.ports[0]")]),
    "no such service":      (virtual_service("r", "{hosts: [x], tcp: [{route: [{destination: {host: a}}]}]}"),
                             [("M3113", "spec.hosts[0]")]),
    "a taken name":         (service("c", "http:80", address="198.19.0.2"), [("M3111", "spec")]),
}
# fmt: on


@pytest.mark.parametrize(("text", "said"), CASES.values(), ids=CASES)
def test_findings(text: str, said: list[tuple[str, str]]) -> None:
    found = mesh_of(SERVICES + text).get(routing_findings)

    assert [(f.code, f.path) for f in found] == said
