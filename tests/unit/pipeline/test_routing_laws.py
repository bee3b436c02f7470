"""What a change costs: functions run in proportion to what truly changed, however much there is and whoever listens."""

from collections import Counter

import pytest

from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key, Meta
from meltemi.core.model.kube.service import Service, ServicePort, ServiceSpec
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.traffic.common import Destination
from meltemi.core.model.traffic.virtual_service import HTTPRoute, HTTPRouteDestination, VirtualService
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.slots import slots

MOST_RUNS = 12
"""A timeout's way: document, head, rules, routes, labels, virtual host, body; and the document's findings."""


def document(kind: str, name: str, spec: Value, group: str = "networking.istio.io") -> Document[Value]:
    key = Key(group=group, kind=kind, namespace="default", name=name)
    return Document(key=key, version="v1", meta=Meta(name=name, namespace="default"), spec=spec)


def service(i: int) -> Document[Value]:
    port = ServicePort(name="http", port=80)
    spec = ServiceSpec(cluster_ip=f"198.19.{i // 250}.{i % 250 + 1}", ports=(port,), selector=(("app", f"s{i}"),))
    return document("Service", f"s{i}", Service(spec=spec), group="")


def rule(i: int, timeout: float) -> Document[Value]:
    way = HTTPRouteDestination(destination=Destination(host=f"s{i}"))
    http = (HTTPRoute(timeout=Seconds(timeout), route=(way,)),)
    return document("VirtualService", f"s{i}", VirtualService(hosts=(f"s{i}",), http=http))


def mesh(services: int) -> Engine:
    """A mesh of services, each with a VirtualService of its own."""
    engine = Engine()
    for documents in ([service(i) for i in range(services)], [rule(i, 1.0) for i in range(services)]):
        for d in documents:
            engine.put(("doc", d.key), d)
        first = documents[0].key
        engine.put(("docs", first.group, first.kind), frozenset(d.key for d in documents))
    return engine


def listen(engine: Engine, streams: int) -> None:
    """Watch all that some sidecars get, and what the mesh has to say."""
    engine.watch(findings)
    for i in range(streams):
        scope = Scope(role=Role.SIDECAR, namespace="default", labels=(("app", f"s{i}"),))
        for slot in engine.watch(slots, scope):
            engine.watch(slot.body.function, *slot.body.args)


@pytest.mark.parametrize(("services", "streams"), [(10, 1), (1000, 1), (1000, 5)])
def test_a_timeout_runs_a_constant_number_of_functions(services: int, streams: int) -> None:
    engine = mesh(services)
    listen(engine, streams)
    changed = rule(7, 2.0)
    engine.runs = Counter()

    engine.put(("doc", changed.key), changed)
    told = engine.settle()

    assert len(told) == 1
    assert sum(engine.runs.values()) <= MOST_RUNS, engine.runs
