"""Who sees what: `exportTo` of services and VirtualServices, seen from a namespace.

Place:  compose/registry → [compose/visibility] → view
Source: Istio, field `exportTo`: `*` all namespaces, `.` the own one, `~` none; MeshConfig `default…ExportTo`
"""

from meltemi.core.compose.export import reaches
from meltemi.core.compose.registry import hosts, service
from meltemi.core.engine.engine import Engine


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
