"""What a change costs up to the wire: functions run once for all streams, and bytes of nothing but what changed."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse

from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key, Meta
from meltemi.core.model.kube.service import Service, ServicePort, ServiceSpec
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import ResourceType
from meltemi.core.model.traffic.common import Destination
from meltemi.core.model.traffic.virtual_service import HTTPRoute, HTTPRouteDestination, VirtualService
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.pipeline.compile import fill
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.xds.events import Request
from meltemi.shell.publish import Derivations, Publisher, Session

MOST_RUNS = 8
"""A timeout's way: document, head, rules, routes, labels (two sorts), virtual host, body. Findings wait to be asked."""
MOST_BYTES = 1_000
"""One virtual host, and its response around it."""
BY_NAME = (ResourceType.ENDPOINTS, ResourceType.EXTENSION, ResourceType.ROUTES)


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


def proxy(i: int) -> Proxy:
    """Beside another service each, so that no two streams share a scope."""
    return Proxy(
        role=Role.SIDECAR,
        id=f"s{i}.default",
        namespace="default",
        addresses=(f"198.18.0.{i + 1}",),
        labels=(("app", f"s{i}"),),
    )


async def drain(session: Session) -> list[bytes]:
    """Acknowledge until there is nothing more to send."""
    received: list[bytes] = []
    while now := session.take():
        received += now
        for response in map(DeltaDiscoveryResponse.FromString, now):
            session.on_request(Request(type=ResourceType(response.type_url), nonce=response.nonce))
    return received


async def join(publisher: Publisher, i: int) -> Session:
    """A stream that asks for all that there is, as an Envoy does step by step, and has got it."""
    session = (await publisher.connect(lambda: proxy(i), {})).session
    session.on_request(Request(type=ResourceType.CLUSTER))
    session.on_request(Request(type=ResourceType.LISTENER))
    for kind in BY_NAME:
        session.on_request(Request(type=kind, subscribe=tuple(session.holder.offer.of(kind))))
    session.on_request(Request(type=ResourceType.VIRTUAL_HOST))
    await drain(session)
    assert session.current()
    return session


def contents(received: Sequence[bytes]) -> list[tuple[str, list[str], list[str]]]:
    """Type, names put and names removed of each response."""
    return [
        (one.type_url, [resource.name for resource in one.resources], list(one.removed_resources))
        for one in map(DeltaDiscoveryResponse.FromString, received)
    ]


async def change(services: int, streams: int) -> tuple[Counter[str], list[list[bytes]]]:
    """Runs by function and what each stream got, when one timeout changed."""
    engine = Engine()
    publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=findings))
    fill(engine, [*map(service, range(services)), *(rule(i, 1.0) for i in range(services))])
    publisher.settle(1)
    publisher.complete()
    sessions = [await join(publisher, i) for i in range(streams)]
    assert len({session.holder.scope for session in sessions}) == streams
    engine.runs = Counter()

    changed = rule(7, 2.0)
    engine.put(("doc", changed.key), changed)
    publisher.settle(2)
    received = [await drain(session) for session in sessions]

    assert all(session.current() for session in sessions)
    return engine.runs, received


@pytest.mark.parametrize(("services", "streams"), [(100, 1), (1_000, 1), (1_000, 10), (1_000, 50)])
def test_a_timeout_runs_and_sends_the_same_at_any_number_of_services_and_streams(services: int, streams: int) -> None:
    runs, received = asyncio.run(change(services, streams))

    host = "80/s7.default.svc.cluster.local:80"
    assert [contents(one) for one in received] == [[(str(ResourceType.VIRTUAL_HOST), [host], [])]] * streams
    assert len({sum(map(len, one)) for one in received}) == 1
    assert sum(map(len, received[0])) < MOST_BYTES
    assert sum(runs.values()) <= MOST_RUNS, runs
