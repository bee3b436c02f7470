"""What is patched of what a scope gets: the decisions that need no more than names.

Place:  compose/envoy_filters, view/extension → [view/patches] → envoy/patch, pipeline/patched
Source: Istio, reference, "EnvoyFilter"; pilot, networking/core/envoyfilter (INSERT on what has no order is ADD; an
        added listener or cluster for ANY context is for callers and gateways)
"""

from msgspec import structs

from meltemi.core.check.report import ROOT, at
from meltemi.core.compose.envoy_filters import envoy_filter
from meltemi.core.compose.extension import GROUP as EXTENSIONS
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.proxy import PatchSet
from meltemi.core.model.resource import ResourceType
from meltemi.core.model.traffic.envoy_filter import (
    ApplyTo,
    ClusterMatch,
    EnvoyConfigObjectMatch,
    EnvoyConfigObjectPatch,
    FilterClass,
    ListenerMatch,
    Operation,
    PatchContext,
    RouteConfigurationMatch,
)
from meltemi.core.model.tree import Free
from meltemi.core.model.units import PortNumber
from meltemi.core.model.value import Value
from meltemi.core.view.extension import ALL_PORTS, DECIDING, SIDES, Code, code, reach

INSERTS = (Operation.INSERT_AFTER, Operation.INSERT_BEFORE, Operation.INSERT_FIRST)
_ORDERED = (ApplyTo.HTTP_FILTER, ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_ROUTE, ApplyTo.LISTENER_FILTER)
MERGES = (Operation.MERGE, Operation.MERGE_AND_REPLACE_LIST)
NO_VALUE = Free("{}")


class Patch(Value, frozen=True, kw_only=True):
    """One change, settled."""

    origin: Origin
    index: int
    apply_to: ApplyTo
    operation: Operation
    context: PatchContext = PatchContext.ANY
    listener: ListenerMatch | None = None
    routes: RouteConfigurationMatch | None = None
    cluster: ClusterMatch | None = None
    filter_class: FilterClass = FilterClass.UNSPECIFIED
    value: Free = NO_VALUE
    extension: str = ""
    """Name of an extension that fills the filter that is put in, in place of a value."""


class Spot(Value, frozen=True, kw_only=True):
    """Where a resource stands."""

    context: PatchContext
    hosts: tuple[str, ...] = ()
    """Services behind an inbound cluster."""
    ports: tuple[tuple[PortNumber, PortNumber], ...] = ()
    """At gateways: (where it listens, the port of a Service of its own that leads there)."""


def patches_in(e: Engine, key: Key) -> tuple[Patch, ...]:
    """All changes of one document."""
    if key.group == EXTENSIONS:
        return _of_code(e, key)
    spec = e.get(envoy_filter, key)
    return tuple(_settled(key, i, one) for i, one in enumerate(spec.config_patches)) if spec else ()


def _settled(key: Key, index: int, written: EnvoyConfigObjectPatch) -> Patch:
    match = written.match or EnvoyConfigObjectMatch()
    operation = written.patch.operation if written.patch else Operation.INVALID
    if operation in INSERTS and written.apply_to not in _ORDERED:
        operation = Operation.ADD
    return Patch(
        origin=Origin(key=key, path=at(ROOT, "configPatches", index)),
        index=index,
        apply_to=written.apply_to,
        operation=operation,
        context=match.context,
        listener=match.listener,
        routes=match.route_configuration,
        cluster=match.cluster,
        filter_class=written.patch.filter_class if written.patch else FilterClass.UNSPECIFIED,
        value=(written.patch.value if written.patch else None) or NO_VALUE,
    )


def _of_code(e: Engine, key: Key) -> tuple[Patch, ...]:
    """A filter of bytes comes into the chains of the ports that it is for."""
    found = e.get(code, key)
    if found is None or not found.network:
        return ()
    first = found.phase in DECIDING
    wanted: list[tuple[PatchContext, ListenerMatch | None]] = []
    for side in SIDES:
        ports = e.get(reach, key, side)
        if ports == ALL_PORTS:
            wanted.append((side, None))
        else:
            wanted += [(side, ListenerMatch(port_number=port)) for port in ports or ()]
    return tuple(
        Patch(
            origin=found.origin,
            index=i,
            apply_to=ApplyTo.NETWORK_FILTER,
            operation=Operation.INSERT_FIRST if first else Operation.ADD,
            context=side,
            listener=listener,
            extension=extension_name(found),
        )
        for i, (side, listener) in enumerate(wanted)
    )


def extension_name(found: Code) -> str:
    """The name of the extension that is one filter of bytes."""
    return f"{found.origin.key.kind.lower()}/{found.name}"


