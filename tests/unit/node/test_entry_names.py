"""Names of ServiceEntries: what they mean, to whom, and that listeners are where the names lead."""

import msgspec
import pytest
import yaml

from meltemi.core.compose.service_entries import automatic_address
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import Sight
from meltemi.core.node.dns_answer import captured
from meltemi.core.node.dns_table import DnsTable, decode, dns_table, encode
from meltemi.core.node.dns_wire import Type
from meltemi.core.node.entry_names import Shown, entry_names
from meltemi.core.node.objects import Object
from meltemi.core.node.services import Port, ServiceView
from meltemi.core.node.settings import NodeSettings
from meltemi.core.view.wishes import listener_wishes
from meshes import mesh_of

OWN, SHARED = "own.example.com", "shared.example.com"
MESH = f"""
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: own, namespace: shop}}
spec:
  hosts: [{OWN}]
  ports: [{{number: 3306, name: tcp, protocol: TCP}}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: addressed, namespace: shop}}
spec:
  hosts: ["*.wild.example.com", {SHARED}]
  addresses: [192.0.2.7, 192.0.2.8/32, 198.51.100.0/24, "2001:db8::1"]
  ports: [{{number: 443, name: tls, protocol: TLS}}]
  exportTo: ["."]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: younger, namespace: other, creationTimestamp: "2024-01-01T00:00:00Z"}}
spec:
  hosts: [{SHARED}]
  ports: [{{number: 3306, name: tcp, protocol: TCP}}]
  resolution: STATIC
"""


def objects(text: str) -> list[Object]:
    trees = list(yaml.safe_load_all(text))
    return [
        Object(
            key=Key(
                group="networking.istio.io", kind=tree["kind"], namespace=tree["metadata"]["namespace"],
                name=tree["metadata"]["name"],
            ),
            revision=1, tree=tree,
        )
        for tree in trees
    ]  # fmt: skip


def table(text: str = MESH) -> DnsTable:
    views = (ServiceView(namespace="shop", name="web", cluster_ip="198.19.0.2", ports=(Port(name="http", number=80),)),)
    return decode(encode(dns_table(NodeSettings(), views, entry_names(objects(text)))))


def meaning(name: str, namespace: str = "shop", kind: int = Type.A) -> int | None:
    """How many records a name has; None where others are asked."""
    found = captured(table(), name, kind, namespace)
    return len(found.records) if found else None


def test_a_listener_is_where_the_name_leads():
    names, e = entry_names(objects(MESH)), mesh_of(MESH)
    (address,) = names[OWN][0].addresses

    assert e.get(automatic_address, OWN) == address
    assert (address, 3306) in e.get(listener_wishes, Sight(namespace="shop", named=True))
    assert ("0.0.0.0", 3306) in e.get(listener_wishes, Sight(namespace="shop"))


def test_written_addresses_are_what_the_name_means():
    assert entry_names(objects(MESH))[SHARED][-1] == Shown(addresses=("192.0.2.7", "192.0.2.8"), namespaces=("shop",))


def test_a_namespace_hears_what_is_exported_to_it():
    assert meaning(SHARED, "shop") == 1  # the older one
    assert meaning("a.b.wild.example.com") == 2
    assert meaning("a.wild.example.com", "other") is None


def test_other_kinds_of_records_are_there_and_empty():
    assert meaning(OWN, kind=Type.AAAA) == 0


@pytest.mark.parametrize("name", ["web.shop.svc.cluster.local", "nobody.example.com", "wild.example.com"])
def test_others_are_asked_for_other_names(name: str):
    assert meaning(name) is None


@pytest.mark.parametrize("spec", [None, {"hosts": "a"}, {"hosts": [3], "resolution": "DNS"}, {"addresses": {}}])
def test_what_is_not_sound_does_no_harm(spec: object):
    tree = {"kind": "ServiceEntry", "metadata": {"name": "a", "namespace": "b"}, "spec": spec}

    msgspec.json.encode(entry_names(objects(yaml.safe_dump(tree))))
