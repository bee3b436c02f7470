"""The one catalogue of codes: what each finding means and what to do about it.

Place:  [check/catalogue] → `meltemi code`, docs/reference/codes.md
"""

from meltemi.core.check.pages import PAGES
from meltemi.core.model.value import Value


class Entry(Value, frozen=True, kw_only=True):
    """One code."""

    code: str
    name: str
    """A few words."""
    severity: str
    """`error`, `warning`, `info`, or several of them where it depends."""
    page: str
    """What it means and what to do, in Markdown."""


CATALOGUE: dict[str, Entry] = {
    code: Entry(code=code, severity=severity, name=name, page=page) for code, severity, name, page in PAGES
}
"""Code → its entry, in order."""


def page(entry: Entry) -> str:
    """The entry as Markdown: what `meltemi code` prints."""
    return f"## {entry.code}: {entry.name}\n\nSeverity: {entry.severity}.\n\n{entry.page}\n"


def reference() -> str:
    """docs/reference/codes.md, which a test keeps equal to this."""
    head = (
        "# Codes of findings\n\n"
        "Generated from `core/check/pages.py` by `python -m meltemi.apps.cli code --all`; do not edit.\n"
    )
    return "\n".join((head, *(page(entry) for entry in CATALOGUE.values())))
