"""Rules for `exportTo`, of all kinds that have it.

Place:  [check/export] → check/virtual_service, destination_rule, service_entry
"""

from collections.abc import Iterator

from meltemi.core.check.names import is_label
from meltemi.core.check.report import at, error
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding

PUBLIC, PRIVATE, NONE = "*", ".", "~"


def check_export_to(
    entries: tuple[str, ...], path: Path, *, namespace: str, may_hide: bool = False, own_only: bool = False
) -> Iterator[Finding]:
    """Names, `.`, `*`. `may_hide`: `~` too (ServiceEntry). `own_only`: nothing but `.` (rules for some clients)."""
    seen: set[str] = set()
    for i, entry in enumerate(entries):
        name = namespace if entry == PRIVATE else entry
        if name in seen:
            yield error("M2010", at(path, i), f"{entry!r} is written twice ('.' is the own namespace)")
        elif not (name == PUBLIC or (name == NONE and may_hide) or is_label(name)):
            hidden = "only a ServiceEntry can be exported to nobody ('~')" if name == NONE else ""
            yield error("M2010", at(path, i), f"{entry!r} is no namespace", hidden or "write names, '.' or '*'")
        seen.add(name)
    if own_only and seen and seen != {namespace}:
        yield error("M2010", path, "a rule with 'workloadSelector' is for its own namespace only", "write ['.']")
    for alone, word in ((PUBLIC, "everybody"), (NONE, "nobody")):
        if alone in seen and len(entries) > 1:
            yield error("M2010", path, f"{alone!r} means {word}, other entries beside it mean nothing", "keep one")
