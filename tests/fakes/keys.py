"""Keys in memory, keeping every promise of the port (held by tests/contract)."""

import asyncio

from meltemi.ports.keys import ExistsError


class FakeKeys:
    """A dict."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def names(self) -> frozenset[str]:
        await _elsewhere()
        return frozenset(self.kept)

    async def read(self, name: str) -> bytes | None:
        await _elsewhere()
        return self.kept.get(_sound(name))

    async def write(self, name: str, data: bytes, *, new: bool = False) -> None:
        await _elsewhere()
        if new and _sound(name) in self.kept:
            raise ExistsError(name)
        self.kept[_sound(name)] = data


async def _elsewhere() -> None:
    """Others run meanwhile, as while a disk is waited for."""
    await asyncio.sleep(0)


def _sound(name: str) -> str:
    plain = name.replace(".", "").replace("-", "")
    if not plain.isalnum() or not name[0].isalnum() or name.endswith(".new"):
        raise ValueError(name)
    return name
