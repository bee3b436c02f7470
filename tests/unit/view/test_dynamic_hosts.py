"""Hosts that callers name: what of it is settled before the call."""

from meltemi.core.model.proxy import Sight
from meltemi.core.view.cluster import Discovery, outbound_cluster
from meltemi.core.view.destination import Target, dialled, sees_dialled
from meltemi.core.view.route import Client
from meltemi.core.view.traffic_policy import Aim
from meltemi.core.view.virtual_host import NamedHost, outbound_host
from meshes import mesh_of, service

HOST = "*.example.com"
WILD = f"""---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: wild, namespace: default}}
spec:
  hosts: ["{HOST}"]
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 8080}}, {{number: 443, name: tls, protocol: TLS}}]
  resolution: DYNAMIC_DNS
"""
SIGHT = Sight(namespace="default")


def test_the_port_is_the_targets():
    e = mesh_of(WILD + service("web", "http:80", address="198.19.0.1"))

    assert [e.get(dialled, Target(host=HOST, port=port)) for port in (80, 443, 90)] == [8080, 443, 0]
    assert e.get(dialled, Target(host="web.default.svc.cluster.local", port=80)) == 0


def test_the_filter_is_there_only_where_such_a_host_is_seen():
    web = service("web", "http:80", address="198.19.0.1")

    assert mesh_of(WILD + web).get(sees_dialled, SIGHT)
    assert not mesh_of(web).get(sees_dialled, SIGHT)
    assert not mesh_of(WILD + '  exportTo: ["."]\n').get(sees_dialled, Sight(namespace="other"))


def test_a_request_may_name_the_services_own_port_only():
    named = NamedHost(table="80", host=HOST, domains=(HOST,))
    host = mesh_of(WILD).get(outbound_host, named, Client(sight=SIGHT, port=80))

    assert host is not None
    (route,) = host.routes
    assert [(h.name, h.text.value) for h in route.match.headers] == [(":authority", "[^:]*(:80)?")]
    assert [split.dialled for split in route.splits] == [8080]


def test_its_cluster_has_no_endpoints_whatever_the_rule_says():
    rule = (
        "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: wild, namespace: default}\n"
        f"spec: {{host: '{HOST}', trafficPolicy: {{loadBalancer: {{simple: PASSTHROUGH}}}}}}\n"
    )
    cluster = mesh_of(WILD + rule).get(outbound_cluster, Aim(host=HOST, port=80), False)

    assert cluster is not None
    assert (cluster.discovery, cluster.groups) == (Discovery.DYNAMIC, ())
