"""Who sees what: `exportTo` of services and VirtualServices, seen from a namespace.

Place:  compose/registry → [compose/visibility] → view
Source: Istio, field `exportTo`: `*` all namespaces, `.` the own one, `~` none; MeshConfig `default…ExportTo`
"""

from meltemi.core.compose.registry import hosts, service
from meltemi.core.engine.engine import Engine

EVERYONE = "*"


def reaches(export_to: tuple[str, ...], namespace: str) -> bool:
    """Whether an `exportTo`, its `.` already replaced, shows a thing to `namespace`."""
    return EVERYONE in export_to or namespace in export_to


def settled_export(written: tuple[str, ...], default: tuple[str, ...], namespace: str) -> tuple[str, ...]:
    """An `exportTo` as a sorted list of namespaces: defaults filled in, `.` replaced by the document's own."""
    return tuple(sorted({namespace if name == "." else name for name in written or default}))


def exported(e: Engine, host: str) -> tuple[str, ...]:
    """Namespaces that see a service; stands between a service's many changes and the lists of its readers."""
    found = e.get(service, host)
    return found.export_to if found else ()


def visible_hosts(e: Engine, namespace: str) -> tuple[str, ...]:
    """Hosts of all services that clients in `namespace` may call, sorted."""
    return tuple(host for host in e.get(hosts) if reaches(e.get(exported, host), namespace))


def visible(e: Engine, host: str, namespace: str) -> bool:
    """Whether there is a service `host` for clients in `namespace`."""
    return e.get(service, host) is not None and reaches(e.get(exported, host), namespace)
