"""Measures under Istio's names move when what they are of happens, and pages under Istio's names show it."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from meltemi.apps.authority import authority_counts
from meltemi.apps.gauges import add_gauges
from meltemi.core.check.validate import check_document
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.compile import fill
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.xds.events import Request
from meltemi.shell.authorities import Authorities
from meltemi.shell.introspection import Introspection
from meltemi.shell.keys.files import FileKeys
from meltemi.shell.measures import Measures
from meltemi.shell.publish import Derivations, Publisher
from meltemi.shell.servers.api.app import create_app
from meltemi.shell.servers.api.counted import CountedInjector, counted
from meltemi.shell.servers.api.introspection import IntrospectionRoutes
from meltemi.shell.servers.ca.certificates import OUTCOMES
from meltemi.shell.stores.sqlite import SqliteStore

PROXY = Proxy(role=Role.SIDECAR, id="client.default", namespace="default", addresses=("198.18.0.9",))
CLUSTER = "outbound|80||a.default.svc.cluster.local"
SAMPLE = re.compile(r"^(\w+(?:{[^}]*})?) (\S+)$", re.MULTILINE)


def said(measures: Measures) -> dict[str, float]:
    """Name with labels → value."""
    return {name: float(value) for name, value in SAMPLE.findall(measures.text().decode())}


def document(kind: str, name: str, rest: dict[str, Any], group: str = "v1") -> dict[str, Any]:
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": "default"}, **rest}


SERVICE = document("Service", "a", {"spec": {"clusterIP": "198.19.0.7", "ports": [{"name": "http", "port": 80}]}})
SLICE = document("EndpointSlice", "a-1", {
    "addressType": "IPv4", "ports": [{"name": "http", "port": 8080}],
    "endpoints": [
        {"addresses": ["198.18.0.5"]},
        {"addresses": ["198.18.0.6"], "conditions": {"ready": False}},
        {"addresses": ["198.18.0.7"], "conditions": {"ready": True}},
    ],
}, "discovery.k8s.io/v1")  # fmt: skip
SLICE["metadata"]["labels"] = {"kubernetes.io/service-name": "a"}
ROUTES = document(
    "VirtualService", "a", {"spec": {"hosts": ["a"], "http": [{"route": [{"destination": {"host": "a"}}]}]}},
    "networking.istio.io/v1",
)  # fmt: skip


def world() -> tuple[Engine, Publisher, Measures]:
    engine, measures = Engine(), Measures()
    publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=findings), measures=measures)
    add_gauges(measures, engine, publisher)
    return engine, publisher, measures


def put(engine: Engine, publisher: Publisher, *trees: dict[str, Any]) -> None:
    fill(engine, [one for tree in trees if (one := check_document(tree)[0]) is not None])
    publisher.settle(1)
    publisher.complete()


def test_what_there_is_is_counted() -> None:
    engine, publisher, measures = world()
    before = said(measures)
    assert (before["pilot_services"], before["pilot_virt_services"], before["pilot_endpoint_not_ready"]) == (0, 0, 0)
    put(engine, publisher, SERVICE, SLICE, ROUTES)
    after = said(measures)
    assert (after["pilot_services"], after["pilot_virt_services"], after["pilot_endpoint_not_ready"]) == (1, 1, 1)
    assert any(name.startswith('istio_build{component="pilot"') for name in after)
    assert after["process_cpu_seconds_total"] > 0
    assert after["process_resident_memory_bytes"] > 0
    assert after["process_open_fds"] > 0


def test_what_a_node_refuses_is_shown_as_long_as_it_does_and_an_answer_twice_is_counted() -> None:
    engine, publisher, measures = world()
    put(engine, publisher, SERVICE)

    async def run() -> None:
        session = (await publisher.connect(lambda: PROXY, {})).session
        session.on_request(Request(type=ResourceType.CLUSTER))
        session.take()
        session.on_request(Request(type=ResourceType.CLUSTER, nonce="1"))
        assert said(measures)['pilot_xds_expired_nonce{type="cds"}'] == 0
        session.on_request(Request(type=ResourceType.CLUSTER, nonce="1"))
        session.on_request(Request(type=ResourceType.CLUSTER, nonce="999"))
        assert said(measures)['pilot_xds_expired_nonce{type="cds"}'] == 2
        assert session.current() is False  # it has not asked for listeners yet

        session.on_request(Request(type=ResourceType.LISTENER))
        session.take()
        refused = 'pilot_xds_lds_reject{node="client.default"}'
        assert refused not in said(measures)
        nonce = "2"
        while refused not in said(measures):  # halves are sent again until the culprit is alone
            session.on_request(Request(type=ResourceType.LISTENER, nonce=nonce, error="no"))
            session.take()
            nonce = str(int(nonce) + 1)
        assert said(measures)[refused] >= 1
        assert not [name for name in said(measures) if name.startswith("pilot_xds_cds_reject{")]

    asyncio.run(run())


def test_bursts_are_counted_by_what_is_in_them() -> None:
    measures = Measures()

    def changed(*kinds: str) -> None:
        for kind in kinds:
            group = "networking.istio.io" if kind == "VirtualService" else ""
            measures.changed(group=group, kind=kind, event="add")

    def triggers() -> dict[str, float]:
        found = said(measures)
        return {
            name.partition('"')[2][:-2]: value for name, value in found.items() if name.startswith("pilot_push_trig")
        }

    changed("EndpointSlice", "EndpointSlice", "VirtualService", "Deployment")
    measures.gathered(1.0, whole=False)
    assert triggers() == {"endpoint": 1}
    measures.gathered(1.0)
    assert triggers() == {"endpoint": 1, "config": 1, "unknown": 1}
    changed("Service", "ConfigMap", "EndpointSlice")
    measures.gathered(2.0)
    assert triggers() == {"endpoint": 2, "config": 1, "unknown": 1, "service": 1, "global": 1}


class Answer:
    def __init__(self, patch: tuple[dict[str, Any], ...] | None, found: tuple[Finding, ...]) -> None:
        self.patch = patch
        self.findings = found


BAD = Finding(code="M0000", severity=Severity.ERROR, message="no", help="")


def test_injections_are_counted() -> None:
    measures = Measures()
    answers: list[Callable[[], Answer]] = [
        lambda: Answer(({},), ()), lambda: Answer(None, ()), lambda: Answer(None, (BAD,)), lambda: 1 // 0,  # pyright: ignore[reportAssignmentType]
    ]  # fmt: skip

    def inject(pod: Any, *, namespace: str, namespace_labels: Any) -> Answer:
        return answers.pop(0)()

    injector = CountedInjector(inject, measures)
    for _ in range(3):
        injector({}, namespace="default", namespace_labels={})
    with pytest.raises(ZeroDivisionError):
        injector({}, namespace="default", namespace_labels={})
    found = said(measures)
    assert {name: found[f"sidecar_injection_{name}_total"] for name in ("requests", "success", "skip", "failure")} == {
        "requests": 4, "success": 1, "skip": 1, "failure": 2,
    }  # fmt: skip


def test_validations_of_the_meshs_own_kinds_are_counted() -> None:
    measures = Measures()
    validate = counted(lambda tree, namespace: check_document(tree, namespace=namespace)[1], measures)
    bad: dict[str, Any] = ROUTES | {"spec": {"hosts": []}}
    validate(ROUTES, "default")
    validate(SERVICE, "default")
    assert validate(bad, "default")
    group, rest = 'group="networking.istio.io"', 'resource="virtualservices",version="v1"'
    found = {name: value for name, value in said(measures).items() if name.startswith("galley")}
    assert found == {
        f"galley_validation_passed{{{group},{rest}}}": 1,
        f'galley_validation_failed{{{group},reason="invalid_resource",{rest}}}': 1,
    }


def authorities(folder: Path) -> Authorities:
    one = Authorities(FileKeys(folder), now=lambda: datetime.now(UTC))
    asyncio.run(one.open("cluster.local"))
    return one


def test_the_authority_is_counted_and_says_how_long_it_may(tmp_path: Path) -> None:
    measures, one = Measures(), authorities(tmp_path)
    count = authority_counts(measures, one)
    for outcome in OUTCOMES:
        count(outcome)
    found = said(measures)
    assert {found[f"citadel_server_{outcome}_count"] for outcome in OUTCOMES} == {1}
    ends = one.signer.not_after.timestamp()
    assert found["citadel_server_cert_chain_expiry_timestamp"] == ends
    assert found["citadel_server_root_cert_expiry_timestamp"] == ends  # a root of its own signs itself


def leave(pod: Any, *, namespace: str, namespace_labels: Any) -> Answer:
    """Every pod as it is."""
    return Answer(None, ())


def test_every_measure_is_in_the_reference(tmp_path: Path) -> None:
    engine, publisher, measures = world()
    put(engine, publisher, SERVICE)
    authority_counts(measures, authorities(tmp_path))
    CountedInjector(leave, measures)
    counted(lambda tree, namespace: check_document(tree, namespace=namespace)[1], measures)
    families = set(re.findall(r"^# TYPE (\w+) ", measures.text().decode(), re.MULTILINE))
    assert len(families) > 40
    reference = (Path(__file__).parents[3] / "docs/reference/metrics.md").read_text()
    assert [one for one in sorted(families) if f"`{one}`" not in reference] == []


def test_pages(tmp_path: Path) -> None:
    engine, publisher, measures = world()
    policy = document("AuthorizationPolicy", "p", {"spec": {"rules": [{}]}}, "security.istio.io/v1")
    with SqliteStore(tmp_path / "store.db") as store:
        routes = IntrospectionRoutes(store, measures, Introspection(engine, publisher))
        client = TestClient(create_app(store, introspection=routes))
        assert client.get("/ready").status_code == 503
        put(engine, publisher, SERVICE, SLICE, ROUTES)
        assert client.get("/ready").status_code == 200

        async def fill_store() -> None:
            import json

            for tree in (policy, ROUTES):
                group = tree["apiVersion"].partition("/")[0]
                key = Key(group=group, kind=tree["kind"], namespace="default", name=tree["metadata"]["name"])
                await store.put(key, json.dumps(tree).encode())

        async def connect() -> None:
            await publisher.connect(lambda: PROXY, {})

        asyncio.run(fill_store())
        asyncio.run(connect())
        assert [one["metadata"]["name"] for one in client.get("/debug/authorizationz").json()] == ["p"]
        assert client.get("/version").json()["istio"]
        assert client.get("/debug/mesh").json()["trust_domain"]
        told = client.get("/debug/adsz").json()
        assert told["totalClients"] == 1
        assert CLUSTER in told["clients"][0]["watches"]["cds"]
        assert client.get("/debug/push_status").json() == {
            "revision": 1, "connected": 1, "owing": {"client.default": 1},
        }  # fmt: skip
        edsz = client.get("/debug/edsz?proxyID=client.default").json()
        addresses = [
            one["endpoint"]["address"]["socketAddress"]["address"]
            for each in edsz if each["clusterName"] == CLUSTER
            for place in each["endpoints"] for one in place["lbEndpoints"]
        ]  # fmt: skip
        assert addresses == ["198.18.0.5", "198.18.0.7"]
        assert client.get("/debug/edsz").status_code == 400
        assert client.get("/debug/edsz?proxyID=nobody.default").status_code == 404
        listed = client.get("/debug/list").json()["pages"]
        assert client.get("/debug").json()["pages"] == listed
        for page in listed:
            assert client.get(page + "?proxyID=client.default").status_code == 200
