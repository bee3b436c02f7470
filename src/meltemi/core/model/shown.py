"""A finding as it leaves the process: with the quoted line, as a table of texts and as JSON.

Place:  model · finding and source → [shown] → CLI, API
"""

from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.source import Source, placed
from meltemi.core.model.value import Value


class Resource(Value, frozen=True, kw_only=True):
    """The document that a finding is about, by the names that its author knows."""

    kind: str
    namespace: str
    name: str


class Shown(Value, frozen=True, kw_only=True):
    """One finding, ready to be printed or sent; needs no source map any more."""

    code: str
    severity: Severity
    message: str
    help: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""
    resource: Resource | None = None
    width: int = 1
    """Characters to underline."""
    text: str = ""
    """The line of the file; empty where it is not known."""


def shown(finding: Finding, source: Source | None = None) -> Shown:
    """The finding with its place looked up in the document's source map."""
    found = placed(finding, source) if source else finding
    span = found.span
    return Shown(
        code=found.code,
        severity=found.severity,
        message=found.message,
        help=found.help,
        file=span.file,
        line=span.line,
        column=span.column,
        path=found.path,
        resource=_resource(found.key) if found.key else None,
        width=span.width,
        text=source.lines.get(span.line, "") if source else "",
    )


def plain(one: Shown) -> dict[str, object]:
    """The form that other tools read: what `meltemi validate -o json` prints."""
    resource = one.resource
    return {
        "code": one.code,
        "severity": str(one.severity),
        "message": one.message,
        "help": one.help,
        "file": one.file,
        "line": one.line,
        "column": one.column,
        "path": one.path,
        "resource": {"kind": resource.kind, "namespace": resource.namespace, "name": resource.name}
        if resource
        else None,
    }


def rendered(one: Shown) -> str:
    """The form that people read: what, where, the line with the place underlined, and what to do."""
    lines = [f"{one.severity}[{one.code}]: {one.message}"]
    if where := _where(one):
        lines.append(f"  --> {where}")
    if one.text:
        number = str(one.line)
        lines.append(f"  {number} | {one.text}")
        lines.append(f"  {' ' * len(number)}   {' ' * (one.column - 1)}{'^' * max(1, one.width)}")
    if one.help:
        lines.append(f"  help: {one.help}")
    return "\n".join(lines)


def _where(one: Shown) -> str:
    place = f"{one.file}:{one.line}:{one.column}" if one.line else one.file
    name = one.resource
    if not place and name:
        place = f"{name.kind} {name.namespace}/{name.name}" if name.namespace else f"{name.kind} {name.name}"
    return f"{place}  ({one.path})" if one.path else place


def _resource(key: Key) -> Resource:
    return Resource(kind=key.kind, namespace=key.namespace, name=key.name)
