"""Fetched modules as files that proxies read, each called by its checksum.

Place:  shell/modules · implements ports.FetchedMemory over stores/fetched · used by fetch and fetching/keeper
"""

from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path

from meltemi.core.model.module import SUFFIX, FoundModule, ModuleSource
from meltemi.ports.fetched import FetchedMemory


class ModuleFiles:
    """One folder, which all proxies of the mesh see and none can write to."""

    def __init__(self, folder: Path, memory: FetchedMemory[ModuleSource, FoundModule]) -> None:
        self._folder = folder
        self._memory = memory
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)

    def known(self) -> Mapping[ModuleSource, FoundModule]:
        """See the port; what has lost its file is left out."""
        kept = {source: found for source, found in self._memory.known().items() if self._file(found.digest).exists()}
        self._remove_all_but({found.digest for found in kept.values()})
        return kept

    def remember(self, source: ModuleSource, found: FoundModule) -> None:
        """See the port. Files of others stay until the next start: a proxy may be about to read one."""
        self._memory.remember(source, found)

    def keep_only(self, sources: Collection[ModuleSource]) -> None:
        """See the port."""
        self._memory.keep_only(sources)

    def write(self, module: bytes) -> str:
        """Keep a module's bytes; returns the checksum. The file is whole or not there."""
        digest = sha256(module).hexdigest()
        file = self._file(digest)
        if not file.exists():
            fresh = file.with_suffix(".new")
            fresh.write_bytes(module)
            fresh.chmod(0o444)
            fresh.replace(file)
        return digest

    def _file(self, digest: str) -> Path:
        return self._folder / f"{digest}{SUFFIX}"

    def _remove_all_but(self, digests: set[str]) -> None:
        for file in self._folder.iterdir():
            if file.name.removesuffix(SUFFIX) not in digests:
                file.unlink()
