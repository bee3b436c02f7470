"""The stage after all features: what EnvoyFilters and extensions change of what a scope gets.

Place:  view/patches → envoy/patch → [pipeline/patched] → pipeline/slots

A scope that nothing changes does not come here, so it shares every byte as if this stage were not. Of one that does,
only those bodies are others that a change may be about, as their names tell; scopes with equal changes share these.

A change that Envoy refuses is taken back alone. Input `("refused", type, name)` says which versions of a resource were
refused; of all changes as many are made as give a version that was not. See design 0011.
"""

import json
from collections.abc import Iterator
from itertools import combinations, islice
from typing import cast

from msgspec import structs

from meltemi.core.compose.envoy_filters import KIND
from meltemi.core.compose.extension import KINDS as CODE
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.patch.apply import ADDED, added_message, apply_patches, named_clusters
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.traffic.envoy_filter import ApplyTo, PatchContext
from meltemi.core.model.value import Value
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.patches import Patch, Spot, adds, concerns, meets_table, patch, patch_heads
from meltemi.core.view.plain import HEALTH, INSIDE, Way, known_as

Ref = tuple[Origin, int]
Refs = tuple[Ref, ...]
"""Changes by document and index: lists hold names, what is said stands in the bodies."""
Refused = tuple[tuple[str, str], ...]
"""(version, Envoy's words), oldest first."""

CHANGING = (KIND, *CODE)
TRIALS = 64
"""So many ways to leave changes out are tried; then all of one resource's are."""
_INBOUND = ("virtualInbound", "inbound_", "InboundPassthroughCluster")
_TO_PORT = ("inbound", *Way)
_CONTEXTS = {
    Role.SIDECAR: (PatchContext.SIDECAR_INBOUND, PatchContext.SIDECAR_OUTBOUND),
    Role.ROUTER: (PatchContext.GATEWAY,),
}


class Outcome(Value, frozen=True, kw_only=True):
    """A resource with its changes."""

    resource: Resource | None
    """None where a change removes it."""
    made: frozenset[Origin]
    """Changes that were made, or would be if Envoy took them."""
    refused: tuple[tuple[Origin, str], ...] = ()
    """Changes that were taken back, and Envoy's words."""


