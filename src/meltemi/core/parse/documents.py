"""Trees → documents: which kind, which name, and the typed content.

Place:  parse/yaml → parse/decode → [parse/documents] → check
In:     a tree as Kubernetes' API would get it      Out: a Parsed: the document if it is sound so far, all findings
"""

from collections.abc import Iterator

from meltemi.core.model.document import Document, Key, Path
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.kinds import KINDS, Kind, KindRole, kind_or_unknown
from meltemi.core.model.opaque import Opaque
from meltemi.core.model.source import Source, placed
from meltemi.core.model.tree import Tree, field, item
from meltemi.core.model.value import Value
from meltemi.core.parse.decode import decode
from meltemi.core.parse.faults import Faults, did_you_mean
from meltemi.core.parse.metadata import read_meta
from meltemi.core.parse.yaml import Written, read

_TOP = ("apiVersion", "kind", "metadata", "spec", "status")
_NAMELESS = frozenset({("install.istio.io", "IstioOperator")})
"""Read by installers, not by a cluster: they need no name, and cannot be stored without one."""


class Parsed(Value, frozen=True, kw_only=True):
    """One object of a file."""

    document: Document[Value] | None
    """None where it has errors."""
    draft: Document[Value] | None = None
    """As far as it could be read, errors or not: rules look at it too, so that all faults are told at once."""
    key: Key | None
    """None where it does not even have a name."""
    tree: Tree
    source: Source = Source()
    findings: tuple[Finding, ...] = ()

    @property
    def sound(self) -> bool:
        return self.document is not None


def parse(file: str, text: bytes, *, namespace: str = "default") -> tuple[tuple[Parsed, ...], tuple[Finding, ...]]:
    """All objects of a file, Lists taken apart, each with its findings; and the findings of the file itself.

    `namespace` is given to objects that need one and name none.
    """
    written, findings = read(file, text)
    found = tuple(placed_parsed(parse_tree(one, namespace=namespace)) for one in written for one in _unlisted(one))
    return found, findings


def placed_parsed(parsed: Parsed) -> Parsed:
    """The same with the place of each finding."""
    return with_findings(parsed, tuple(placed(f, parsed.source) for f in parsed.findings))


def with_findings(parsed: Parsed, findings: tuple[Finding, ...]) -> Parsed:
    """The same with other findings; errors among them take its document away."""
    broken = any(f.severity is Severity.ERROR for f in findings)
    return Parsed(
        document=None if broken else parsed.document,
        draft=parsed.draft,
        key=parsed.key,
        tree=parsed.tree,
        source=parsed.source,
        findings=findings,
    )


def _unlisted(written: Written) -> Iterator[Written]:
    """The items of `kind: List` (and of `VirtualServiceList` and its like) stand for themselves."""
    tree = written.tree
    if not isinstance(tree, dict) or not str(tree.get("kind", "")).endswith("List"):
        yield written
        return
    items = tree.get("items")
    if not isinstance(items, list):
        yield written
        return
    for i, child in enumerate(items):
        places = _below(written.source, item(Path("items"), i))
        source = Source(file=written.source.file, places=places, lines=written.source.lines)
        findings = written.findings if i == 0 else ()
        yield from _unlisted(Written(tree=child, source=source, findings=findings))


def _below(source: Source, path: Path) -> dict[str, tuple[int, int, int]]:
    found = {k[len(path) :].lstrip("."): place for k, place in source.places.items() if k.startswith(path)}
    return {k: place for k, place in found.items() if not k.startswith("[")} | ({"": found[""]} if "" in found else {})


def parse_tree(written: Written, *, namespace: str) -> Parsed:
    """One object. Never raises; what is wrong is in the findings."""
    faults = Faults()
    tree = written.tree
    key, document = (None, None)
    if isinstance(tree, dict):
        key, document = _object(tree, namespace, faults)
    else:
        faults.error("M1201", Path(""), "an object is wanted here: a mapping with apiVersion, kind and metadata")
    return with_findings(
        Parsed(document=document, draft=document, key=key, tree=tree, source=written.source),
        written.findings + tuple(faults.found),
    )


