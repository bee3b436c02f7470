"""Every RefusalMemory, and the fake, keeps the promises of the port."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.refusals import FakeRefusals
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.document import Path as Place
from meltemi.core.model.refusal import Refusal
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.units import Seconds
from meltemi.core.xds.refusals import MOST
from meltemi.ports.refusals import RefusalMemory
from meltemi.shell.stores.refusals import SqliteRefusals

MAKERS: dict[str, Callable[[Path], RefusalMemory]] = {
    "fake": lambda _: FakeRefusals(),
    "sqlite": lambda folder: SqliteRefusals(folder / "store.db", envoy="1.40.0"),
}
ORIGIN = Origin(key=Key(group="", kind="Service", namespace="ns", name="s"), path=Place("spec.ports[0]"))


def made(version: str, name: str = "80/h") -> Resource:
    """With everything in it that there can be."""
    return Resource(
        type=ResourceType.VIRTUAL_HOST,
        name=name,
        version=version,
        body=b"\x00\xff" + version.encode(),
        needs=frozenset({"a", "b"}),
        hold=Seconds(1.5),
        origin=(ORIGIN,),
    )


@pytest.fixture(params=MAKERS.values(), ids=list(MAKERS))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> RefusalMemory:
    return request.param(tmp_path)


def test_what_was_remembered_is_told_oldest_first(memory: RefusalMemory):
    assert tuple(memory.refusals()) == ()
    first = Refusal(resource=made("2"), reason="too long", instead=made("1"))
    second = Refusal(resource=made("3"), reason="no")
    memory.remember(first)
    memory.remember(second)

    assert tuple(memory.refusals()) == (first, second)


def test_of_one_version_the_newest_refusal_counts(memory: RefusalMemory):
    memory.remember(Refusal(resource=made("2"), reason="no"))
    memory.remember(Refusal(resource=made("3"), reason="no"))
    memory.remember(Refusal(resource=made("2"), reason="no", instead=made("1")))

    kept = memory.refusals()

    assert [(one.resource.version, one.instead) for one in kept] == [("3", None), ("2", made("1"))]


def test_only_the_newest_are_kept(memory: RefusalMemory):
    for n in range(MOST + 3):
        memory.remember(Refusal(resource=made(str(n)), reason="no"))

    kept = memory.refusals()

    assert [one.resource.version for one in kept] == [str(n) for n in range(3, MOST + 3)]


def test_the_file_tells_them_to_the_next_who_opens_it_and_to_no_other_envoy(tmp_path: Path):
    file = tmp_path / "store.db"
    refusal = Refusal(resource=made("2"), reason="no", instead=made("1"))
    with SqliteRefusals(file, envoy="1.40.0") as memory:
        memory.remember(refusal)

    with SqliteRefusals(file, envoy="1.40.0") as memory:
        assert tuple(memory.refusals()) == (refusal,)
    with SqliteRefusals(file, envoy="1.41.0") as memory:
        assert tuple(memory.refusals()) == ()


def test_what_cannot_be_read_is_left_out(tmp_path: Path):
    file = tmp_path / "store.db"
    with SqliteRefusals(file, envoy="1.40.0") as memory:
        memory.remember(Refusal(resource=made("2"), reason="no"))
        memory.remember(Refusal(resource=made("3"), reason="no"))
        with sqlite3.connect(file) as other:
            other.execute("UPDATE refused SET refusal = x'80' WHERE version = '2'")

        assert [one.resource.version for one in memory.refusals()] == ["3"]
