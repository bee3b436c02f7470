"""Servers of mode AUTO_PASSTHROUGH: what they lead to, and to which endpoints."""

from meltemi.core.compose.gateways import bound_servers
from meltemi.core.model.document import LOCAL_CLUSTER
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.auto_passthrough import passing_slots
from meltemi.core.view.auto_passthrough import passing_cluster, passing_endpoints
from meltemi.core.view.endpoints import NOWHERE
from meltemi.core.view.gateway import gateway_listener, place_of
from meltemi.core.view.traffic_policy import Aim
from meshes import mesh_of, service

LABELS = (("istio", "east"),)
WEB = "web.default.svc.cluster.local"
GATEWAY = """---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: across, namespace: default}
spec:
  selector: {istio: east}
  servers:
  - port: {number: 15443, name: tls, protocol: TLS}
    tls: {mode: AUTO_PASSTHROUGH}
    hosts: [HOSTS]
"""
OUTSIDE = """---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: default}
spec: {hosts: [outside.local], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: mixed, namespace: default}
spec:
  hosts: [mixed.local]
  ports: [{number: 80, name: http, protocol: HTTP}]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [{address: 192.0.2.1, serviceAccount: a}, {address: 192.0.2.2}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}], trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
"""
SCOPE = Scope(role=Role.ROUTER, namespace="default", labels=LABELS, cluster=LOCAL_CLUSTER)


def names(hosts: str) -> list[str]:
    e = mesh_of(GATEWAY.replace("HOSTS", hosts) + OUTSIDE + service("web", "http:80", address="198.19.0.1"))
    listener = e.get(gateway_listener, place_of(SCOPE), "0.0.0.0", 15443)
    slots = e.get(passing_slots, SCOPE)
    clusters = [slot.name for slot in slots if slot.type is ResourceType.CLUSTER]
    assert e.get(bound_servers, LABELS, ())
    assert [c.match.server_names for c in (listener.chains if listener else ())] == [(name,) for name in clusters]
    return clusters


def test_it_leads_to_the_meshs_services_among_its_hosts():
    assert names("'*.local'") == [
        "outbound_.80_._.mixed.local",
        f"outbound_.80_._.{WEB}",
        f"outbound_.80_.v1_.{WEB}",
    ]
    assert names(WEB) == [f"outbound_.80_._.{WEB}", f"outbound_.80_.v1_.{WEB}"]
    assert names("other/*.local") == []


def test_bytes_go_on_as_they_are_and_to_those_only_that_can_read_them():
    e = mesh_of(OUTSIDE)
    aim = Aim(host="mixed.local", port=80)
    cluster = e.get(passing_cluster, aim)

    assert cluster is not None
    assert (cluster.name, cluster.tls, cluster.mutual) == ("outbound_.80_._.mixed.local", None, None)
    assert [x.address for g in e.get(passing_endpoints, aim, NOWHERE) for x in g.endpoints] == ["192.0.2.1"]
