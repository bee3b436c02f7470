"""What was fetched, in a table of the store's file.

Place:  shell/stores · implements ports.FetchedMemory · used by shell/fetching/keeper
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw
import msgspec

from meltemi.core.model.value import Value

Source = TypeVar("Source", bound=Value)
Found = TypeVar("Found", bound=Value)


class SqliteFetched(Generic[Source, Found]):
    """One table. Use as a context manager; not from several threads."""

    def __init__(self, path: Path, table: str, source: type[Source], found: type[Found]) -> None:
        self._table, self._source, self._found = table, source, found
        self._db = apsw.Connection(str(path))
        self._db.set_busy_timeout(5000)
        self._do("PRAGMA synchronous = NORMAL")
        self._do(f"CREATE TABLE IF NOT EXISTS {table} (source BLOB PRIMARY KEY, found BLOB NOT NULL)")

    def __enter__(self) -> "SqliteFetched[Source, Found]":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def known(self) -> Mapping[Source, Found]:
        """See the port."""
        kept: dict[Source, Found] = {}
        for source, text in self._do(f"SELECT source, found FROM {self._table}"):  # noqa: S608  (a word of the program)
            try:
                key = msgspec.msgpack.decode(source, type=self._source)
                kept[key] = msgspec.msgpack.decode(text, type=self._found)
            except msgspec.DecodeError:
                continue  # written by another version of this program: it will be fetched again
        return kept

    def remember(self, source: Source, found: Found) -> None:
        """See the port."""
        encode = msgspec.msgpack.encode
        values = (encode(source), encode(found))
        self._do(f"INSERT OR REPLACE INTO {self._table} (source, found) VALUES (?, ?)", values)  # noqa: S608

    def keep_only(self, sources: Collection[Source]) -> None:
        """See the port."""
        for source in self.known().keys() - set(sources):
            self._do(f"DELETE FROM {self._table} WHERE source = ?", (msgspec.msgpack.encode(source),))  # noqa: S608

    def _do(self, statement: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        # apsw's stubs name a type that Python 3.11 lacks
        return self._db.execute(statement, values).fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
