"""The embedded store: Kubernetes-style objects in one SQLite file, with revisions and a watch.

Place:  shell/stores · implements ports.ConfigStore and Together · served by shell/servers/api, read by shell/ingest

Every write is a row of `log` with a revision of its own; `current` names the last row of each object, `kept` the
last sound one where the last is not sound. A watch
reads `log` from its revision on and is woken by writes of this process, the only one that opens the file.

Calls run in the event loop: a write takes about 0.1 ms (WAL, no fsync), a read less. `synchronous=NORMAL` loses
nothing when the process is killed; only a power cut can lose the last writes, and never leaves a torn file.
"""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import apsw
import msgspec

from meltemi.core.model.document import Key
from meltemi.ports.store import Batch, Change, ChangeKind, ConflictError, NotFoundError, Source, Stored, Write
from meltemi.shell.stores.objects import stamped

KEEP = 20_000
"""Revisions that a watch may resume from; older ones start anew."""
BATCH = 500
"""Changes told at a time."""
TIDY = 1000
"""Writes after which what is older than `KEEP` is forgotten."""

Row = tuple[Any, ...]
"""As `_COLUMNS` lists them."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster TEXT NOT NULL, grp TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    gone INTEGER NOT NULL, body BLOB NOT NULL, source BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS current (
    cluster TEXT NOT NULL, grp TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    revision INTEGER NOT NULL, PRIMARY KEY (grp, kind, namespace, name, cluster)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (
    cluster TEXT NOT NULL, grp TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    revision INTEGER NOT NULL, PRIMARY KEY (grp, kind, namespace, name, cluster)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS compacted (revision INTEGER NOT NULL);
"""
_COLUMNS = "log.revision, log.cluster, log.grp, log.kind, log.namespace, log.name, log.gone, log.body, log.source"
_WHERE = "cluster = ? AND grp = ? AND kind = ? AND namespace = ? AND name = ?"


