"""What the control plane measures of itself, and shows of what it knows."""

import asyncio
import re
from typing import Any

from envoy.service.discovery.v3 import discovery_pb2
from starlette.testclient import TestClient

from fakes.writer import responses
from meltemi.core.check.validate import check_document
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.compile import fill
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.xds.events import Request
from meltemi.shell.introspection import Introspection
from meltemi.shell.measures import Measures
from meltemi.shell.publish import Derivations, Publisher
from meltemi.shell.servers.api.app import create_app
from meltemi.shell.servers.api.introspection import IntrospectionRoutes
from meltemi.shell.session import Session
from meltemi.shell.stores.sqlite import SqliteStore

PROXY = Proxy(role=Role.SIDECAR, id="client.default", namespace="default", addresses=("198.18.0.9",))


def service(name: str) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80}]
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
        "spec": {"clusterIP": "198.19.0.7", "ports": ports},
    }  # fmt: skip


def put(engine: Engine, *names: str) -> None:
    fill(engine, [one for name in names if (one := check_document(service(name))[0]) is not None])


async def answer(session: Session, *, refuse: bool = False) -> int:
    """Take what is sent and answer it, until nothing is owed; the bytes."""
    size = 0
    while not session.current():
        for raw in await responses(session):
            size += len(raw)
            sent = discovery_pb2.DeltaDiscoveryResponse.FromString(raw)
            bad = "no" if refuse and sent.resources else ""
            session.on_request(Request(type=ResourceType(sent.type_url), nonce=sent.nonce, error=bad))
    return size


SAMPLE = re.compile(r'^(\w+)(?:{(?:type="(\w+)"|[^}]*)})? (\S+)$', re.MULTILINE)


def samples(measures: Measures) -> dict[tuple[str, str], float]:
    """(name, label `type`) → value, as written: Prometheus' own parser for Python puts `_total` after counters."""
    return {(name, kind): float(value) for name, kind, value in SAMPLE.findall(measures.text().decode())}


def play() -> tuple[Engine, Publisher, Measures, Session, int]:
    """One proxy connects; then a service comes, and it answers for that."""
    engine, measures = Engine(), Measures()
    publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=findings), measures=measures)

    async def run() -> tuple[Session, int]:
        put(engine, "a")
        publisher.settle(1)
        publisher.complete()
        session = (await publisher.connect(lambda: PROXY, {})).session
        session.on_request(Request(type=ResourceType.CLUSTER))
        session.on_request(Request(type=ResourceType.LISTENER))
        session.on_request(
            Request(type=ResourceType.ENDPOINTS, subscribe=("outbound|80||a.default.svc.cluster.local",))
        )
        size = await answer(session)
        put(engine, "a", "b")
        publisher.settle(2)
        return session, size + await answer(session)

    session, size = asyncio.run(run())
    return engine, publisher, measures, session, size


def test_what_is_sent_and_answered_is_counted_under_istios_names() -> None:
    _, _, measures, _, size = play()
    found = samples(measures)
    kinds = ("cds", "eds", "lds")
    assert all(found["pilot_xds_pushes", kind] >= 1 for kind in kinds)
    assert sum(value for (name, _), value in found.items() if name == "meltemi_xds_sent_bytes") == size
    assert found["pilot_proxy_convergence_time_count", ""] == 1  # connecting is no change
    assert all(found["pilot_xds_push_time_count", kind] == found["pilot_xds_pushes", kind] for kind in kinds)
    assert found["meltemi_settle_time_count", ""] == 2
    assert found["pilot_proxy_queue_time_count", ""] == 1
    assert found["pilot_total_xds_internal_errors", ""] == 0
    assert found["pilot_xds", ""] == 1
    assert found["meltemi_cells", ""] > 10


def test_stages_are_timed() -> None:
    _, _, measures, _, _ = play()
    told = re.findall(r'^meltemi_stage_seconds{stage="(\w+)"} (\S+)$', measures.text().decode(), re.MULTILINE)
    assert {stage for stage, seconds in told if float(seconds) > 0} == {"derive", "offer", "scope", "enter", "step"}


def test_refusals_are_counted() -> None:
    engine, publisher, measures, session, _ = play()

    async def run() -> None:
        put(engine, "a", "b", "c")
        publisher.settle(3)
        await answer(session, refuse=True)

    asyncio.run(run())
    assert samples(measures)["pilot_total_xds_rejects", "cds"] >= 1


def test_pages_show_what_a_proxy_has(tmp_path: Any) -> None:
    engine, publisher, measures, _, _ = play()
    with SqliteStore(tmp_path / "store.db") as store:
        pages = IntrospectionRoutes(store, measures, Introspection(engine, publisher))
        client = TestClient(create_app(store, introspection=pages))
        listed = client.get("/debug").json()["pages"]
        assert {"/debug/syncz", "/debug/configz", "/debug/endpointz"} <= set(listed)
        for page in listed:
            assert client.get(page, params={"proxyID": "client.default"}).status_code == 200
        (synced,) = client.get("/debug/syncz").json()
        assert synced["proxy"] == "client.default"
        assert synced["cluster_sent"] == synced["cluster_acked"] >= 4
        hosts = [one["svc"] for one in client.get("/debug/endpointz").json()]
        assert hosts == ["a.default.svc.cluster.local:http", "b.default.svc.cluster.local:http"]
        clusters = client.get("/debug/config_dump", params={"proxyID": "client.default"}).json()["types"]["cds"]
        assert all(one["held"] == one["version"] for one in clusters)
        assert client.get("/debug/config_dump", params={"proxyID": "nobody"}).status_code == 404
        assert client.get("/debug/nothing").status_code == 404
        assert b"pilot_xds_pushes{" in client.get("/metrics").content
