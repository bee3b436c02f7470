"""YAML or JSON bytes → plain trees, each with the place of every part.

Place:  bytes → [parse/yaml] → parse/documents → parse/decode
In:     a file's name and bytes      Out: trees with their sources, findings; never an exception
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml

from meltemi.core.model.finding import Finding, Severity, Span
from meltemi.core.model.source import Source
from meltemi.core.model.tree import Tree
from meltemi.core.model.value import Value
from meltemi.core.parse.compose import Composer, DocumentError, Place

MAX_BYTES = 16 * 1024 * 1024
"""Of a file. Kubernetes refuses single objects above 3 MiB."""
MAX_SLOW_BYTES = 256 * 1024
"""Of a document that is given to the second, slower scanner (seconds per MiB)."""
MAX_LINE = 240
"""Characters of a line that are kept for quoting."""

_MARKER = re.compile(r"---(\s|$)")
_FILLER = re.compile(r"\s*(#.*|%.*)?$")
_BREAK = re.compile(r"\r\n|\r|\n")


class Written(Value, frozen=True, kw_only=True):
    """One document of a file: its tree and where its parts stand. Documents without content are left out."""

    tree: Tree
    source: Source = Source()
    findings: tuple[Finding, ...] = ()
    """Duplicate keys: the tree can be looked at, but must not take effect."""


def read(file: str, text: bytes) -> tuple[tuple[Written, ...], tuple[Finding, ...]]:
    """All documents of a file that can be read, and a finding for each that cannot."""
    if len(text) > MAX_BYTES:
        too_long = DocumentError("M1003", f"the file has {len(text)} bytes, {MAX_BYTES} are read", (1, 1, 1))
        return (), (_finding(file, too_long),)
    try:
        content = text.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        place = (text.count(b"\n", 0, e.start) + 1, 1, 1)
        return (), (_finding(file, DocumentError("M1001", f"byte {e.start} is not UTF-8", place)),)
    documents: list[Written] = []
    faults: list[DocumentError] = []
    lines = _BREAK.split(content)
    for first, last in _chunks(lines):
        documents += _documents(file, lines, first, last, faults)
    return tuple(documents), tuple(_finding(file, fault) for fault in faults)


def _chunks(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Line ranges (from 0, end excluded) of documents: at column 0, `---` always starts one, whatever surrounds it.

    Read one by one, a document that is broken does not hide the faults of the next.
    """
    start, filled = 0, False
    for number, line in enumerate(lines):
        if _MARKER.match(line):
            if filled:
                yield start, number
                start = number
            filled = True
        elif not filled:
            filled = not _FILLER.match(line)
    yield start, len(lines)


def _documents(file: str, lines: list[str], first: int, last: int, faults: list[DocumentError]) -> Iterator[Written]:
    text = "\n".join(lines[first:last])
    try:
        found, duplicates = _compose(text, first)
    except DocumentError as fault:
        plain = _json(text)
        if plain is None:
            faults.append(fault)
            return
        found, duplicates = [(plain, dict[str, Place]())], []
    findings = tuple(_finding(file, fault) for fault in duplicates)
    for tree, places in found:
        if tree is not None:
            quotes = {n + 1: lines[n][:MAX_LINE] for n in range(first, last)}
            yield Written(tree=tree, source=Source(file=file, places=places, lines=quotes), findings=findings)


_Composed: TypeAlias = tuple[list[tuple[Tree, dict[str, Place]]], list[DocumentError]]


def _compose(text: str, offset: int) -> _Composed:
    """Raises DocumentError. What libyaml's scanner refuses, the slower one may take (`::` in flow sequences)."""
    try:
        return _compose_with(yaml.CSafeLoader, text, offset)
    except yaml.YAMLError as first:
        if len(text) > MAX_SLOW_BYTES:
            raise _syntax(first, offset) from None
        try:
            return _compose_with(yaml.SafeLoader, text, offset)
        except yaml.YAMLError:
            raise _syntax(first, offset) from None


def _compose_with(loader: Any, text: str, offset: int) -> _Composed:
    composer = Composer(yaml.parse(text, Loader=loader), offset)
    return list(composer.documents()), composer.duplicates


def _syntax(error: yaml.YAMLError, offset: int) -> DocumentError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = [getattr(error, "problem", None), getattr(error, "context", None)]
    message = ", ".join(word for word in words if word) or str(error).splitlines()[0]
    place = (offset + mark.line + 1, mark.column + 1, 1) if mark else (offset + 1, 1, 1)
    return DocumentError("M1001", message, place)


def _json(text: str) -> Tree:
    """JSON that YAML's rules do not cover (escapes of surrogate pairs); None where it is none."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        tree = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
        json.dumps(tree, ensure_ascii=False).encode()  # refuses halves of surrogate pairs
        return tree
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _finding(file: str, fault: DocumentError) -> Finding:
    line, column, width = fault.place
    return Finding(
        code=fault.code,
        severity=Severity.ERROR,
        message=fault.message,
        help=fault.help,
        span=Span(file=file, line=line, column=column, width=width),
    )
