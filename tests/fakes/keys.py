"""Keys in memory, keeping every promise of the port (held by tests/contract)."""

from meltemi.ports.keys import ExistsError


class FakeKeys:
    """A dict."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def names(self) -> frozenset[str]:
        return frozenset(self.kept)

    async def read(self, name: str) -> bytes | None:
        return self.kept.get(_sound(name))

    async def write(self, name: str, data: bytes, *, new: bool = False) -> None:
        if new and _sound(name) in self.kept:
            raise ExistsError(name)
        self.kept[_sound(name)] = data


def _sound(name: str) -> str:
    plain = name.replace(".", "").replace("-", "")
    if not plain.isalnum() or not name[0].isalnum() or name.endswith(".new"):
        raise ValueError(name)
    return name