class SqliteStore:
    """One file of objects. Use as a context manager; not from several threads or processes."""

    def __init__(self, path: Path) -> None:
        self._db = apsw.Connection(str(path))
        path.chmod(0o600)
        self._write("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        self._write(_SCHEMA)
        self._written = asyncio.Event()
        self._tidied = self.revision

    def __enter__(self) -> "SqliteStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    async def get(self, key: Key) -> Stored:
        """The object now. Raises NotFoundError."""
        found = self._current(key)
        if found is None:
            raise NotFoundError(str(key))
        return found

    async def list(self, group: str, kind: str, namespace: str = "") -> tuple[tuple[Stored, ...], int]:
        """Objects of a kind, sorted by key, and the store's revision."""
        where, values = "c.grp = ? AND c.kind = ?", [group, kind]
        if namespace:
            where, values = where + " AND c.namespace = ?", [*values, namespace]
        rows = self._rows(f"SELECT {_COLUMNS} FROM current c JOIN log USING (revision) WHERE {where}", values)  # noqa: S608  (constants only)
        return tuple(sorted((_stored(row) for row in rows), key=lambda stored: stored.key)), self.revision

    async def put(self, key: Key, body: bytes, *, source: Source | None = None, expected: int | None = None) -> Stored:
        """Create or replace; see the port. Raises ConflictError."""
        stored = self._put(key, body, source, expected)
        self._tell()
        return stored

    def _put(self, key: Key, body: bytes, source: Source | None, expected: int | None) -> Stored:
        with self._transaction():
            old = self._current(key)
            _expect(key, old, expected)
            kept = source or (old.source if old else Source())
            revision = self._append(key, gone=False, body=b"", source=kept)
            stored = Stored(
                key=key, revision=revision, body=stamped(body, old.body if old else None, revision), source=kept
            )
            self._write("UPDATE log SET body = ? WHERE revision = ?", (stored.body, revision))
            self._write(
                "INSERT OR REPLACE INTO current (revision, cluster, grp, kind, namespace, name)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (revision, *_words(key)),
            )
            return stored

    async def delete(self, key: Key, *, expected: int | None = None) -> Stored:
        """Remove; returns the last state. Raises NotFoundError, ConflictError."""
        old = self._delete(key, expected)
        self._tell()
        return old

    def _delete(self, key: Key, expected: int | None) -> Stored:
        with self._transaction():
            old = self._current(key)
            if old is None:
                raise NotFoundError(str(key))
            _expect(key, old, expected)
            self._append(key, gone=True, body=old.body, source=old.source)
            for table in ("current", "kept"):
                self._write(f"DELETE FROM {table} WHERE {_WHERE}", _words(key))  # noqa: S608  (constants only)
            return old

    async def write_all(self, writes: Sequence[Write]) -> tuple[Stored, ...]:
        """All of them in one transaction, or none; see the port. Raises NotFoundError, ConflictError."""
        with self._transaction():
            stored = tuple(
                self._delete(one.key, one.expected)
                if one.body is None
                else self._put(one.key, one.body, one.source, one.expected)
                for one in writes
            )
        self._tell()
        return stored

    async def changes(self, *, after: int) -> AsyncIterator[Batch]:
        """Every batch after a revision; see the port."""
        seen = after
        if after and (after < self._compacted or after > self.revision):
            yield Batch(revision=0, changes=(), restart=True)
            seen = 0
        if not seen:
            seen = self.revision
            for batch in self._replay(seen):
                yield batch
        while True:
            written = self._written
            for batch in self._since(seen):
                seen = batch.revision
                yield batch
            if seen < self._compacted:
                yield Batch(revision=0, changes=(), restart=True)
                seen = self.revision
                for batch in self._replay(seen):
                    yield batch
            if seen == self.revision:
                await written.wait()

    def versions(self, key: Key) -> Sequence[Stored]:
        """Those since the object was created, as far as they are remembered; see the port."""
        if self._current(key) is None:
            return ()
        rows = self._rows(f"SELECT {_COLUMNS} FROM log WHERE {_WHERE} ORDER BY revision DESC", _words(key))  # noqa: S608  (constants only)
        return tuple(_stored(row) for row in takewhile(lambda row: not row[6], rows))

    def keep(self, key: Key, revision: int) -> None:
        """See the port."""
        self._write(
            "INSERT OR REPLACE INTO kept (revision, cluster, grp, kind, namespace, name) VALUES (?, ?, ?, ?, ?, ?)",
            (revision, *_words(key)),
        )

    @property
    def revision(self) -> int:
        """Of the last write; 0 for an empty store."""
        row = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'log'")
        return row[0][0] if row else 0

    def compact(self, keep: int = KEEP) -> None:
        """Forget superseded revisions but the last `keep`; watches that stand before them start anew."""
        limit = self.revision - keep
        if limit <= self._compacted:
            return
        with self._transaction():
            self._write(
                "DELETE FROM log WHERE revision <= ?"
                " AND revision NOT IN (SELECT revision FROM current UNION SELECT revision FROM kept)",
                (limit,),
            )
            self._write("DELETE FROM compacted")
            self._write("INSERT INTO compacted VALUES (?)", (limit,))

    @property
    def _compacted(self) -> int:
        row = self._rows("SELECT revision FROM compacted")
        return row[0][0] if row else 0

    @contextmanager
    def _transaction(self) -> Generator[None]:
        with self._db:
            yield

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> Sequence[Row]:
        # apsw's stubs name a type that Python 3.11 lacks
        return self._db.execute(statement, values).fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    def _write(self, statement: str, values: Sequence[Any] = ()) -> None:
        self._db.execute(statement, values)  # pyright: ignore[reportUnknownMemberType]  (as above)

    def _append(self, key: Key, *, gone: bool, body: bytes, source: Source) -> int:
        self._write(
            "INSERT INTO log (cluster, grp, kind, namespace, name, gone, body, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*_words(key), gone, body, msgspec.json.encode(source)),
        )
        return self._db.last_insert_rowid()

    def _current(self, key: Key) -> Stored | None:
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM log WHERE revision = (SELECT revision FROM current WHERE {_WHERE})",  # noqa: S608  (constants only)
            _words(key),
        )
        return _stored(rows[0]) if rows else None

    def _replay(self, revision: int) -> Iterator[Batch]:
        """The whole content up to a revision, then an empty batch that says so."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM current c JOIN log USING (revision) WHERE revision <= ? ORDER BY revision",  # noqa: S608  (constants only)
            (revision,),
        )
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            yield Batch(revision=part[-1][0], changes=tuple(_change(row) for row in part))
        yield Batch(revision=revision, changes=(), complete=True)

    def _since(self, revision: int) -> Iterator[Batch]:
        while revision >= self._compacted:
            rows = self._rows(
                f"SELECT {_COLUMNS} FROM log WHERE revision > ? ORDER BY revision LIMIT {BATCH}",  # noqa: S608  (constants only)
                (revision,),
            )
            if not rows:
                return
            revision = rows[-1][0]
            yield Batch(revision=revision, changes=tuple(_change(row) for row in rows))

    def _tell(self) -> None:
        """Wake every watch; each write has an event of its own, so that none is lost."""
        self._written.set()
        self._written = asyncio.Event()
        if self.revision - self._tidied >= TIDY:
            self._tidied = self.revision
            self.compact()


def _expect(key: Key, old: Stored | None, expected: int | None) -> None:
    found = old.revision if old else 0
    if expected is not None and expected != found:
        raise ConflictError(f"{key} is at revision {found}, not at {expected}" if found else f"{key} does not exist")


def _words(key: Key) -> tuple[str, str, str, str, str]:
    return key.cluster, key.group, key.kind, key.namespace, key.name


def _stored(row: Row) -> Stored:
    revision, cluster, group, kind, namespace, name, _, body, source = row
    key = Key(cluster=cluster, group=group, kind=kind, namespace=namespace, name=name)
    return Stored(
        key=key,
        revision=revision,
        body=body,
        source=msgspec.json.decode(source, type=Source),
    )


def _change(row: Row) -> Change:
    return Change(kind=ChangeKind.DELETE if row[6] else ChangeKind.PUT, object=_stored(row))