def patch(e: Engine, key: Key, index: int) -> Patch | None:
    """One change; None where the document has no longer so many."""
    found = e.get(patches_in, key)
    return found[index] if index < len(found) else None


def patch_head(e: Engine, key: Key, index: int) -> Patch | None:
    """One change without its value: what decides where it is made."""
    found = e.get(patch, key, index)
    return structs.replace(found, value=NO_VALUE) if found else None


def patch_count(e: Engine, key: Key) -> int:
    """How many changes a document has."""
    return len(e.get(patches_in, key))


def patch_heads(e: Engine, sets: tuple[PatchSet, ...]) -> tuple[Patch, ...]:
    """All changes for a proxy without their values, in the order of their effect."""
    refs = [(s.key, i) for s in sets for i in (range(e.get(patch_count, s.key)) if s.only is None else s.only)]
    found = (e.get(patch_head, key, i) for key, i in refs)
    return tuple(p for p in found if p is not None)


# === by names ===


def concerns(p: Patch, type_: ResourceType, name: str, spot: Spot) -> bool:
    """Whether a change may be one of a resource, as far as its name tells."""
    if p.context not in (PatchContext.ANY, spot.context):
        return False
    match type_:
        case ResourceType.CLUSTER:
            return p.apply_to is ApplyTo.CLUSTER and p.operation is not Operation.ADD and _meets_cluster(p, name, spot)
        case ResourceType.LISTENER:
            return _concerns_listener(p, name, spot)
        case ResourceType.ROUTES:
            return p.apply_to is ApplyTo.ROUTE_CONFIGURATION and meets_table(p, name, spot)
        case ResourceType.VIRTUAL_HOST:
            return _concerns_host(p, name, spot)
        case _:
            return False


def _concerns_listener(p: Patch, name: str, spot: Spot) -> bool:
    if p.apply_to in (ApplyTo.ROUTE_CONFIGURATION, ApplyTo.VIRTUAL_HOST, ApplyTo.HTTP_ROUTE):
        return spot.context is PatchContext.SIDECAR_INBOUND  # whose route tables stand in the listener
    if p.apply_to is ApplyTo.LISTENER and p.operation is Operation.ADD:
        return False
    parts = (ApplyTo.LISTENER, ApplyTo.LISTENER_FILTER, ApplyTo.FILTER_CHAIN)
    if p.apply_to not in (*parts, ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER):
        return False
    return p.listener is None or p.listener.name in ("", name)


def _concerns_host(p: Patch, name: str, spot: Spot) -> bool:
    if p.apply_to is ApplyTo.VIRTUAL_HOST and p.operation is Operation.ADD:
        return False
    if p.apply_to not in (ApplyTo.VIRTUAL_HOST, ApplyTo.HTTP_ROUTE):
        return False
    table, _, host = name.rpartition("/")
    wanted = p.routes.vhost.name if p.routes and p.routes.vhost else ""
    return meets_table(p, table, spot) and wanted in ("", host)


def meets_table(p: Patch, name: str, spot: Spot) -> bool:
    """Whether a change is one of a route table: `9080`, `inbound|8080||`, `http.80`, `https.443.x.gateway.ns`.

    At gateways the port is the Service's, and where the gateway listens only if no Service leads there.
    """
    asked = p.routes
    if asked is None:
        return True
    if asked.name not in ("", name):
        return False
    if spot.context is not PatchContext.GATEWAY:
        number = name.split("|")[1] if name.startswith("inbound|") else name
        return not asked.port_number or str(asked.port_number) == number
    parts = name.split(".")
    port, port_name, gateway = (*parts[1:], "", "", "")[:3]
    space = ".".join(parts[4:])
    numbers = {str(number) for own, number in spot.ports if str(own) == port} or {port}
    if asked.port_number and str(asked.port_number) not in numbers:
        return False
    return asked.port_name in ("", port_name) and asked.gateway in ("", f"{space}/{gateway}")


def _meets_cluster(p: Patch, name: str, spot: Spot) -> bool:
    asked = p.cluster
    if asked is None:
        return True
    if asked.name:
        return asked.name == name
    _, port, subset, host = name.split("|") if name.count("|") == 3 else ("", "", "", "")
    hosts = spot.hosts or (host,)
    if asked.subset and asked.subset != subset:
        return False
    if asked.service and asked.service not in hosts:
        return False
    return not asked.port_number or str(asked.port_number) == port


def adds(p: Patch, apply_to: ApplyTo, context: PatchContext) -> bool:
    """Whether a change adds a resource of its own on one side of a proxy."""
    if p.apply_to is not apply_to or p.operation is not Operation.ADD:
        return False
    if p.context is PatchContext.ANY:
        return context is not PatchContext.SIDECAR_INBOUND
    return p.context is context
