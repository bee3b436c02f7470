"""`metadata` → Meta: names as Kubernetes allows them.

Place:  [parse/metadata] → parse/documents
Source: Kubernetes, "Object Names and IDs", "Labels and Selectors", "Annotations".
"""

import re

from meltemi.core.model.document import Meta, Path
from meltemi.core.model.kinds import Kind
from meltemi.core.model.tree import Tree, field
from meltemi.core.parse.faults import Faults

METADATA = Path("metadata")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_FREE = frozenset({"rbac.authorization.k8s.io"})
"""Groups whose names may hold anything that fits a URL (`system:node`)."""
_LABEL_DOMAINS = frozenset({("", "Namespace"), ("", "Service")})
"""Kinds whose names become a part of DNS names."""


def read_meta(tree: Tree, kind: Kind, namespace: str, faults: Faults) -> Meta:
    """What the mesh reads of metadata; the name is empty where there is none (the caller says so)."""
    if tree is not None and not isinstance(tree, dict):
        faults.error("M1103", METADATA, "a mapping is wanted here")
    fields = tree if isinstance(tree, dict) else {}
    name = _text(fields, "name", faults)
    place = _text(fields, "namespace", faults) if kind.namespaced else ""
    if name:
        _check_name(name, kind, faults)
    if place and not (_LABEL.match(place) and len(place) <= 63):
        faults.error("M1205", field(METADATA, "namespace"), f"{place!r} is no name of a namespace", _LABEL_RULE)
    return Meta(
        name=name,
        namespace=(place or namespace) if kind.namespaced else "",
        labels=_texts(fields, "labels", faults),
        annotations=_texts(fields, "annotations", faults),
        created=_text(fields, "creationTimestamp", faults),
        deleted=_text(fields, "deletionTimestamp", faults),
    )


_LABEL_RULE = "at most 63 lower case letters, digits and '-', a letter or digit at both ends"
_SUBDOMAIN_RULE = "at most 253 lower case letters, digits, '-' and '.', a letter or digit at both ends of each part"


def _check_name(name: str, kind: Kind, faults: Faults) -> None:
    if kind.group in _FREE:
        return
    path = field(METADATA, "name")
    if (kind.group, kind.kind) in _LABEL_DOMAINS:
        if not (_LABEL.match(name) and len(name) <= 63):
            faults.error("M1205", path, f"{name!r} is no name of a {kind.kind}", _LABEL_RULE)
    elif not (_SUBDOMAIN.match(name) and len(name) <= 253):
        faults.error("M1205", path, f"{name!r} is no name of an object", _SUBDOMAIN_RULE)


def _text(fields: dict[str, Tree], name: str, faults: Faults) -> str:
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value or ""
    faults.error("M1103", field(METADATA, name), "a text is wanted here", "write it in quotes")
    return ""


def _texts(fields: dict[str, Tree], name: str, faults: Faults) -> tuple[tuple[str, str], ...]:
    path = field(METADATA, name)
    tree = fields.get(name)
    if tree is None:
        return ()
    if not isinstance(tree, dict):
        faults.error("M1103", path, "a mapping of texts is wanted here")
        return ()
    found: list[tuple[str, str]] = []
    for key, value in sorted(tree.items()):
        if isinstance(value, str):
            found.append((key, value))
        elif value is not None:
            faults.error("M1103", field(path, key), "a text is wanted here", "write it in quotes")
    return tuple(found)
