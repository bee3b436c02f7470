"""Issuers' keys in a table of the store's file.

Place:  shell/stores · implements ports.KeySetMemory · used by shell/jwks/keeper
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from meltemi.core.model.security.keys import KeySet, KeySource

_SCHEMA = "CREATE TABLE IF NOT EXISTS key_sets (source BLOB PRIMARY KEY, found BLOB NOT NULL)"


class SqliteKeySets:
    """One table. Use as a context manager; not from several threads."""

    def __init__(self, path: Path) -> None:
        self._db = apsw.Connection(str(path))
        self._db.set_busy_timeout(5000)
        self._do("PRAGMA synchronous = NORMAL")
        self._do(_SCHEMA)

    def __enter__(self) -> "SqliteKeySets":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def key_sets(self) -> Mapping[KeySource, KeySet]:
        """See the port."""
        found: dict[KeySource, KeySet] = {}
        for source, text in self._do("SELECT source, found FROM key_sets"):
            try:
                key = msgspec.msgpack.decode(source, type=KeySource)
                found[key] = msgspec.msgpack.decode(text, type=KeySet)
            except msgspec.DecodeError:
                continue  # written by another version of this program: it will be fetched again
        return found

    def remember(self, source: KeySource, found: KeySet) -> None:
        """See the port."""
        encode = msgspec.msgpack.encode
        self._do("INSERT OR REPLACE INTO key_sets (source, found) VALUES (?, ?)", (encode(source), encode(found)))

    def keep_only(self, sources: Collection[KeySource]) -> None:
        """See the port."""
        for source in self.key_sets().keys() - set(sources):
            self._do("DELETE FROM key_sets WHERE source = ?", (msgspec.msgpack.encode(source),))

    def _do(self, statement: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        # apsw's stubs name a type that Python 3.11 lacks
        return self._db.execute(statement, values).fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