def patched_slots(e: Engine, scope: Scope, plain: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """The list of a scope's resources with all changes."""
    heads = e.get(patch_heads, scope.patches)
    found = [_changed(slot, heads, scope) for slot in plain]
    names = {(slot.type, slot.name) for slot in plain}
    more = (slot for slot in _added(e, scope, heads, plain) if (slot.type, slot.name) not in names)
    return (*found, *more)


def _changed(slot: Slot, heads: tuple[Patch, ...], scope: Scope) -> Slot:
    if slot.type is ResourceType.LISTENER and slot.name in (INSIDE, HEALTH):
        return slot  # nobody's listeners: what callers send has passed the filters before
    spot, name = spot_of(slot, scope), known_as(slot.name)
    refs = tuple((p.origin, p.index) for p in heads if concerns(p, slot.type, name, spot))
    if not refs:
        return slot
    return structs.replace(slot, body=Call(function=patched_body, args=(slot.body, refs, spot.context)))


def spot_of(slot: Slot, scope: Scope) -> Spot:
    """On which side of the proxy a resource stands."""
    if scope.role is Role.ROUTER:
        return _at_gateway(scope)
    if slot.name.startswith(_INBOUND):
        return Spot(context=PatchContext.SIDECAR_INBOUND)
    direction, _, rest = slot.name.partition("|")
    if direction not in _TO_PORT or not rest:
        return Spot(context=PatchContext.SIDECAR_OUTBOUND)
    port = rest.partition("|")[0]
    return Spot(
        context=PatchContext.SIDECAR_INBOUND, hosts=tuple(t.host for t in scope.targets if port == str(t.target))
    )


def _at_gateway(scope: Scope) -> Spot:
    return Spot(context=PatchContext.GATEWAY, ports=tuple((t.target, t.port) for t in scope.targets))


def is_patched(resource: Resource) -> bool:
    """Whether a resource has changes, so that it is they that Envoy may refuse."""
    return any(origin.key.kind in CHANGING for origin in resource.origin)


def refused_versions(e: Engine, type_: ResourceType, name: str) -> dict[str, str]:
    """Version → Envoy's words, of the versions of a resource that were refused."""
    return dict(cast("Refused | None", e.read(("refused", type_, name))) or ())


def refused_input(resource: Resource) -> tuple[str, ResourceType, str]:
    """The engine's input that says which versions of a resource were refused."""
    return "refused", resource.type, resource.name


# === one body ===


def patched_body(e: Engine, base: Call, refs: Refs, context: PatchContext) -> Resource | None:
    """A resource with its changes; None where it is not, or one removes it."""
    found = e.get(outcome, base, refs, context)
    return found.resource if found else None


def outcome(e: Engine, base: Call, refs: Refs, context: PatchContext) -> Outcome | None:
    """A resource with as many of its changes as Envoy takes; None where there is nothing to change."""
    plain = base.run(e)
    if plain is None:
        return None
    changes = tuple(p for p in (e.get(patch, origin.key, i) for origin, i in refs) if p is not None)
    said = refused_versions(e, plain.type, plain.name)
    whole = _made(plain, changes, context)
    if whole.resource is None or whole.resource.version not in said:
        return whole
    if plain.version in said:
        return whole  # they are not to blame
    reason = said[whole.resource.version]
    for left_out in choices(tuple(p.origin for p in changes if p.origin in whole.made)):
        kept = _made(plain, tuple(p for p in changes if p.origin not in left_out), context).resource
        if kept is None or kept.version not in said:
            return Outcome(resource=kept, made=whole.made, refused=tuple((o, reason) for o in left_out))
    return Outcome(resource=plain, made=whole.made, refused=tuple((o, reason) for o in sorted(whole.made)))


def choices(made: tuple[Origin, ...]) -> Iterator[tuple[Origin, ...]]:
    """What may be left out, the fewest first and of these the last: which one Envoy means it does not say."""
    order = made[::-1]
    several = (left_out for count in range(1, len(order)) for left_out in combinations(order, count))
    yield from islice(several, TRIALS)


def _made(plain: Resource, changes: tuple[Patch, ...], context: PatchContext) -> Outcome:
    message, made = apply_patches(plain.type, plain.body, changes, context)
    if message is None:
        return Outcome(resource=None, made=made)
    if not made:
        return Outcome(resource=plain, made=made)
    origins = tuple(p.origin for p in changes if p.origin in made)
    resource = resource_of(
        plain.type,
        message,
        name=plain.name,
        needs=plain.needs | named_clusters(message),
        hold=plain.hold,
        refused=plain.refused,
        origin=(*origins, *plain.origin),
    )
    return Outcome(resource=resource, made=made)


def outcome_of(e: Engine, slot: Slot) -> Outcome | None:
    """What came of the changes of one resource; None of one that has none."""
    if slot.body.function is patched_body:
        base, refs, context = cast("tuple[Call, Refs, PatchContext]", slot.body.args)
        return e.get(outcome, base, refs, context)
    body = slot.body.run(e) if slot.body.function is added_body else None
    return Outcome(resource=body, made=frozenset(body.origin)) if body else None


# === what is added ===


def _added(e: Engine, scope: Scope, heads: tuple[Patch, ...], plain: tuple[Slot, ...]) -> Iterator[Slot]:
    """Resources of their own; of two with one name the first is."""
    tables = [slot.name for slot in plain if slot.type is ResourceType.ROUTES]
    spot = _at_gateway(scope) if scope.role is Role.ROUTER else Spot(context=PatchContext.SIDECAR_OUTBOUND)
    for head in heads:
        type_ = ADDED.get(head.apply_to)
        context = next((c for c in _CONTEXTS[scope.role] if adds(head, head.apply_to, c)), None)
        name = e.get(added_name, head.origin.key, head.index) if type_ and context else ""
        if type_ is None or context is None or not name:
            continue
        if head.apply_to is not ApplyTo.VIRTUAL_HOST:
            yield _slot(type_, name, head)
        elif context is not PatchContext.SIDECAR_INBOUND:
            yield from (_slot(type_, f"{t}/{name}", head) for t in tables if meets_table(head, t, spot))


def _slot(type_: ResourceType, name: str, head: Patch) -> Slot:
    return Slot(type=type_, name=name, body=Call(function=added_body, args=(head.origin.key, head.index, name)))


def added_name(e: Engine, key: Key, index: int) -> str:
    """The name that an added message gives itself; empty for none."""
    found = e.get(patch, key, index)
    name = json.loads(found.value).get("name") if found else ""
    return name if isinstance(name, str) else ""


def added_body(e: Engine, key: Key, index: int, name: str) -> Resource | None:
    """What a change adds."""
    found = e.get(patch, key, index)
    if found is None:
        return None
    message = added_message(found, name)
    return resource_of(ADDED[found.apply_to], message, needs=named_clusters(message), origin=(found.origin,))