def _object(tree: dict[str, Tree], namespace: str, faults: Faults) -> tuple[Key | None, Document[Value] | None]:
    group, version = _api_version(tree, faults)
    name = _word(tree, "kind", faults)
    if version is None or name is None:
        return None, None
    kind = kind_or_unknown(group, name, version)
    _check_kind(kind, group, version, faults)
    meta = read_meta(tree.get("metadata"), kind, namespace, faults)
    key = Key(group=kind.group, kind=kind.kind, namespace=meta.namespace, name=meta.name) if meta.name else None
    faults.key = key
    faults.found = [_with_key(f, key) for f in faults.found]
    if key is None:
        _check_nameless(tree, kind, faults)
    spec = _content(tree, kind, faults)
    if key is None or spec is None:
        return key, None
    return key, Document(key=key, version=version, meta=meta, spec=spec)


def _with_key(finding: Finding, key: Key | None) -> Finding:
    return Finding(
        code=finding.code,
        severity=finding.severity,
        message=finding.message,
        help=finding.help,
        key=key,
        path=finding.path,
        about_name=finding.about_name,
    )


def _api_version(tree: dict[str, Tree], faults: Faults) -> tuple[str, str | None]:
    text = _word(tree, "apiVersion", faults)
    if text is None:
        return "", None
    group, _, version = text.rpartition("/")
    if "/" in group or not version:
        faults.error("M1202", Path("apiVersion"), f"{text!r} is no API version", "write 'group/version', or 'v1'")
        return "", None
    return group, version


def _word(tree: dict[str, Tree], name: str, faults: Faults) -> str | None:
    word = tree.get(name)
    if isinstance(word, str) and word:
        return word
    path = Path(name) if name in tree else Path("")
    faults.error("M1202", path, f"the object has no {name!r}", f"add a line '{name}: …'")
    return None


def _check_kind(kind: Kind, group: str, version: str, faults: Faults) -> None:
    if kind.role is KindRole.UNKNOWN:
        _unknown_kind(kind, faults)
        return
    versions = kind.versions if group == kind.group else tuple(v for g, v in kind.old_groups if g == group)
    if version not in versions:
        severity = Severity.ERROR if kind.role is KindRole.MESH else Severity.INFO
        tip = f"known: {', '.join(versions)}"
        faults.add(severity, "M1203", Path("apiVersion"), f"{kind.kind} has no version {version!r}", tip)
    if kind.role is KindRole.LATER:
        severity = Severity.WARNING if kind.group.endswith("istio.io") else Severity.INFO
        faults.add(severity, "M1301", Path("kind"), f"kind {kind.kind!r} is stored and has no effect yet")


def _unknown_kind(kind: Kind, faults: Faults) -> None:
    near = [known.kind for known in KINDS if known.group == kind.group]
    ours = kind.group.endswith(".istio.io")
    tip = did_you_mean(kind.kind, near, listed=6) if near else ""
    severity = Severity.WARNING if ours else Severity.INFO
    place = f"group {kind.group!r}" if kind.group else "the core group"
    faults.add(severity, "M1302", Path("kind"), f"kind {kind.kind!r} of {place} is stored and has no effect", tip)


def _check_nameless(tree: dict[str, Tree], kind: Kind, faults: Faults) -> None:
    metadata = tree.get("metadata")
    path = Path("metadata") if "metadata" in tree else Path("")
    if isinstance(metadata, dict) and metadata.get("name"):
        return
    if (kind.group, kind.kind) in _NAMELESS:
        faults.add(Severity.WARNING, "M1204", path, "the object has no name and cannot be stored")
    else:
        faults.error("M1204", path, "the object has no name", "add 'name: …' under 'metadata'")


def _content(tree: dict[str, Tree], kind: Kind, faults: Faults) -> Value | None:
    if kind.content is None:
        return Opaque()
    if kind.role is KindRole.KUBE:
        return decode(kind.content, _without_meta(tree), Path(""), faults, strict=False)
    for name in tree:
        if name not in _TOP:
            tip = did_you_mean(name, _TOP)
            faults.error("M1101", field(Path(""), name), f"unknown field {name!r}", tip, about_name=True)
    spec = tree.get("spec")
    return decode(kind.content, {} if spec is None else spec, Path("spec"), faults, strict=True)


def _without_meta(tree: dict[str, Tree]) -> dict[str, Tree]:
    return {name: child for name, child in tree.items() if name not in ("apiVersion", "kind", "metadata")}
