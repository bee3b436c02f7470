"""Every CallMemory, and the fake, keeps the promises of the port."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.calls import FakeCalls
from meltemi.core.model.proxy import Caller
from meltemi.ports.calls import CallMemory
from meltemi.shell.stores.calls import MOST, SqliteCalls

MAKERS: dict[str, Callable[[Path], CallMemory]] = {
    "fake": lambda _: FakeCalls(),
    "sqlite": lambda folder: SqliteCalls(folder / "store.db"),
}
CART, SHOP = Caller(namespace="shop", owner="cart"), Caller(namespace="other", owner="cart")


@pytest.fixture(params=MAKERS.values(), ids=list(MAKERS))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> CallMemory:
    return request.param(tmp_path)


def test_each_workload_has_its_own(memory: CallMemory) -> None:
    memory.remember(CART, frozenset({"80/a", "80/b"}))
    memory.remember(CART, frozenset({"80/b", "81/c"}))
    memory.remember(SHOP, frozenset({"80/d"}))

    assert memory.calls() == {CART: frozenset({"80/a", "80/b", "81/c"}), SHOP: frozenset({"80/d"})}


def test_only_the_newest_are_kept(memory: CallMemory) -> None:
    memory.remember(SHOP, frozenset({"80/old"}))
    memory.remember(CART, frozenset(f"80/{i}" for i in range(MOST)))

    assert set(memory.calls()) == {CART}


def test_a_file_outlives_the_program(tmp_path: Path) -> None:
    with SqliteCalls(tmp_path / "store.db") as memory:
        memory.remember(CART, frozenset({"80/a"}))
    with SqliteCalls(tmp_path / "store.db") as memory:
        assert memory.calls() == {CART: frozenset({"80/a"})}
