"""Fetch one module: from a web server or from a registry.

Place:  shell/modules · ModuleSource, fetching/web → [fetch] → files → fetching/keeper
"""

import asyncio
import ssl
from hashlib import sha256

from msgspec import structs

from meltemi.core.compose.modules import OCI
from meltemi.core.model.module import FoundModule, ModuleSource, PullTerms
from meltemi.core.model.units import Seconds
from meltemi.shell.fetching.reach import Reach
from meltemi.shell.fetching.web import Bounds, FetchError, Web
from meltemi.shell.modules.contents import MOST, module_in
from meltemi.shell.modules.files import ModuleFiles
from meltemi.shell.modules.registry import Registry

BOUNDS = Bounds(size=MOST, pieces=1 << 18, at_once=2)
"""What is under way is held in memory."""
PATIENCE = Seconds(120)


class MismatchError(FetchError):
    """Something else came than was asked for."""


class ModuleFetcher:
    """Fetches modules within bounds."""

    def __init__(
        self, reach: Reach, files: ModuleFiles, *, plain: tuple[str, ...] = (), tls: ssl.SSLContext | None = None
    ) -> None:
        """`plain`: registries that are asked without TLS, as HOST or HOST:PORT."""
        self._web = Web(reach, BOUNDS, tls)
        self._files = files
        self._registry = Registry(self._web, plain)

    async def fetch(self, source: ModuleSource, terms: PullTerms) -> FoundModule:
        """The module of a source, kept as a file. Raises FetchError."""
        async with self._web.within(PATIENCE):
            if source.url.startswith(OCI):
                module, digests = await self._registry.module(source.url, terms.basic)
            else:
                body = (await self._web.get(source.url)).body
                module = await asyncio.to_thread(module_in, body)
                digests = (sha256(module).hexdigest(), sha256(body).hexdigest())
        if source.sha256 and source.sha256 not in digests:
            raise MismatchError(f"its checksum is {digests[0]}")
        return FoundModule(digest=self._files.write(module))


def failed(before: FoundModule | None, why: FetchError) -> FoundModule:
    """The last module, and why there is no newer one."""
    return structs.replace(before or FoundModule(), fault=str(why), mismatch=isinstance(why, MismatchError))
