"""After random changes, one after the other, everybody holds what a new engine derives from what is left.

`scripts/bench churn` does the same over the API, with connections, for minutes, and looks at the memory too.
"""

import asyncio
from collections.abc import Callable

import pytest
from bench.crowd.changes import Changes
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse

from fakes.writer import responses
from meltemi.core.check.validate import check_document
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import ResourceType
from meltemi.core.model.tree import Tree
from meltemi.core.model.value import Value
from meltemi.core.pipeline.compile import compile_mesh, fill
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.xds.events import Request
from meltemi.shell.publish import Derivations, Publisher, Session

SERVICES, STEPS, STRIDE = 24, 300, 50
PROXIES = tuple(
    Proxy(role=Role.SIDECAR, id=f"load-{n}.ns-{n % 3}", namespace=f"ns-{n % 3}", addresses=(f"10.64.0.{n}",))
    for n in range(6)
)
BY_NAME = (ResourceType.ENDPOINTS, ResourceType.ROUTES, ResourceType.EXTENSION)
Documents = dict[Key, Document[Value]]


def checked(tree: Tree) -> Document[Value]:
    document, found = check_document(tree)
    assert document is not None, found
    return document


def identity(proxy: Proxy) -> Callable[[], Proxy]:
    return lambda: proxy


async def acknowledge(session: Session) -> None:
    """Ask for what there is by name, take what is sent, and answer, until nothing is owed."""
    async with asyncio.timeout(60):
        while not session.current() or missing(session):
            for kind, names in missing(session).items():
                session.on_request(Request(type=kind, subscribe=names))
            for raw in await responses(session) if not session.current() else ():
                said = DeltaDiscoveryResponse.FromString(raw)
                session.on_request(Request(type=ResourceType(said.type_url), nonce=said.nonce))


def missing(session: Session) -> dict[ResourceType, tuple[str, ...]]:
    """What an Envoy would ask for: the endpoints of its clusters, the tables of its listeners."""
    held = session.stream.held
    found = {kind: tuple(session.holder.offer.of(kind).keys() - held(kind).keys()) for kind in BY_NAME}
    clusters = held(ResourceType.CLUSTER)
    found[ResourceType.ENDPOINTS] = tuple(name for name in found[ResourceType.ENDPOINTS] if name in clusters)
    return {kind: names for kind, names in found.items() if names}


def apply(engine: Engine, documents: Documents, changes: Changes) -> None:
    for verb, tree in changes.next():
        one = checked(tree)
        if verb == "put":
            documents[one.key] = one
        else:
            documents.pop(one.key, None)
            engine.put(("doc", one.key), None)
    fill(engine, documents.values())


def look(sessions: list[Session], documents: Documents) -> None:
    for session in sessions:
        found = compile_mesh(documents.values(), MeshConfig(), session.proxy)
        for kind, resources in found.resources.items():
            wanted = {one.name: one.version for one in resources}
            offered = {one.name: one.version for one in session.holder.offer.of(kind).values()}
            assert offered == wanted, kind
            held = session.stream.held(kind)
            if kind in (ResourceType.CLUSTER, ResourceType.LISTENER, ResourceType.VIRTUAL_HOST, *BY_NAME):
                assert {name: held.get(name) for name in wanted} == wanted, kind


@pytest.mark.parametrize("seed", [1, 2])
def test_incremental_is_from_scratch(seed: int) -> None:
    async def run() -> None:
        engine, changes = Engine(), Changes(SERVICES, seed)
        publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=findings))
        documents: Documents = {one.key: one for one in map(checked, changes.first())}
        fill(engine, documents.values())
        publisher.settle(1)
        publisher.complete()
        sessions = [(await publisher.connect(identity(proxy), {})).session for proxy in PROXIES]
        for session in sessions:
            for kind in (ResourceType.CLUSTER, ResourceType.LISTENER, ResourceType.VIRTUAL_HOST):
                session.on_request(Request(type=kind))
        for step in range(1, STEPS + 1):
            apply(engine, documents, changes)
            publisher.settle(step + 1)
            if step % STRIDE == 0:
                for session in sessions:
                    await acknowledge(session)
                look(sessions, documents)

    asyncio.run(run())
