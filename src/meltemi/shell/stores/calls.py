"""What workloads have called, in a table of the store's file.

Place:  shell/stores · implements ports.CallMemory · used by shell/publish
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw

from meltemi.core.model.proxy import Caller

MOST = 100_000
"""Names of all workloads together."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS called (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL,
    UNIQUE (namespace, owner, name)
);
"""


class SqliteCalls:
    """One table. Use as a context manager; not from several threads."""

    def __init__(self, path: Path) -> None:
        self._db = apsw.Connection(str(path))
        self._db.set_busy_timeout(5000)
        self._do("PRAGMA synchronous = NORMAL")
        self._do(_SCHEMA)

    def __enter__(self) -> "SqliteCalls":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def calls(self) -> Mapping[Caller, frozenset[str]]:
        """See the port."""
        found: dict[Caller, set[str]] = {}
        for namespace, owner, name in self._do("SELECT namespace, owner, name FROM called"):
            found.setdefault(Caller(namespace=namespace, owner=owner), set()).add(name)
        return {caller: frozenset(names) for caller, names in found.items()}

    def remember(self, caller: Caller, names: frozenset[str]) -> None:
        """See the port."""
        with self._db:
            for name in sorted(names):
                self._do(
                    "INSERT OR IGNORE INTO called (namespace, owner, name) VALUES (?, ?, ?)",
                    (caller.namespace, caller.owner, name),
                )
            self._do("DELETE FROM called WHERE number <= (SELECT max(number) FROM called) - ?", (MOST,))

    def _do(self, statement: str, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        # apsw's stubs name a type that Python 3.11 lacks
        return self._db.execute(statement, values).fetchall()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
