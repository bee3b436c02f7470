"""The engine never shows a value that a fresh computation would not, and does no more work than a change needs."""

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meltemi.core.engine.engine import CycleError, Engine

HOSTS = "abc"


def hosts(e: Engine, host: str) -> tuple[int, ...]:
    return cast("tuple[int, ...] | None", e.read(("hosts", host))) or ()


def size(e: Engine, host: str) -> int:
    return len(e.get(hosts, host))


def even(e: Engine, host: str) -> bool:
    return e.get(size, host) % 2 == 0


def total(e: Engine) -> int:
    """Reads `size c` only while the flag is up: what is read may come and go."""
    extra = e.get(size, "c") if e.read(("flag",)) else 0
    return sum(e.get(even, h) for h in HOSTS) + extra


def tower(e: Engine, level: int) -> int:
    """Its height changes with an input: at the flag it stands on `total`, else on the ground."""
    if level:
        return e.get(tower, level - 1) + 1
    return e.get(total) if e.read(("flag",)) else 0


WATCHABLE = ((total,), (tower, 3), (even, "a"), (size, "c"))
EDIT = st.tuples(
    st.one_of(st.tuples(st.just("hosts"), st.sampled_from(HOSTS)), st.just(("flag",))),
    st.one_of(st.none(), st.lists(st.integers(0, 3), max_size=3).map(tuple)),
)
STEP = st.one_of(
    EDIT.map(lambda edit: ("put", edit)),
    st.just(("settle", None)),
    st.sampled_from(WATCHABLE).map(lambda call: ("watch", call)),
    st.sampled_from(WATCHABLE).map(lambda call: ("unwatch", call)),
    st.sampled_from(WATCHABLE).map(lambda call: ("get", call)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_incremental_equals_from_scratch(steps: list[tuple[str, Any]]) -> None:
    live, world = Engine(), dict[object, object]()
    held: dict[Any, object] = {}
    for verb, what in steps:
        if verb == "put":
            world[what[0]] = what[1]
            live.put(what[0], what[1])
        elif verb == "watch" and what not in held:
            held[what] = live.watch(*what)
        elif verb == "unwatch" and held.pop(what, None) is not None:
            live.unwatch(*what)
        elif verb == "get":
            assert live.get(*what) == fresh(world).get(*what)
        elif verb == "settle":
            for (function, args), value in live.settle().items():
                held[(function, *args)] = value
            assert held == {call: fresh(world).get(*call) for call in held}


def fresh(world: dict[object, object]) -> Engine:
    engine = Engine()
    for key, value in world.items():
        engine.put(key, value)
    return engine


@given(st.lists(STEP, max_size=30))
@settings(max_examples=100, deadline=None)
def test_what_nobody_watches_is_forgotten(steps: list[tuple[str, Any]]) -> None:
    engine = Engine()
    held: list[Any] = []
    for verb, what in steps:
        if verb == "put":
            engine.put(what[0], what[1])
        elif verb == "watch":
            engine.watch(*what)
            held.append(what)
        elif verb == "get":
            engine.get(*what)
        elif verb == "settle":
            engine.settle()
    for call in held:
        engine.unwatch(*call)
    engine.settle()

    assert len(engine) == 0


def body(e: Engine, host: str) -> tuple[str, object]:
    return (host, e.read(("timeout", host)))


def names(e: Engine) -> tuple[str, ...]:
    return tuple(str(n) for n in range(1000) if e.get(head, str(n)))


def head(e: Engine, host: str) -> bool:
    return e.get(body, host)[1] is not None


@pytest.mark.parametrize("watchers", [1, 200])
def test_one_change_among_a_thousand_runs_a_constant_number_of_functions(watchers: int) -> None:
    engine = Engine()
    for n in range(1000):
        engine.put(("timeout", str(n)), 1)
    for _ in range(watchers):
        engine.watch(names)
        for n in range(1000):
            engine.watch(body, str(n))
    engine.runs.clear()

    engine.put(("timeout", "7"), 2)

    assert engine.settle() == {(body, ("7",)): ("7", 2)}
    assert engine.runs.total() == 2  # the body, and its head that stays equal


def test_an_equal_result_is_the_old_object() -> None:
    engine = Engine()
    engine.put(("hosts", "a"), (1, 2))
    first = engine.watch(hosts, "a")
    engine.put(("hosts", "a"), (1,))
    engine.put(("hosts", "a"), (1, 2))

    assert engine.settle() == {}
    assert engine.get(hosts, "a") is first


def loop(e: Engine, n: int) -> int:
    return e.get(loop, 1 - n)


def test_a_cycle_is_an_error() -> None:
    with pytest.raises(CycleError):
        Engine().get(loop, 0)


def shaky(e: Engine) -> int:
    if e.read(("bad",)):
        raise ValueError("bad")
    return 1


def above(e: Engine) -> int:
    return e.get(shaky) + 1


def test_a_failing_function_keeps_its_old_value_and_harms_nothing_else() -> None:
    engine = Engine()
    engine.watch(above)
    engine.watch(size, "a")

    engine.put(("bad",), True)
    engine.put(("hosts", "a"), (1,))
    assert engine.settle() == {(size, ("a",)): 1}
    assert [str(problem) for problem in engine.failed.values()] == ["bad"]

    engine.put(("bad",), None)
    engine.put(("bad", "other"), 1)
    assert engine.settle() == {}
    assert engine.failed == {}
    assert engine.get(above) == 2


def putting(e: Engine) -> None:
    e.put(("x",), 1)


def test_a_derived_function_must_not_put() -> None:
    with pytest.raises(RuntimeError):
        Engine().get(putting)


def mix(e: Engine, n: int) -> int:
    """A graph that the inputs draw: reads the cells below that its edges name."""
    edges = cast("tuple[int, ...] | None", e.read(("edges", n))) or ()
    below = [e.get(mix, m) for m in edges if m < n]
    own = e.read(("own", n))
    return sum(below) % 5 + (own if isinstance(own, int) else 0)


NODES = 7
DRAWING = st.one_of(
    st.tuples(
        st.tuples(st.just("edges"), st.integers(1, NODES)), st.lists(st.integers(0, NODES), max_size=4).map(tuple)
    ),
    st.tuples(st.tuples(st.just("own"), st.integers(0, NODES)), st.integers(0, 3)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(DRAWING, max_size=4), max_size=10))
def test_every_settle_reaches_everything_in_any_graph(rounds: list[list[tuple[Any, Any]]]) -> None:
    """Also what a cell marks that was refreshed on the way, because a reader below it in the order came first."""
    engine, world = Engine(), dict[object, object]()
    held = {n: engine.watch(mix, n) for n in range(NODES + 1)}
    for edits in rounds:
        for key, value in edits:
            world[key] = value
            engine.put(key, value)
        for (_, args), value in engine.settle().items():
            held[int(str(args[0]))] = int(str(value))
        scratch = fresh(world)
        assert held == {n: scratch.get(mix, n) for n in held}
