"""Which VirtualService speaks for which host, to whom; index functions hold names only.

Place:  model/traffic/virtual_service → [compose/virtual_services] → view/virtual_host, view/gateway
Source: Istio, "Virtual Service", and ops/best-practices/traffic-management, "Split virtual services"

`head` is what the indexes read of a document: a changed route leaves it equal, and the indexes are not run again.
"""

from collections.abc import Mapping

from meltemi.core.compose.export import reaches, settled_export
from meltemi.core.compose.hosts import closest, qualified
from meltemi.core.compose.inputs import age_of, document, keys
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.sidecars import named, names_rule, narrow
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import Sight
from meltemi.core.model.traffic.virtual_service import VirtualService
from meltemi.core.model.value import Value

GROUP = "networking.istio.io"
KIND = "VirtualService"
MESH = "mesh"
"""The gateway name that means all sidecars."""


class Head(Value, frozen=True, kw_only=True):
    """What decides where a VirtualService applies."""

    key: Key
    age: tuple[str, str, str]
    """Sort key, the oldest first: creation time, name, namespace."""
    hosts: tuple[str, ...]
    """Fully qualified; empty for a delegate."""
    gateways: tuple[str, ...]
    """`mesh` and `namespace/name`; those of the document, then those that only some match names."""
    export_to: tuple[str, ...]
    protocols: tuple[str, ...]
    """Which of `http`, `tls`, `tcp` it has rules for."""


def virtual_service(e: Engine, key: Key) -> VirtualService | None:
    """The content of one VirtualService."""
    found = document(e, key)
    return found.spec if found and isinstance(found.spec, VirtualService) else None


def gateway_name(written: str, namespace: str) -> str:
    """`mesh`, or `namespace/name` of a Gateway; old configurations name it by host (`name.namespace.svc…`)."""
    if written == MESH or "/" in written:
        return written if not written.startswith("./") else f"{namespace}/{written[2:]}"
    name, _, rest = written.partition(".")
    return f"{rest.partition('.')[0] or namespace}/{name}"


def gateways_of(spec: VirtualService, namespace: str) -> tuple[str, ...]:
    """Gateways that a document as a whole applies to; absent means the sidecars."""
    return tuple(gateway_name(g, namespace) for g in spec.gateways) or (MESH,)


def head(e: Engine, key: Key) -> Head | None:
    """Where one VirtualService applies."""
    found = document(e, key)
    if found is None or not isinstance(found.spec, VirtualService):
        return None
    spec = found.spec
    protocols = (("http", spec.http), ("tls", spec.tls), ("tcp", spec.tcp))
    return Head(
        key=key,
        age=age_of(found),
        hosts=tuple(dict.fromkeys(qualified(h, key.namespace).lower() for h in spec.hosts)),
        gateways=tuple(dict.fromkeys(gateways_of(spec, key.namespace))),
        export_to=settled_export(spec.export_to, mesh(e).default_virtual_service_export_to, key.namespace),
        protocols=tuple(name for name, rules in protocols if rules),
    )


def heads(e: Engine) -> tuple[Head, ...]:
    """All VirtualServices, the oldest first."""
    found = (e.get(head, key) for key in keys(e, GROUP, KIND))
    return tuple(sorted((h for h in found if h is not None), key=lambda h: h.age))


def visible_heads(e: Engine, sight: Sight) -> tuple[Head, ...]:
    """VirtualServices that a workload sees, the oldest first."""
    exposed = (h for h in e.get(heads) if reaches(h.export_to, sight.namespace))
    if sight.sidecar is None:
        return tuple(exposed)
    if sight.listener is not None:
        found = e.get(named, sight)
        return tuple(h for h in exposed if names_rule(found, h.key.namespace, h.hosts))
    seen = {h.key for _, one in e.get(narrow, sight) for h in e.get(visible_heads, one)}
    return tuple(h for h in exposed if h.key in seen)


def mesh_winners(e: Engine, sight: Sight) -> Mapping[str, Key]:
    """For sidecars: host or wildcard → the one document that speaks for it, the oldest."""
    winners: dict[str, Key] = {}
    for h in e.get(visible_heads, sight):
        if MESH in h.gateways:
            for host in h.hosts:
                winners.setdefault(host, h.key)
    return winners


def has_rules(e: Engine, host: str) -> bool:
    """Whether any VirtualService speaks of a host to sidecars; of most hosts of a large mesh none does."""
    return closest(host, e.get(mesh_names)) is not None


def mesh_names(e: Engine) -> frozenset[str]:
    """Hosts and wildcards that VirtualServices name for sidecars."""
    return frozenset(host for h in e.get(heads) if MESH in h.gateways for host in h.hosts)


def mesh_virtual_service(e: Engine, sight: Sight, host: str) -> Key | None:
    """The VirtualService for calls of sidecars to `host`: the closest name, of these the oldest."""
    return e.get(_mesh_virtual_service, sight, host) if e.get(has_rules, host) else None


def _mesh_virtual_service(e: Engine, sight: Sight, host: str) -> Key | None:
    winners = e.get(mesh_winners, sight)
    name = closest(host, winners)
    return winners[name] if name is not None else None


def mesh_hosts(e: Engine, sight: Sight) -> tuple[str, ...]:
    """Hosts that VirtualServices name for sidecars and that have HTTP rules there."""
    by_key = {h.key: h for h in e.get(visible_heads, sight)}
    return tuple(host for host, key in e.get(mesh_winners, sight).items() if "http" in by_key[key].protocols)


def gateway_heads(e: Engine, gateway: str) -> tuple[Head, ...]:
    """VirtualServices bound to one Gateway (`namespace/name`), the oldest first."""
    return tuple(h for h in e.get(heads) if gateway in h.gateways)
