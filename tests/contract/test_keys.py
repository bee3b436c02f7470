"""Every Keys, and the fake, keeps the promises of the port."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.keys import FakeKeys
from meltemi.ports.keys import ExistsError, Keys
from meltemi.shell.keys.files import FileKeys

MAKERS: dict[str, Callable[[Path], Keys]] = {
    "fake": lambda _: FakeKeys(),
    "files": lambda folder: FileKeys(folder / "state" / "ca"),
}


@pytest.fixture(params=MAKERS.values(), ids=list(MAKERS))
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Keys:
    return request.param(tmp_path)


def test_nothing_is_kept_at_first(keys: Keys):
    assert asyncio.run(keys.names()) == frozenset()
    assert asyncio.run(keys.read("root")) is None


def test_what_was_written_last_is_read(keys: Keys):
    asyncio.run(keys.write("root", b"one"))
    asyncio.run(keys.write("root", b"two"))

    assert asyncio.run(keys.read("root")) == b"two"
    assert asyncio.run(keys.names()) == {"root"}


def test_new_replaces_nothing(keys: Keys):
    asyncio.run(keys.write("root", b"one", new=True))

    with pytest.raises(ExistsError):
        asyncio.run(keys.write("root", b"two", new=True))
    assert asyncio.run(keys.read("root")) == b"one"
    assert asyncio.run(keys.names()) == {"root"}


def test_of_many_who_write_new_one_succeeds(keys: Keys):
    async def write(data: bytes) -> bytes | None:
        try:
            await keys.write("root", data, new=True)
        except ExistsError:
            return None
        return data

    async def many() -> list[bytes | None]:
        async with asyncio.TaskGroup() as tasks:
            writers = [tasks.create_task(write(bytes([n]))) for n in range(8)]
        return [one.result() for one in writers]

    written = [one for one in asyncio.run(many()) if one is not None]

    assert written == [asyncio.run(keys.read("root"))]


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", ".hidden", "a b", "root.new"])
def test_names_lead_nowhere_else(keys: Keys, name: str):
    with pytest.raises(ValueError):
        asyncio.run(keys.write(name, b"x"))
    with pytest.raises(ValueError):
        asyncio.run(keys.read(name))


def test_files_are_their_owners_only(tmp_path: Path):
    keys = FileKeys(tmp_path / "ca")

    asyncio.run(keys.write("root", b"one"))
    asyncio.run(keys.write("other", b"one", new=True))

    modes = [stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "ca", *(tmp_path / "ca").iterdir())]
    assert modes == [0o700, 0o600, 0o600]


def test_a_write_that_was_cut_short_has_left_no_name(tmp_path: Path):
    keys = FileKeys(tmp_path)
    asyncio.run(keys.write("root", b"one"))
    (tmp_path / "root.4711.new").write_bytes(b"tw")

    assert asyncio.run(keys.names()) == {"root"}
    assert asyncio.run(keys.read("root")) == b"one"
