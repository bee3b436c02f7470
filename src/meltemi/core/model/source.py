"""Where a document was written: the map from its paths to lines and columns.

Place:  model · made by parse/yaml, kept by stores, read when a finding is shown
"""

from collections.abc import Mapping

from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding, Span
from meltemi.core.model.tree import camel, parent
from meltemi.core.model.value import Value

KEY = "~"
"""`path~` is the place of a field's name, where `path` is that of its value."""


class Source(Value, frozen=True, kw_only=True):
    """Where an object was written: its file, and for each path in it line, column and width (from 1)."""

    file: str = ""
    places: Mapping[str, tuple[int, int, int]] = {}
    lines: Mapping[int, str] = {}
    """Text of the lines that a finding may quote; may be empty."""


def span(source: Source, path: Path, *, name: bool = False) -> Span:
    """The place of a path, or of the nearest thing around it that was written. `name`: of the field's name."""
    places = source.places
    if not places:
        return Span(file=source.file)
    for candidate in (path, _as_written(source, path)):
        place = (places.get(candidate + KEY) if name else None) or places.get(candidate)
        if place:
            return Span(file=source.file, line=place[0], column=place[1], width=place[2])
    if not path:
        return Span(file=source.file)
    return span(source, parent(path))


def placed(finding: Finding, source: Source) -> Finding:
    """The finding with its span; one that already has a line keeps it."""
    if finding.span.line:
        return finding
    found = span(source, finding.path, name=finding.about_name)
    return Finding(
        code=finding.code,
        severity=finding.severity,
        message=finding.message,
        help=finding.help,
        key=finding.key,
        path=finding.path,
        about_name=finding.about_name,
        span=found,
    )


def _as_written(source: Source, path: Path) -> Path:
    """The path with the field names that the author used: proto names are as good as camelCase ones."""
    wanted = _canonical(path)
    return Path(next((written for written in source.places if _canonical(written) == wanted), path))


def _canonical(path: str) -> str:
    return ".".join(camel(part) if '"' not in part else part for part in path.split("."))
