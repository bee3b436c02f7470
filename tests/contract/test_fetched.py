"""Every FetchedMemory, and the fake, keeps the promises of the port."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.fetched import FakeFetched
from meltemi.core.model.security.keys import KeySet, KeySource
from meltemi.ports.fetched import FetchedMemory
from meltemi.shell.stores.fetched import SqliteFetched

Memory = FetchedMemory[KeySource, KeySet]


def opened(file: Path) -> SqliteFetched[KeySource, KeySet]:
    return SqliteFetched(file, "key_sets", KeySource, KeySet)


MAKERS: dict[str, Callable[[Path], Memory]] = {
    "fake": lambda _: FakeFetched(),
    "sqlite": lambda folder: opened(folder / "store.db"),
}
ONE, TWO = KeySource(uri="https://one"), KeySource(uri="https://two", issuer="two")
FOUND = KeySet(jwks='{"keys": []}', unused=("key 0: why",))


@pytest.fixture(params=MAKERS.values(), ids=list(MAKERS))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Memory:
    return request.param(tmp_path)


def test_of_each_source_the_last_set_is_kept(memory: Memory) -> None:
    assert memory.known() == {}
    memory.remember(ONE, KeySet(jwks="old"))
    memory.remember(TWO, FOUND)
    memory.remember(ONE, KeySet(jwks="new"))

    assert memory.known() == {ONE: KeySet(jwks="new"), TWO: FOUND}


def test_the_others_are_forgotten(memory: Memory) -> None:
    memory.remember(ONE, FOUND)
    memory.remember(TWO, FOUND)
    memory.keep_only({TWO, KeySource(uri="https://three")})

    assert memory.known() == {TWO: FOUND}


def test_the_file_tells_the_next_who_opens_it_what_he_can_read(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with opened(file) as memory:
        memory.remember(ONE, FOUND)
        memory.remember(TWO, FOUND)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE key_sets SET found = x'00' WHERE rowid = 2")

    with opened(file) as memory:
        assert memory.known() == {ONE: FOUND}
