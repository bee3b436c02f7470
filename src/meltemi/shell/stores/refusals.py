"""Refusals in a table of the store's file.

Place:  shell/stores · implements ports.RefusalMemory · used by shell/publish

Another Envoy may accept what this one refused: rows say which one it was, and only its own count.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from meltemi.core.model.refusal import Refusal
from meltemi.core.xds.refusals import MOST

_SCHEMA = """
CREATE TABLE IF NOT EXISTS refused (
    number INTEGER PRIMARY KEY AUTOINCREMENT, envoy TEXT NOT NULL,
    type TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, refusal BLOB NOT NULL,
    UNIQUE (type, name, version)
);
"""


class SqliteRefusals:
    """One table. Use as a context manager; not from several threads."""

    def __init__(self, path: Path, *, envoy: str) -> None:
        """`envoy`: the version of the Envoy that refuses."""
        self._envoy = envoy
        self._db = apsw.Connection(str(path))
        self._db.set_busy_timeout(5000)
        self._do("PRAGMA synchronous = NORMAL")
        self._do(_SCHEMA)

    def __enter__(self) -> "SqliteRefusals":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def refusals(self) -> Sequence[Refusal]:
        """See the port."""
        return tuple(self._read())

    def remember(self, refusal: Refusal) -> None:
        """See the port."""
        one = refusal.resource
        with self._db:
            self._do(
                "INSERT OR REPLACE INTO refused (envoy, type, name, version, refusal) VALUES (?, ?, ?, ?, ?)",
                (self._envoy, one.type, one.name, one.version, msgspec.msgpack.encode(refusal)),
            )
            self._do(
                "DELETE FROM refused WHERE number NOT IN (SELECT number FROM refused ORDER BY number DESC LIMIT ?)",
                (MOST,),
            )

    def _read(self) -> Iterator[Refusal]:
        for (text,) in self._do("SELECT refusal FROM refused WHERE envoy = ? ORDER BY number", (self._envoy,)):
            try:
                yield msgspec.msgpack.decode(text, type=Refusal)
            except msgspec.DecodeError:
                continue  # written by another version of this program: it will be refused again

    def _do(self, statement: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        # apsw's stubs name a type that Python 3.11 lacks
        return self._db.execute(statement, values).fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
