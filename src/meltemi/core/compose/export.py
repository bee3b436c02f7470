"""`exportTo`: which namespaces see a thing.

Place:  [compose/export] → compose/{registry,destination_rules,visibility}
Source: Istio, field `exportTo`: `*` all namespaces, `.` the own one, `~` none; MeshConfig `default…ExportTo`
"""

EVERYONE = "*"


def reaches(export_to: tuple[str, ...], namespace: str) -> bool:
    """Whether an `exportTo`, its `.` already replaced, shows a thing to `namespace`."""
    return EVERYONE in export_to or namespace in export_to


def settled_export(written: tuple[str, ...], default: tuple[str, ...], namespace: str) -> tuple[str, ...]:
    """An `exportTo` as a sorted list of namespaces: defaults filled in, `.` replaced by the document's own."""
    return tuple(sorted({namespace if name == "." else name for name in written or default}))
