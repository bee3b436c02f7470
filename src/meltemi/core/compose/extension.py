"""Which WasmPlugins and TrafficExtensions are in force for a proxy, in the order in which they run.

Place:  model/traffic/extension → [compose/extension] → view/extension, pipeline/{scope,traffic_extensions}
Source: Istio, reference, "TrafficExtension": the higher priority first, then by name and namespace

A WasmPlugin is the first form of a TrafficExtension, and is read as one.
"""

from msgspec import structs

from meltemi.core.compose.attachments import Attached, Labels, attached, gateways_of, labels_asked
from meltemi.core.compose.inputs import keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.traffic.extension import PluginType, TrafficExtension, WasmConfig, WasmPlugin

GROUP = "extensions.istio.io"
KINDS = ("WasmPlugin", "TrafficExtension")


def extension(e: Engine, key: Key) -> TrafficExtension | None:
    """The content of one of them."""
    if found := read_as(e, key, TrafficExtension):
        return found.spec
    plugin = read_as(e, key, WasmPlugin)
    return _as_extension(plugin.spec) if plugin else None


def _as_extension(plugin: WasmPlugin) -> TrafficExtension:
    return TrafficExtension(
        selector=plugin.selector,
        target_refs=(*((plugin.target_ref,) if plugin.target_ref else ()), *plugin.target_refs),
        phase=plugin.phase,
        priority=plugin.priority,
        match=plugin.match,
        wasm=WasmConfig(**{field.name: getattr(plugin, field.name) for field in structs.fields(WasmConfig)}),
    )


def extension_head(e: Engine, key: Key) -> Attached | None:
    """Where one of them holds."""
    spec = e.get(extension, key)
    if spec is None:
        return None
    return Attached(
        key=key,
        order=(-(spec.priority or 0), ("", key.name, key.namespace)),
        selector=spec.selector.match_labels if spec.selector else (),
        gateways=gateways_of(spec.target_refs),
    )


def extension_heads(e: Engine) -> tuple[Attached, ...]:
    """All of them, in the order in which they run."""
    found = (e.get(extension_head, key) for kind in KINDS for key in keys(e, GROUP, kind))
    return tuple(sorted((h for h in found if h is not None), key=lambda h: h.order))


def extension_labels(e: Engine) -> frozenset[str]:
    """Labels of workloads that some of them ask for."""
    return labels_asked(e.get(extension_heads))


def extensions_for(e: Engine, namespace: str, labels: Labels) -> tuple[Key, ...]:
    """Those for a workload, in the order in which they run; those of the root namespace have no precedence.

    `labels`: all of its labels, or those that `extension_labels` names.
    """
    heads = e.get(extension_heads)
    meant = set(attached(heads, namespace, labels, mesh(e).root_namespace))
    return tuple(h.key for h in heads if h.key in meant)


def http_code(e: Engine, namespace: str, labels: Labels) -> tuple[Key, ...]:
    """Of `extensions_for` those that filter requests."""
    return tuple(key for key in e.get(extensions_for, namespace, labels) if not e.get(filters_bytes, key))


def network_code(e: Engine, namespace: str, labels: Labels) -> tuple[Key, ...]:
    """Of `extensions_for` those that filter connections of bytes."""
    return tuple(key for key in e.get(extensions_for, namespace, labels) if e.get(filters_bytes, key))


def filters_bytes(e: Engine, key: Key) -> bool:
    """Whether an extension filters connections of bytes."""
    spec = e.get(extension, key)
    return bool(spec and spec.wasm and spec.wasm.type is PluginType.NETWORK)
