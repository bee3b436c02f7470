"""Fetch one key set: by its address, or by OpenID Connect discovery.

Place:  shell/jwks · KeySource, fetching/web → [fetch] → usable → fetching/keeper
Source: OpenID Connect Discovery 1.0, section 4

Nothing of what a server says is repeated to anybody but as keys.
"""

import ssl

from msgspec import structs

from meltemi.core.model.security.keys import KeySet, KeySource
from meltemi.core.model.units import Seconds
from meltemi.shell.fetching.reach import Reach
from meltemi.shell.fetching.web import Bounds, FetchError, Web, object_in
from meltemi.shell.jwks.usable import UnusableError, usable

BOUNDS = Bounds(size=1 << 20, pieces=1 << 12, at_once=64)
MOST_PATIENCE = Seconds(30)
"""Whatever a rule says: who waits keeps others from fetching."""
_JSON = {"Accept": "application/json"}


class Fetcher:
    """Fetches keys, as many sources at a time as are asked for, within bounds."""

    def __init__(self, reach: Reach, tls: ssl.SSLContext | None = None) -> None:
        self._web = Web(reach, BOUNDS, tls)

    async def fetch(self, source: KeySource, patience: Seconds) -> KeySet:
        """The keys of a source. Raises FetchError."""
        async with self._web.within(min(patience, MOST_PATIENCE)):
            try:
                return usable(await self._set_of(source))
            except UnusableError as why:
                raise FetchError(str(why)) from None

    async def _set_of(self, source: KeySource) -> bytes:
        answer = await self._web.get(source.uri, _JSON)
        if not source.issuer:
            return answer.body
        told = object_in(answer.body, "is told there")
        if told.get("issuer") != source.issuer:
            raise FetchError("what is told there is of another issuer")
        uri = told.get("jwks_uri")
        if not isinstance(uri, str):
            raise FetchError("what is told there has no 'jwks_uri'")
        return (await self._web.get(uri, _JSON, after=answer.address)).body


def failed(before: KeySet | None, why: FetchError) -> KeySet:
    """The last keys, and why there are no newer ones."""
    return structs.replace(before or KeySet(), fault=str(why))
