"""A fault in one derived function holds up nothing else."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine

from envoy.service.discovery.v3 import discovery_pb2
from msgspec import structs

from fakes.calls import FakeCalls
from fakes.refusals import FakeRefusals
from fakes.writer import responses
from meltemi.core.compose.calls import called
from meltemi.core.engine.engine import Engine
from meltemi.core.model.finding import Finding
from meltemi.core.model.proxy import Caller, Proxy, Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.units import Seconds
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


def test_who_comes_after_a_refusal_gets_what_was_in_force_before() -> None:
    async def act(engine: Engine, publisher: Publisher, first: Session) -> None:
        first.on_request(Request(type=ResourceType.LISTENER))
        acknowledge(first, await responses(first))
        put(engine, publisher, one="bad for Envoy")
        await refuse(first)
        with contextlib.suppress(TimeoutError):  # nothing is to be sent: it holds what was before
            async with asyncio.timeout(0.05):
                raise AssertionError(await responses(first))
        assert codes(publisher) == ["M9001"]
        assert first.current()

        second = (await publisher.connect(lambda: PROXY, {})).session
        second.on_request(Request(type=ResourceType.CLUSTER))
        second.on_request(Request(type=ResourceType.LISTENER))
        acknowledge(second, await responses(second))
        assert second.stream.held(ResourceType.CLUSTER) == first.stream.held(ResourceType.CLUSTER)
        assert "one" in second.stream.held(ResourceType.CLUSTER)
        assert second.status()["types"]["CDS"]["state"] == "REFUSED"

        put(engine, publisher, one="mended")
        for session in (first, second):
            acknowledge(session, await responses(session))
            assert session.stream.held(ResourceType.CLUSTER)["one"] == "mended"
        assert codes(publisher) == []

    play(act, one="good", two="good")


def test_what_was_refused_is_known_after_a_restart() -> None:
    memory = FakeRefusals()

    async def run(*texts: str, then: Callable[[Session], Awaitable[None]]) -> Publisher:
        engine = Engine()
        publisher = Publisher(engine, Derivations(slots=slots, scope_of=scope_of, findings=nothing), memory)
        put(engine, publisher, names="one", namespace="default", one=texts[0])
        publisher.complete()
        session = (await publisher.connect(lambda: PROXY, {})).session
        session.on_request(Request(type=ResourceType.LISTENER))
        session.on_request(Request(type=ResourceType.CLUSTER))
        acknowledge(session, await responses(session))
        for text in texts[1:]:
            put(engine, publisher, one=text)
        await then(session)
        return publisher

    async def other(session: Session) -> None:
        assert session.stream.held(ResourceType.CLUSTER) == {"one": "good"}
        assert session.current()

    before = asyncio.run(run("good", "bad for Envoy", then=refuse))
    after = asyncio.run(run("bad for Envoy", then=other))

    assert before.findings() == after.findings() != ()


async def refuse(session: Session) -> None:
    for one in map(discovery_pb2.DeltaDiscoveryResponse.FromString, await responses(session)):
        session.on_request(Request(type=ResourceType(one.type_url), nonce=one.nonce, error="no"))


def test_only_proxies_that_a_revision_concerns_are_waited_for() -> None:
    def own_scope(e: Engine, proxy: Proxy) -> Scope:
        return Scope(role=proxy.role, namespace=proxy.namespace)

    def own_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
        name = scope.namespace
        return (Slot(type=ResourceType.CLUSTER, name=name, body=Call(function=body, args=(name,))),)

    async def run() -> None:
        engine = Engine()
        publisher = Publisher(engine, Derivations(slots=own_slots, scope_of=own_scope, findings=nothing))
        for name in ("deaf", "well"):
            engine.put(name, "v1")
        publisher.settle(1)
        publisher.complete()
        handles = [
            await publisher.connect(lambda name=name: Proxy(role=Role.SIDECAR, id=name, namespace=name), {})
            for name in ("deaf", "well")
        ]
        deaf, well = (handle.session for handle in handles)
        for session in (deaf, well):
            session.on_request(Request(type=ResourceType.CLUSTER))
            session.on_request(Request(type=ResourceType.LISTENER))
        await responses(deaf)  # and never says a word

        acknowledge(well, await responses(well))
        engine.put("well", "v2")
        publisher.settle(2)
        sent = await responses(well)
        assert not await returns(publisher.wait_for(2))
        acknowledge(well, sent)
        assert await returns(publisher.wait_for(2))

        engine.put("deaf", "v2")
        publisher.settle(3)
        assert not await returns(publisher.wait_for(3))
        for handle in handles:
            handle.close()

    asyncio.run(run())


def test_a_removal_that_waits_comes_when_its_time_comes_though_nothing_else_happens() -> None:
    """The stream learns when it may remove from an answer that comes while the writer sleeps already."""

    def listener(e: Engine) -> Resource:
        needs = frozenset({"old"}) if e.read("needs") else frozenset[str]()
        version = str(e.read("needs"))
        return Resource(
            type=ResourceType.LISTENER, name="l", version=version, body=b"", needs=needs, hold=Seconds(0.05)
        )

    def cluster(e: Engine) -> Resource:
        return Resource(type=ResourceType.CLUSTER, name="old", version="1", body=b"")

    def changing(e: Engine, scope: Scope) -> tuple[Slot, ...]:
        own = Slot(type=ResourceType.LISTENER, name="l", body=Call(function=listener, args=()))
        old = Slot(type=ResourceType.CLUSTER, name="old", body=Call(function=cluster, args=()))
        return (own, old) if e.read("needs") else (own,)

    def own_scope(e: Engine, proxy: Proxy) -> Scope:
        return Scope(role=proxy.role, namespace=proxy.namespace)

    async def run() -> None:
        engine = Engine()
        publisher = Publisher(engine, Derivations(slots=changing, scope_of=own_scope, findings=nothing))
        engine.put("needs", "yes")
        publisher.settle(1)
        publisher.complete()
        handle = await publisher.connect(lambda: PROXY, {})
        session = handle.session
        session.on_request(Request(type=ResourceType.CLUSTER))
        session.on_request(Request(type=ResourceType.LISTENER))
        acknowledge(session, await responses(session))
        acknowledge(session, await responses(session))

        engine.put("needs", "")
        publisher.settle(2)
        sent = await responses(session)
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(responses(session))
            await asyncio.sleep(0.01)
            acknowledge(session, sent)
            (removal,) = await writer
        assert discovery_pb2.DeltaDiscoveryResponse.FromString(removal).removed_resources == ["old"]
        handle.close()

    asyncio.run(run())


def acknowledge(session: Session, responses: list[bytes]) -> None:
    for one in map(discovery_pb2.DeltaDiscoveryResponse.FromString, responses):
        session.on_request(Request(type=ResourceType(one.type_url), nonce=one.nonce))


async def returns(waiting: Coroutine[None, None, None]) -> bool:
    """Whether nothing is waited for any more."""
    try:
        async with asyncio.timeout(0.05):
            await waiting
    except TimeoutError:
        return False
    return True


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


CALLER = Caller(namespace="default", owner="client")


def held_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """A virtual host for every name that was called."""
    names = sorted(called(e, scope.caller)) if scope.caller else []
    return tuple(
        Slot(
            type=ResourceType.VIRTUAL_HOST,
            name=f"{n}.ns",
            body=Call(function=held_body, args=(f"{n}.ns",)),
            answers=(n,),
        )
        for n in names
    )


def held_body(e: Engine, name: str) -> Resource:
    return Resource(type=ResourceType.VIRTUAL_HOST, name=name, version="1", body=b"1")


def on_demand(e: Engine, proxy: Proxy) -> Scope:
    return Scope(role=proxy.role, namespace=proxy.namespace, caller=CALLER)


def test_what_a_workload_calls_is_offered_to_all_of_its_proxies_and_remembered() -> None:
    calls = FakeCalls()
    calls.remember(CALLER, frozenset({"80/before"}))

    async def run() -> None:
        engine = Engine()
        publisher = Publisher(engine, Derivations(slots=held_slots, scope_of=on_demand, findings=nothing), calls=calls)
        put(engine, publisher)
        publisher.complete()
        one = await publisher.connect(lambda: PROXY, {})
        other = await publisher.connect(lambda: structs.replace(PROXY, id="b.default"), {})
        offer = other.session.holder.offer
        assert [*offer.of(ResourceType.VIRTUAL_HOST)] == ["80/before.ns"]

        runs = engine.runs["held_slots"]
        for session, name in ((one.session, "80/a:80"), (other.session, "80/b"), (other.session, "80/*")):
            session.on_request(Request(type=ResourceType.VIRTUAL_HOST, subscribe=(name,)))
        await asyncio.sleep(0)

        assert [*offer.of(ResourceType.VIRTUAL_HOST)] == ["80/before.ns", "80/a.ns", "80/b.ns"]
        assert engine.runs["held_slots"] == runs + 1  # asked for at one moment, settled once
        assert calls.calls() == {CALLER: frozenset({"80/before", "80/a", "80/b"})}

    asyncio.run(run())
