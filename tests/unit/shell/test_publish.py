"""A fault in one derived function holds up nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

from meltemi.core.engine.engine import Engine
from meltemi.core.model.finding import Finding
from meltemi.core.model.proxy import Proxy, Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.xds.events import Request
from meltemi.shell.publish import Derivations, Publisher, Session

PROXY = Proxy(role=Role.SIDECAR, id="a.default", namespace="default")


def body(e: Engine, name: str) -> Resource:
    """Fails where the input says so."""
    text = str(e.read(name))
    if text == "bad":
        raise ZeroDivisionError("a fault of ours")
    return Resource(type=ResourceType.CLUSTER, name=name, version=text, body=text.encode())


def slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    if e.read("slots") == "bad":
        raise ZeroDivisionError("a fault in the list")
    names = str(e.read("names")).split()
    return tuple(Slot(type=ResourceType.CLUSTER, name=n, body=Call(function=body, args=(n,))) for n in names)


def scope_of(e: Engine, proxy: Proxy) -> Scope:
    return Scope(role=proxy.role, namespace=str(e.read("namespace")))


def nothing(e: Engine) -> tuple[Finding, ...]:
    return ()


Act = Callable[[Engine, Publisher, Session], Awaitable[None]]


def play(act: Act, **inputs: str) -> None:
    """With two clusters and one proxy that asks for all."""

    async def run() -> None:
        engine = Engine()
        publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=nothing))
        put(engine, publisher, **({"names": "one two", "namespace": "default"} | inputs))
        publisher.complete()
        handle = await publisher.connect(lambda: PROXY, {})
        handle.session.on_request(Request(type=ResourceType.CLUSTER))
        await act(engine, publisher, handle.session)
        handle.close()

    asyncio.run(run())


def put(engine: Engine, publisher: Publisher, **inputs: str) -> None:
    for key, value in inputs.items():
        engine.put(key, value)
    publisher.settle(1)


def offered(session: Session) -> dict[str, str]:
    return {one.name: one.version for one in session.holder.offer.of(ResourceType.CLUSTER).values()}


def codes(publisher: Publisher) -> list[str]:
    return [one.code for one in publisher.findings()]


def test_a_body_that_cannot_be_derived_stays_as_it_was() -> None:
    async def act(engine: Engine, publisher: Publisher, session: Session) -> None:
        put(engine, publisher, one="bad", two="2")
        assert (offered(session), codes(publisher)) == ({"one": "1", "two": "2"}, ["M9002"])
        put(engine, publisher, one="3")
        assert (offered(session), codes(publisher)) == ({"one": "3", "two": "2"}, [])

    play(act, one="1", two="1")


def test_a_new_slot_that_cannot_be_derived_comes_when_it_can() -> None:
    async def act(engine: Engine, publisher: Publisher, session: Session) -> None:
        put(engine, publisher, names="one two three", three="bad", two="2")
        assert (offered(session), codes(publisher)) == ({"one": "1", "two": "2"}, ["M9002"])
        put(engine, publisher, three="3")
        assert offered(session) == {"one": "1", "two": "2", "three": "3"}

    play(act, one="1", two="1")


def test_a_list_that_cannot_be_derived_stays_and_bodies_go_on() -> None:
    async def act(engine: Engine, publisher: Publisher, session: Session) -> None:
        put(engine, publisher, names="one two three", three="bad")
        put(engine, publisher, slots="bad", two="2")
        assert (offered(session), codes(publisher)) == ({"one": "1", "two": "2"}, ["M9002"])
        put(engine, publisher, slots="good", names="one")
        assert (offered(session), codes(publisher)) == ({"one": "1"}, [])

    play(act, one="1", two="1")


def test_a_new_scope_that_cannot_be_listed_leaves_the_proxy_in_its_old_one() -> None:
    async def act(engine: Engine, publisher: Publisher, session: Session) -> None:
        put(engine, publisher, slots="bad", namespace="other")
        assert offered(session) == {"one": "1"}
        assert "M9002" in codes(publisher)
        put(engine, publisher, slots="good", one="2")
        assert (session.holder.scope.namespace, offered(session)) == ("other", {"one": "2"})

    play(act, names="one", one="1")
