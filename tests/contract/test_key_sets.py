"""Every KeySetMemory, and the fake, keeps the promises of the port."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.key_sets import FakeKeySets
from meltemi.core.model.security.keys import KeySet, KeySource
from meltemi.ports.key_sets import KeySetMemory
from meltemi.shell.stores.key_sets import SqliteKeySets

MAKERS: dict[str, Callable[[Path], KeySetMemory]] = {
    "fake": lambda _: FakeKeySets(),
    "sqlite": lambda folder: SqliteKeySets(folder / "store.db"),
}
ONE, TWO = KeySource(uri="https://one"), KeySource(uri="https://two", issuer="two")
FOUND = KeySet(jwks='{"keys": []}', unused=("key 0: why",))


@pytest.fixture(params=MAKERS.values(), ids=list(MAKERS))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> KeySetMemory:
    return request.param(tmp_path)


def test_of_each_source_the_last_set_is_kept(memory: KeySetMemory) -> None:
    assert memory.key_sets() == {}
    memory.remember(ONE, KeySet(jwks="old"))
    memory.remember(TWO, FOUND)
    memory.remember(ONE, KeySet(jwks="new"))

    assert memory.key_sets() == {ONE: KeySet(jwks="new"), TWO: FOUND}


def test_the_others_are_forgotten(memory: KeySetMemory) -> None:
    memory.remember(ONE, FOUND)
    memory.remember(TWO, FOUND)
    memory.keep_only({TWO, KeySource(uri="https://three")})

    assert memory.key_sets() == {TWO: FOUND}


def test_the_file_tells_the_next_who_opens_it_what_he_can_read(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with SqliteKeySets(file) as memory:
        memory.remember(ONE, FOUND)
        memory.remember(TWO, FOUND)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE key_sets SET found = x'00' WHERE rowid = 2")

    with SqliteKeySets(file) as memory:
        assert memory.key_sets() == {ONE: FOUND}
