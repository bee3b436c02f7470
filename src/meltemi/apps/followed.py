"""A directory of manifests that the mesh follows: what a file says is applied, what it stops saying is deleted.

Place:  apps · files → [followed] → API; `meltemi up -f DIR --watch`

A file that is refused gives findings and changes nothing: what it said when it was last sound stays in force.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from meltemi.apps.cli.apply import apply_files
from meltemi.apps.cli.output import echo_findings
from meltemi.apps.cli.resources import ENDINGS, client_of, label, path_of
from meltemi.core.model.document import Key
from meltemi.core.model.kinds import kind_or_unknown
from meltemi.core.parse.documents import parse
from meltemi.shell.client import RefusedError

Apply = Callable[[Path], Any]
Delete = Callable[[Key], None]


class Followed:
    """Which file says which objects, as far as it was applied."""

    def __init__(self, roots: Sequence[Path], apply: Apply, delete: Delete) -> None:
        """`apply`: a file as a whole, answering `refused` and `findings`; `delete`: one object."""
        self._roots = [root.resolve() for root in roots]
        self._apply = apply
        self._delete = delete
        self._said: dict[Path, frozenset[Key]] = {}

    def all(self) -> bool:
        """Apply every file; false where one was refused. Files may stand on each other in any order."""
        left = [file for root in self._roots for file in _files(root)]
        while left:
            refused = [file for file in left if not self._applied(file, quiet=True)]
            if len(refused) == len(left):
                break
            left = refused
        return self._changed(left)

    def changed(self, paths: Iterable[Path]) -> bool:
        """Follow changes of these files; false where one was refused."""
        return self._changed(sorted(path for path in paths if self._covers(path)))

    def places(self) -> frozenset[Path]:
        """Directories to watch: editors put a new file in the place of an old one."""
        return frozenset(root if root.is_dir() else root.parent for root in self._roots)

    def _covers(self, path: Path) -> bool:
        return any(path == root or (path.suffix in ENDINGS and path.is_relative_to(root)) for root in self._roots)

    def _changed(self, paths: Sequence[Path]) -> bool:
        before = {path: self._said.get(path, frozenset()) for path in paths}
        refused = [path for path in paths if path.is_file() and not self._applied(path)]
        for path in paths:
            if not path.is_file():
                self._said.pop(path, None)
        # An object that has moved to another file is said there, so this comes after all files were read.
        said = {key for keys in self._said.values() for key in keys}
        gone = {key for keys in before.values() for key in keys} - said
        for key in sorted(gone, reverse=True):
            self._delete(key)
        return not refused

    def _applied(self, file: Path, *, quiet: bool = False) -> bool:
        answer = self._apply(file)
        if answer["refused"]:
            if not quiet:
                echo_findings(answer["findings"])
                click.echo(f"{file} is refused, nothing of it was changed", err=True)
            return False
        echo_findings(answer["findings"])
        self._said[file] = frozenset(_keys(file))
        return True


def followed(state: Path, roots: Sequence[Path]) -> Followed:
    """Directories and files that a mesh follows."""

    def delete(key: Key) -> None:
        kind = kind_or_unknown(key.group, key.kind, "v1")
        try:
            client_of(state).call("DELETE", path_of(kind, key.namespace, key.name))
            click.echo(f"{label(kind, key.name)} deleted", err=True)
        except RefusedError as refused:
            if refused.code != 404:
                raise

    return Followed(roots, lambda file: apply_files(state, [str(file)]), delete)


def follow(one: Followed, going_on: Callable[[], bool]) -> None:
    """Follow changes until `going_on` says no, or Ctrl-C."""
    from watchfiles import watch  # noqa: PLC0415  (only who watches needs it)

    for changes in watch(*one.places(), yield_on_timeout=True, rust_timeout=500, raise_interrupt=False):
        if not going_on():
            return
        touched = {Path(path) for _, path in changes}
        if touched and one.changed(touched):
            click.echo("the mesh follows", err=True)


def _files(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (path for path in sorted(root.rglob("*")) if path.suffix in ENDINGS and path.is_file())
    else:
        yield root


def _keys(file: Path) -> Iterator[Key]:
    return (one.key for one in parse(str(file), file.read_bytes())[0] if one.key)
