"""A pod's volumes: of the host, empty, or with files.

Place:  shell/runtime · pod_values → [pod_volumes] → podspec
"""

from collections.abc import Sequence
from pathlib import Path

from meltemi.core.node.quantity import quantity
from meltemi.core.node.tokens import FIELD, unknown_sources
from meltemi.shell.runtime.pod_spec import Volume
from meltemi.shell.runtime.pod_values import MissingError, PodValues, Tree

MEMORY = "Memory"
_SOURCES = ("configMap", "secret", "downwardAPI")
"""Of a volume's files, which do not change while the pod runs."""
_KNOWN = {"name", "emptyDir", "hostPath", "projected", *_SOURCES}


def volume(one: Tree, place: Path, values: PodValues) -> Volume:
    """`place`: where the node writes files that change while the pod runs. Raises MissingError."""
    name: str = one["name"]
    if strange := next((field for field in one if field not in _KNOWN), ""):
        raise MissingError(f"volume {name!r}: nobody provides volumes of the kind {strange!r} here")
    if host := one.get("hostPath"):
        return Volume(name=name, host_path=host["path"], create="OrCreate" in (host.get("type") or ""))
    if empty := one.get("emptyDir"):
        return _empty(name, empty)
    files: list[tuple[str, bytes, int]] = []
    for field in _SOURCES:
        if source := one.get(field):
            files += _files(values, field, source, source.get("defaultMode", 0o644))
    projected: Tree = one.get("projected") or {}
    if unknown := next(unknown_sources(projected, (*_SOURCES, FIELD)), ""):
        raise MissingError(f"volume {name!r}: nobody provides the projected source {unknown!r} here")
    for source in projected.get("sources") or ():
        for field in _SOURCES:
            if inner := source.get(field):
                files += _files(values, field, inner, projected.get("defaultMode", 0o644))
    outside = any(FIELD in source for source in projected.get("sources") or ())
    return Volume(name=name, files=tuple(files), host_path=str(place / name) if outside else "", kept_outside=outside)


def _empty(name: str, source: Tree) -> Volume:
    if source.get("medium") != MEMORY:
        return Volume(name=name)
    limit = source.get("sizeLimit")
    try:
        return Volume(name=name, in_memory=True, size=None if limit is None else int(quantity(str(limit))))
    except ValueError as problem:
        raise MissingError(f"volume {name!r}: sizeLimit: {problem}") from None


def _files(values: PodValues, field: str, source: Tree, mode: int) -> list[tuple[str, bytes, int]]:
    items: Sequence[Tree] = source.get("items") or ()
    if field == "downwardAPI":
        fields = [(one, values.field(one["fieldRef"]["fieldPath"])) for one in items]
        return [(one["path"], text.encode(), one.get("mode", mode)) for one, text in fields]
    kind = "ConfigMap" if field == "configMap" else "Secret"
    data = values.data(kind, source)
    if not items:
        return [(name, content, mode) for name, content in data.items()]
    if absent := [one["key"] for one in items if one["key"] not in data and not source.get("optional")]:
        name: str = source.get("name") or source.get("secretName") or ""
        raise MissingError(f"{kind} {name!r} has no key {absent[0]!r}")
    return [(one["path"], data[one["key"]], one.get("mode", mode)) for one in items if one["key"] in data]
