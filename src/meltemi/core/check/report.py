"""How a rule says what it found.

Place:  [check/report] → all of check
"""

from msgspec import structs

from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.tree import field, item

ROOT = Path("spec")
"""Where the rules of the mesh kinds begin."""


def error(code: str, path: Path, message: str, tip: str = "") -> Finding:
    """A fault that keeps the document out."""
    return Finding(code=code, severity=Severity.ERROR, message=message, help=tip, path=path)


def warning(code: str, path: Path, message: str, tip: str = "") -> Finding:
    """Something that is hardly meant so; the document takes effect."""
    return Finding(code=code, severity=Severity.WARNING, message=message, help=tip, path=path)


def note(code: str, path: Path, message: str, tip: str = "") -> Finding:
    """Something to know; nothing has to be done."""
    return Finding(code=code, severity=Severity.INFO, message=message, help=tip, path=path)


def at(path: Path, *steps: str | int) -> Path:
    """A path some steps deeper: names of fields, and indexes."""
    for step in steps:
        path = item(path, step) if isinstance(step, int) else field(path, step)
    return path


def required(path: Path, name: str, tip: str = "") -> Finding:
    """A field that must be written is not."""
    return error("M2013", path, f"{name!r} is missing", tip or f"add '{name}: …'")


def on(key: Key, finding: Finding) -> Finding:
    """A finding of a rule across documents, on the document that it is about."""
    return structs.replace(finding, key=key)
