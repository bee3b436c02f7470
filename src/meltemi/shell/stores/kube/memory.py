"""What the mesh knows of objects and an API server does not keep: where they were written, and earlier versions.

Place:  shell/stores/kube · store → [memory] → one SQLite file

An API server keeps the last version of an object only; the mesh must know the last sound one, also after a restart.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from meltemi.core.model.document import Key
from meltemi.core.model.source import Source
from meltemi.ports.store import Stored

KEEP = 5
"""Versions of an object that are remembered, besides the one that is kept."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (key TEXT PRIMARY KEY, source BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    key TEXT NOT NULL, uid TEXT NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL, kept INTEGER NOT NULL,
    PRIMARY KEY (key, revision)
) WITHOUT ROWID;
"""


class Memory:
    """One file. Use as a context manager; not from several threads."""

    def __init__(self, path: Path | None) -> None:
        """None: nothing outlives the process."""
        self._db = apsw.Connection(str(path) if path else ":memory:")
        if path:
            path.chmod(0o600)
        self._db.set_busy_timeout(5000)
        self._do("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        self._do(_SCHEMA)

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def source(self, key: Key) -> Source:
        """Where an object was written; an empty source where nobody said so."""
        found = self._do("SELECT source FROM sources WHERE key = ?", (_text(key),))
        return msgspec.json.decode(found[0][0], type=Source) if found else Source()

    def place(self, key: Key, source: Source) -> None:
        """An object was written there."""
        self._do("INSERT OR REPLACE INTO sources VALUES (?, ?)", (_text(key), msgspec.json.encode(source)))

    def remember(self, one: Stored, uid: str) -> None:
        """A version of an object was in the store."""
        key = _text(one.key)
        with self._db:
            self._do("INSERT OR IGNORE INTO versions VALUES (?, ?, ?, ?, 0)", (key, uid, one.revision, one.body))
            self._do(
                "DELETE FROM versions WHERE key = ?1 AND NOT kept AND (uid != ?2 OR revision NOT IN"
                " (SELECT revision FROM versions WHERE key = ?1 ORDER BY revision DESC LIMIT ?3))",
                (key, uid, KEEP),
            )
            self._do("DELETE FROM versions WHERE key = ? AND uid != ?", (key, uid))

    def versions(self, key: Key) -> Sequence[Stored]:
        """What is remembered of an object, newest first."""
        rows = self._do("SELECT revision, body FROM versions WHERE key = ? ORDER BY revision DESC", (_text(key),))
        return tuple(Stored(key=key, revision=revision, body=body) for revision, body in rows)

    def keep(self, key: Key, revision: int) -> None:
        """This version stays, instead of the one that was kept before."""
        with self._db:
            self._do("UPDATE versions SET kept = (revision = ?) WHERE key = ?", (revision, _text(key)))

    def forget(self, key: Key) -> None:
        """The object is gone."""
        with self._db:
            for table in ("sources", "versions"):
                self._do(f"DELETE FROM {table} WHERE key = ?", (_text(key),))  # noqa: S608  (constants only)

    def _do(self, statement: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        # apsw's stubs name a type that Python 3.11 lacks
        return self._db.execute(statement, values).fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _text(key: Key) -> str:
    return "|".join((key.cluster, key.group, key.kind, key.namespace, key.name))
