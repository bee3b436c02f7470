"""Keys as files that only their owner reads.

Place:  shell/keys · implements ports/keys below STATE/ca: the folder 0700, files 0600; `meltemi down` leaves them
"""

import asyncio
import os
import re
import tempfile
from pathlib import Path

from meltemi.ports.keys import ExistsError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_UNFINISHED = ".new"
"""How the file of a write that is under way ends; no name does."""


class FileKeys:
    """A folder of keys; made when the first one is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def names(self) -> frozenset[str]:
        """As the port says."""
        return await asyncio.to_thread(self._names)

    async def read(self, name: str) -> bytes | None:
        """As the port says."""
        return await asyncio.to_thread(self._read, _sound(name))

    async def write(self, name: str, data: bytes, *, new: bool = False) -> None:
        """As the port says."""
        await asyncio.to_thread(self._write, _sound(name), data, new)

    def _names(self) -> frozenset[str]:
        if not self._folder.is_dir():
            return frozenset()
        return frozenset(one.name for one in self._folder.iterdir() if not one.name.endswith(_UNFINISHED))

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, name: str, data: bytes, new: bool) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        target = self._folder / name
        descriptor, path = tempfile.mkstemp(suffix=_UNFINISHED, prefix=name, dir=self._folder)  # 0600
        unfinished = Path(path)
        try:
            _write_through(descriptor, data)
            if new:
                _link(unfinished, target)
            else:
                unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        _flush(self._folder)


def _sound(name: str) -> str:
    if not _NAME.fullmatch(name) or name.endswith(_UNFINISHED):
        raise ValueError(f"'{name}' is no name of a key")
    return name


def _write_through(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _link(unfinished: Path, target: Path) -> None:
    """Unlike a rename, a link does not replace."""
    try:
        target.hardlink_to(unfinished)
    except FileExistsError as problem:
        raise ExistsError(target.name) from problem


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
