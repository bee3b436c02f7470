"""A publisher that lived through every edit offers what one that begins with the last mesh would offer."""

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.proxy import Proxy, Role, Scope
from meltemi.core.model.resource import ResourceType
from meltemi.core.model.value import Value
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slot import Slot
from meltemi.core.pipeline.slots import slots
from meltemi.shell.publish import FAILED, Derivations, Publisher, Session
from meshes import documents, virtual_service

PROXIES = (
    Proxy(
        role=Role.SIDECAR,
        id="one.default",
        namespace="default",
        addresses=("198.18.0.1",),
        labels=(("app", "a"), ("version", "v1")),
    ),
    Proxy(
        role=Role.SIDECAR,
        id="two.default",
        namespace="default",
        addresses=("198.18.0.2",),
        labels=(("app", "b"), ("version", "v2")),
    ),
    Proxy(
        role=Role.ROUTER, id="edge.default", namespace="default", addresses=("198.18.0.3",), labels=(("istio", "in"),)
    ),
)

World = dict[Key, Document[Value]]
Offered = tuple[Scope, tuple[Slot, ...], dict[tuple[ResourceType, str], str]]


def networking(kind: str, name: str, spec: str) -> str:
    return (
        f"---\napiVersion: networking.istio.io/v1\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: default}}\nspec: {spec}\n"
    )


def service(name: str, app: str, port: str, address: str) -> str:
    return (
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default}}\n"
        f"spec: {{clusterIP: '{address}', selector: {{app: {app}}}, ports: [{port}]}}\n"
    )


def endpoints(name: str, address: str, port: int, pod: str) -> str:
    return (
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n"
        f"metadata: {{name: {name}-x, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}\n"
        f"ports: [{{name: http, port: {port}}}]\n"
        f"endpoints: [{{addresses: [{address}], targetRef: {{kind: Pod, name: {pod}, namespace: default}}}}]\n"
    )


def pod(name: str, app: str, version: str, port: int, address: str) -> str:
    return (
        f"---\napiVersion: v1\nkind: Pod\n"
        f"metadata: {{name: {name}, namespace: default, labels: {{app: {app}, version: {version}}}}}\n"
        f"spec: {{containers: [{{name: c, image: i, ports: [{{name: web, containerPort: {port}}}]}}]}}\n"
        f"status: {{podIP: {address}}}\n"
    )


TEXTS = (
    service("a", "a", "{name: http, port: 80, targetPort: web}", "198.19.0.1"),
    service("a", "a", "{name: http, port: 80}, {name: tcp, port: 90}", "198.19.0.1"),
    service("a", "b", "{name: http, port: 80, targetPort: 8080}", "None"),
    service("b", "b", "{name: http, port: 80}", "198.19.0.2"),
    service("b", "b", "{name: tcp, port: 80}", "198.19.0.2"),
    endpoints("a", "198.18.0.1", 8080, "one"),
    endpoints("a", "198.18.0.2", 8080, "two"),
    endpoints("b", "198.18.0.2", 9090, "two"),
    pod("one", "a", "v1", 8080, "198.18.0.1"),
    pod("one", "a", "v2", 8081, "198.18.0.1"),
    pod("two", "b", "v2", 8080, "198.18.0.2"),
    virtual_service("r", "{hosts: [a], http: [{route: [{destination: {host: a, subset: v1}}]}]}"),
    virtual_service("r", "{hosts: [a], http: [{timeout: 3s, route: [{destination: {host: b}}]}]}"),
    virtual_service(
        "r",
        "{hosts: [a], http: [{match: [{sourceLabels: {version: v1}}], route: [{destination: {host: b}}]},"
        " {fault: {abort: {httpStatus: 500, percentage: {value: 50}}}, route: [{destination: {host: a}}]}]}",
    ),
    virtual_service("e", "{hosts: ['*'], gateways: [g], http: [{route: [{destination: {host: a}}]}]}"),
    virtual_service("e", "{hosts: [out.example.com], http: [{route: [{destination: {host: out.example.com}}]}]}"),
    networking("DestinationRule", "d", "{host: a, subsets: [{name: v1, labels: {version: v1}}]}"),
    networking("DestinationRule", "d", "{host: a, trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}}"),
    networking("DestinationRule", "d", "{host: b, workloadSelector: {matchLabels: {version: v1}}}"),
    networking(
        "Gateway",
        "g",
        "{selector: {istio: in}, servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: ['*']}]}",
    ),
    networking(
        "Gateway", "g", "{selector: {istio: in}, servers: [{port: {number: 90, name: p, protocol: TCP}, hosts: ['*']}]}"
    ),
    networking(
        "Gateway", "g", "{selector: {app: a}, servers: [{port: {number: 80, name: p, protocol: HTTP}, hosts: [x]}]}"
    ),
    networking(
        "ServiceEntry",
        "s",
        "{hosts: [out.example.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}",
    ),
    networking(
        "ServiceEntry",
        "s",
        "{hosts: [out.example.com], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}],"
        " workloadSelector: {labels: {app: b}}}",
    ),
)
WRITTEN = tuple(documents(text)[0] for text in TEXTS)
KEYS = sorted({document.key for document in WRITTEN})

EDIT = st.one_of(st.sampled_from(WRITTEN), st.sampled_from(WRITTEN), st.sampled_from(KEYS))
ROUNDS = st.lists(st.lists(EDIT, min_size=1, max_size=4), min_size=1, max_size=6)
"""What is edited between one settle and the next."""


def edit(engine: Engine, world: World, change: Document[Value] | Key) -> None:
    key = change if isinstance(change, Key) else change.key
    if isinstance(change, Key):
        world.pop(key, None)
    else:
        world[key] = change
    put(engine, world, key)


def put(engine: Engine, world: World, key: Key) -> None:
    engine.put(("doc", key), world.get(key))
    same = frozenset(one for one in world if (one.group, one.kind) == (key.group, key.kind))
    engine.put(("docs", key.group, key.kind), same)


def publisher_of(engine: Engine) -> Publisher:
    publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=findings))
    publisher.complete()
    return publisher


async def join(publisher: Publisher) -> list[Session]:
    return [(await publisher.connect(_being(proxy), {})).session for proxy in PROXIES]


def _being(proxy: Proxy) -> Callable[[], Proxy]:
    return lambda: proxy


def offered(session: Session) -> Offered:
    holder = session.holder
    versions = {
        (kind, name): resource.version for kind in ResourceType for name, resource in holder.offer.of(kind).items()
    }
    return holder.scope, tuple(sorted(holder.slots.values(), key=lambda slot: (slot.type, slot.name))), versions


async def from_scratch(world: World) -> tuple[list[Offered], set[object]]:
    engine = Engine()
    for key in world:
        put(engine, world, key)
    publisher = publisher_of(engine)
    return [offered(session) for session in await join(publisher)], set(publisher.findings())


async def live(rounds: list[list[Document[Value] | Key]]) -> None:
    engine, world = Engine(), World()
    publisher = publisher_of(engine)
    sessions = await join(publisher)
    for revision, changes in enumerate(rounds, 1):
        for change in changes:
            edit(engine, world, change)
        publisher.settle(revision)

        got = [offered(session) for session in sessions], set(publisher.findings())

        assert got == await from_scratch(world), sorted(key.name for key in world)
        assert FAILED not in {finding.code for finding in publisher.findings()}


@settings(max_examples=60, deadline=None)
@given(ROUNDS)
def test_incremental_equals_from_scratch(rounds: list[list[Document[Value] | Key]]) -> None:
    asyncio.run(live(rounds))
