"""What is wrong with a configuration, said to its author.

Place:  model · yielded by every stage, shown by CLI, API, status
"""

from enum import StrEnum

from meltemi.core.model.document import Key, Path
from meltemi.core.model.value import Value


class Severity(StrEnum):
    """How bad a finding is; only an error keeps a document out."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Span(Value, frozen=True, kw_only=True):
    """A place in a file. Lines and columns count from 1; `width` characters are underlined."""

    file: str = ""
    line: int = 0
    column: int = 0
    width: int = 1


class Finding(Value, frozen=True, kw_only=True):
    """One fault, or one statement without effect: what, where and what to do.

    `key` and `path` say where in terms of the document; `span` is looked up in the document's
    source map when the finding is shown (values hold no line numbers).
    """

    code: str
    """`M` and four digits, listed in the catalogue `core/check/catalogue.py`."""
    severity: Severity
    message: str
    """Lower case, names quoted, no full stop."""
    help: str = ""
    key: Key | None = None
    path: Path = Path("")
    about_name: bool = False
    """The fault is the field's name (unknown, duplicate, without effect), not its value."""
    span: Span = Span()
