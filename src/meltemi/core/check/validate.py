"""The one way from bytes or objects to checked documents: `validate`, `apply`, the API and `compile` all come here.

Place:  parse → check/document → [check/validate] → apps, shell/servers/api
"""

from meltemi.core.check.document import check_document_rules
from meltemi.core.check.report import warning
from meltemi.core.model.document import Document, Key, Path
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.source import placed, span
from meltemi.core.model.tree import Tree, parent
from meltemi.core.model.value import Value
from meltemi.core.parse.documents import Parsed, parse, parse_tree, with_findings
from meltemi.core.parse.yaml import Written


def validate_bytes(
    file: str, text: bytes, *, namespace: str = "default"
) -> tuple[tuple[Parsed, ...], tuple[Finding, ...]]:
    """All objects of a file, each with its source and findings; and all findings of the file, its objects' included.

    `Parsed.document` is None where an object has errors. `namespace` is given to objects that name none.
    """
    parsed, findings = parse(file, text, namespace=namespace)
    checked = _told_twice(tuple(_checked(one) for one in parsed))
    return checked, findings + tuple(finding for one in checked for finding in one.findings)


def check_document(tree: Tree, *, namespace: str = "default") -> tuple[Document[Value] | None, tuple[Finding, ...]]:
    """One object as the API gets it. The document is None if a finding is an error; findings have paths, no lines."""
    parsed = _checked(parse_tree(Written(tree=tree), namespace=namespace))
    return parsed.document, parsed.findings


def _checked(parsed: Parsed) -> Parsed:
    if parsed.draft is None:
        return parsed
    refused = [f.path for f in parsed.findings if f.severity is Severity.ERROR]
    found = (f for f in check_document_rules(parsed.draft, parsed.tree) if not _follows(f, refused))
    named = (_named(finding, parsed) for finding in found)
    findings = parsed.findings + tuple(placed(f, parsed.source) for f in named)
    return with_findings(parsed, tuple(sorted(findings, key=lambda f: (f.span.line, f.span.column))))


def _told_twice(parsed: tuple[Parsed, ...]) -> tuple[Parsed, ...]:
    """A warning on each object that stands before in the file."""
    found: list[Parsed] = []
    seen: dict[Key, int] = {}
    for one in parsed:
        if one.key in seen:
            message = f"{one.key} is already written in line {seen[one.key]}, and only the last one counts"
            again = warning("M1207", Path("metadata.name"), message)
            found.append(with_findings(one, (*one.findings, placed(_named(again, one), one.source))))
        else:
            found.append(one)
        if one.key:
            seen[one.key] = span(one.source, Path("")).line
    return tuple(found)


def _follows(finding: Finding, refused: list[Path]) -> bool:
    """Whether a finding only says that what parse refused (at the same place, or within it) is missing."""
    return any(path == finding.path or parent(path) == finding.path for path in refused)


def _named(finding: Finding, parsed: Parsed) -> Finding:
    return Finding(
        code=finding.code,
        severity=finding.severity,
        message=finding.message,
        help=finding.help,
        key=parsed.key,
        path=finding.path,
        about_name=finding.about_name,
    )
