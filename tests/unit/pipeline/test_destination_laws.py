"""What a change of destinations costs: functions run in proportion to what truly changed."""

from collections import Counter

import pytest

from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key, Meta
from meltemi.core.model.kube.endpoints import EndpointPort, EndpointSlice, SliceEndpoint
from meltemi.core.model.kube.service import Service, ServicePort, ServiceSpec
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import ResourceType
from meltemi.core.model.traffic.destination_rule import (
    ConnectionPoolSettings,
    DestinationRule,
    Subset,
    TCPSettings,
    TrafficPolicy,
)
from meltemi.core.model.value import Value
from meltemi.core.pipeline.compile import fill
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots

MOST_RUNS = 60
"""Of three clusters of one host: documents, heads, policies, clusters, endpoints and bodies."""

Labels = tuple[tuple[str, str], ...]


def document(kind: str, name: str, spec: Value, group: str = "", labels: Labels = ()) -> Document[Value]:
    key = Key(group=group, kind=kind, namespace="default", name=name)
    return Document(key=key, version="v1", meta=Meta(name=name, namespace="default", labels=labels), spec=spec)


def service(i: int) -> Document[Value]:
    port = ServicePort(name="http", port=80)
    spec = ServiceSpec(cluster_ip=f"198.19.{i // 250}.{i % 250 + 1}", ports=(port,), selector=(("app", f"s{i}"),))
    return document("Service", f"s{i}", Service(spec=spec))


def rule(i: int, most: int) -> Document[Value]:
    policy = TrafficPolicy(connection_pool=ConnectionPoolSettings(tcp=TCPSettings(max_connections=most)))
    subsets = (Subset(name="v1"), Subset(name="v2"))
    spec = DestinationRule(host=f"s{i}", traffic_policy=policy, subsets=subsets)
    return document("DestinationRule", f"s{i}", spec, "networking.istio.io")


def endpoint(i: int, address: str) -> Document[Value]:
    spec = EndpointSlice(ports=(EndpointPort(name="http", port=80),), endpoints=(SliceEndpoint(addresses=(address,)),))
    labels = (("kubernetes.io/service-name", f"s{i}"),)
    return document("EndpointSlice", f"s{i}-1", spec, "discovery.k8s.io", labels)


def mesh(services: int, streams: int) -> Engine:
    """A mesh of services with a rule and an endpoint each, and sidecars that watch all of it."""
    engine = Engine()
    numbers = range(services)
    every = (
        [service(i) for i in numbers],
        [rule(i, 1) for i in numbers],
        [endpoint(i, f"198.18.{i // 250}.{i % 250 + 1}") for i in numbers],
    )
    fill(engine, (d for documents in every for d in documents))
    for i in range(streams):
        proxy = Proxy(role=Role.SIDECAR, id=f"p{i}.default", namespace="default", addresses=(f"198.18.99.{i + 1}",))
        for slot in engine.watch(slots, engine.watch(scope_of, proxy)):
            engine.watch(slot.body.function, *slot.body.args)
    engine.settle()
    engine.runs = Counter()
    return engine


@pytest.mark.parametrize(("services", "streams"), [(10, 1), (1000, 1), (1000, 3)])
def test_a_changed_policy_sends_the_clusters_of_its_host_only(services: int, streams: int) -> None:
    engine = mesh(services, streams)
    changed = rule(7, 2)

    engine.put(("doc", changed.key), changed)
    told = list(engine.settle().values())

    assert {getattr(r, "type", None) for r in told} == {ResourceType.CLUSTER}
    assert len(told) == 3
    assert sum(engine.runs.values()) <= MOST_RUNS


def test_a_new_endpoint_sends_the_endpoints_of_its_host_only() -> None:
    engine = mesh(1000, 1)
    changed = endpoint(7, "198.18.77.77")

    engine.put(("doc", changed.key), changed)
    told = list(engine.settle().values())

    assert {getattr(r, "type", None) for r in told} == {ResourceType.ENDPOINTS}
    assert sum(engine.runs.values()) <= MOST_RUNS
