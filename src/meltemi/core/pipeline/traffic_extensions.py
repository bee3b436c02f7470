"""Code that proxies run, as extensions: a chain for each place among the HTTP filters, and filters of bytes.

Place:  view/extension, envoy/extension → [pipeline/traffic_extensions] → pipeline/{extensions,patch_findings}

What Envoy refuses is taken back alone, as in pipeline/patched: of one place's code as much runs as gives a version
that was not refused. What becomes of the requests of the others they say themselves (`Code.closes`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from meltemi.core.compose.extension import http_code, network_code
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy import pb
from meltemi.core.envoy.extension import chains_message, http_filter, network_filter
from meltemi.core.envoy.filters import EXTENSIONS, EXTENSIONS_AUTHN, EXTENSIONS_AUTHZ, Place, Side, extension
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.proxy import Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.traffic.envoy_filter import PatchContext
from meltemi.core.model.traffic.extension import PluginPhase
from meltemi.core.pipeline.patched import Outcome, choices, refused_versions
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.extension import ALL_PORTS, Code, code, in_phases, reach
from meltemi.core.view.patches import extension_name

PHASES: dict[Place, tuple[PluginPhase, ...]] = {
    EXTENSIONS_AUTHN: (PluginPhase.AUTHN,),
    EXTENSIONS_AUTHZ: (PluginPhase.AUTHZ,),
    EXTENSIONS: (PluginPhase.STATS, PluginPhase.UNSPECIFIED_PHASE),
}
_CONTEXTS = {
    Side.INBOUND: PatchContext.SIDECAR_INBOUND,
    Side.OUTBOUND: PatchContext.SIDECAR_OUTBOUND,
    Side.GATEWAY: PatchContext.GATEWAY,
}


def code_calls(e: Engine, scope: Scope, sides: Iterable[Side]) -> dict[tuple[Place, Side], Call]:
    """The places among HTTP filters where code runs."""
    keys = e.get(http_code, scope.namespace, scope.labels)
    calls: dict[tuple[Place, Side], Call] = {}
    for side in sides if keys else ():
        seen = tuple(key for key in keys if e.get(reach, key, _CONTEXTS[side]) is not None)
        for place, phases in PHASES.items():
            if some := e.get(in_phases, seen, *phases):
                calls[place, side] = Call(function=http_body, args=(place, side, some))
    return calls


def network_slots(e: Engine, scope: Scope) -> Iterator[Slot]:
    """Filters of bytes; view/patches puts their names into chains."""
    for key in e.get(network_code, scope.namespace, scope.labels):
        if found := e.get(code, key):
            yield Slot(
                type=ResourceType.EXTENSION,
                name=extension_name(found),
                body=Call(function=network_body, args=(key,)),
            )


# === bodies ===


def http_body(e: Engine, place: Place, side: Side, keys: tuple[Key, ...]) -> Resource:
    """All that runs in one place."""
    return cast(Resource, e.get(http_outcome, place, side, keys).resource)


def http_outcome(e: Engine, place: Place, side: Side, keys: tuple[Key, ...]) -> Outcome:
    """All that runs in one place, and what of it was refused."""
    found = [(one, e.get(reach, key, _CONTEXTS[side]) or ALL_PORTS) for key in keys if (one := e.get(code, key))]

    def made(left_out: tuple[Origin, ...]) -> Resource:
        message = extension(place, side, _chains(found, left_out))
        return _resource(message, tuple(one for one, _ in found))

    return _settled(e, place.extension(side), tuple(one for one, _ in found), made)


def _chains(found: list[tuple[Code, tuple[int, ...]]], left_out: tuple[Origin, ...]) -> pb.Message:
    def chain(port: int) -> list[pb.TypedExtensionConfig]:
        meant = (one for one, ports in found if ports == ALL_PORTS or port in ports)
        written = (http_filter(one, runs=_runs(one, left_out)) for one in meant)
        return [one for one in written if one is not None]

    named = sorted({port for _, ports in found for port in ports})
    return chains_message(chain(0), {port: some for port in named if (some := chain(port))})


def network_body(e: Engine, key: Key) -> Resource | None:
    """One filter of bytes; None where there is none any more."""
    found = e.get(network_outcome, key)
    return found.resource if found else None


def network_outcome(e: Engine, key: Key) -> Outcome | None:
    """One filter of bytes, and whether it was refused."""
    found = e.get(code, key)
    if found is None:
        return None
    name = extension_name(found)

    def made(left_out: tuple[Origin, ...]) -> Resource:
        message = network_filter(found, runs=_runs(found, left_out))
        message.name = name
        return _resource(message, (found,))

    return _settled(e, name, (found,), made)


def code_outcome(e: Engine, slot: Slot) -> Outcome | None:
    """What came of the code in one extension; None of an extension without any."""
    if slot.body.function is http_body:
        place, side, keys = cast("tuple[Place, Side, tuple[Key, ...]]", slot.body.args)
        return e.get(http_outcome, place, side, keys)
    if slot.body.function is network_body:
        (key,) = cast("tuple[Key]", slot.body.args)
        return e.get(network_outcome, key)
    return None


def _runs(one: Code, left_out: tuple[Origin, ...]) -> bool:
    return one.origin not in left_out and (one.module is None or one.module.is_found)


def _resource(message: pb.TypedExtensionConfig, found: tuple[Code, ...]) -> Resource:
    return resource_of(ResourceType.EXTENSION, message, origin=tuple(one.origin for one in found))


def _settled(e: Engine, name: str, found: tuple[Code, ...], made: Callable[[tuple[Origin, ...]], Resource]) -> Outcome:
    """As much of the code as was not refused. `made`: the resource without some of it."""
    said = refused_versions(e, ResourceType.EXTENSION, name)
    every, whole = tuple(one.origin for one in found), made(())
    if whole.version not in said:
        return Outcome(resource=whole, made=frozenset(every))
    tried = ((left_out, made(left_out)) for left_out in (*choices(every), every))
    left_out, kept = next(((out, one) for out, one in tried if one.version not in said), (every, made(every)))
    reason = said[whole.version]
    return Outcome(resource=kept, made=frozenset(every), refused=tuple((origin, reason) for origin in left_out))
