"""One change in a large mesh: from the changed object to the bytes for every proxy.

Place:  bench · check → engine → shell/publish with in-process sessions that acknowledge everything, without sockets
"""

import time
from collections.abc import Callable
from functools import lru_cache

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse

from bench.measure import cpu
from bench.mesh import proxy, slice_of, trees, virtual_service
from meltemi.core.check.validate import check_document
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Proxy
from meltemi.core.model.resource import ResourceType
from meltemi.core.model.tree import Tree
from meltemi.core.pipeline.compile import fill
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.xds.events import Request
from meltemi.shell.publish import Derivations, Publisher, Session

HEAD = ("change", "proxies", "check (ms)", "derive (ms)", "push (ms)", "resources sent", "bytes sent", "functions run")
CHANGES: dict[str, Callable[[int], Tree]] = {
    "one timeout": lambda round_: virtual_service(7, timeout=f"{round_ + 6}s"),
    "one endpoint": lambda round_: slice_of(7, last=round_ + 1),
}
ROUNDS = 5
"""Changes of each sort; the row is their mean."""


async def measure(services: int, proxies: int) -> list[tuple[object, ...]]:
    """One row for each sort of change, after everybody has acknowledged everything."""
    engine = Engine()
    fill(engine, (one for one in (check_document(tree)[0] for tree in trees(services)) if one is not None))
    publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=findings))
    publisher.settle(1)
    publisher.complete()
    handles = [await publisher.connect(_identity(proxy(n)), {}) for n in range(proxies)]
    sessions = [handle.session for handle in handles]
    for session in sessions:
        for kind in ResourceType:
            session.on_request(_request(kind, _wanted(session, kind)))
    _acknowledge(sessions)
    return [_rounds(name, engine, publisher, sessions) for name in CHANGES]


def _rounds(name: str, engine: Engine, publisher: Publisher, sessions: list[Session]) -> tuple[object, ...]:
    total = [0.0] * 6
    for number in range(ROUNDS):
        before = sum(engine.runs.values())
        with cpu() as checking:
            document = check_document(CHANGES[name](number))[0]
        if document is None:
            raise ValueError(f"the change {name!r} is not sound")
        with cpu() as deriving:
            engine.put(("doc", document.key), document)
            publisher.settle(2)
        runs = sum(engine.runs.values()) - before
        for i, one in enumerate((checking.ms, deriving.ms, *_acknowledge(sessions), runs)):
            total[i] += one / ROUNDS
    return (name, len(sessions), *total[:3], *(round(one) for one in total[3:]))


def _acknowledge(sessions: list[Session]) -> tuple[float, int, int]:
    """Take what is sent and answer it until everybody is current.

    Milliseconds of CPU that the sessions took (not the measuring proxies), the number of resources, and of bytes.
    """
    spent, resources, sent = 0.0, 0, 0
    for session in sessions:
        while not session.current():
            start = time.process_time()
            taken = session.take()
            spent += time.process_time() - start
            if not taken:
                raise RuntimeError(f"{session.proxy.id} waits for nothing: {session.stream.waiting()}")
            for data in taken:
                response = DeltaDiscoveryResponse.FromString(data)
                start = time.process_time()
                session.on_request(_request(ResourceType(response.type_url), nonce=response.nonce))
                spent += time.process_time() - start
                resources += len(response.resources)
                sent += len(data)
    return spent * 1000, resources, sent


@lru_cache(maxsize=1000)
def _request(kind: ResourceType, subscribe: tuple[str, ...] = (), nonce: str = "") -> Request:
    """Equal requests are one object, as the server makes them."""
    return Request(type=kind, subscribe=subscribe, nonce=nonce)


def _wanted(session: Session, kind: ResourceType) -> tuple[str, ...]:
    """What an Envoy subscribes to: all (no names) of clusters, listeners and virtual hosts; of others what it needs."""
    by_name = (ResourceType.ENDPOINTS, ResourceType.ROUTES, ResourceType.EXTENSION)
    return tuple(session.holder.offer.of(kind)) if kind in by_name else ()


def _identity(proxy: Proxy) -> Callable[[], Proxy]:
    return lambda: proxy
