"""Code that a proxy runs, settled: what it is, where in the chain, of which traffic, and what comes of its failure.

Place:  compose/extension → [view/extension] → envoy/extension, view/patches, pipeline/traffic_extensions
Source: Istio, reference, "TrafficExtension"; pilot, model/extensions (a gateway's traffic is that of a client; a port
        is the service's on the client's side, the application's on the server's)
"""

import json
from enum import StrEnum

from meltemi.core.check.report import ROOT, at
from meltemi.core.compose.extension import extension
from meltemi.core.compose.modules import FILE, module, source_of
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.module import FOLDER, SUFFIX
from meltemi.core.model.proxy import PatchSet
from meltemi.core.model.traffic.envoy_filter import PatchContext
from meltemi.core.model.traffic.extension import (
    EnvValueSource,
    FailStrategy,
    PluginPhase,
    PluginType,
    TrafficExtension,
    WasmConfig,
    WorkloadMode,
)
from meltemi.core.model.tree import Tree
from meltemi.core.model.value import Value

ALL_PORTS: tuple[int, ...] = ()
DECIDING = (PluginPhase.AUTHN, PluginPhase.AUTHZ)
"""Phases of what says who may do what."""
_ORDER = (PluginPhase.AUTHN, PluginPhase.AUTHZ, PluginPhase.STATS, PluginPhase.UNSPECIFIED_PHASE)
SIDES = {
    PatchContext.SIDECAR_INBOUND: WorkloadMode.SERVER,
    PatchContext.SIDECAR_OUTBOUND: WorkloadMode.CLIENT,
    PatchContext.GATEWAY: WorkloadMode.CLIENT,
}
"""Which traffic is that of each side of a proxy."""
_BOTH = (WorkloadMode.UNDEFINED, WorkloadMode.CLIENT_AND_SERVER)


class Failure(StrEnum):
    """What becomes of traffic when a module fails while it runs: Envoy's names."""

    CLOSED = "FAIL_CLOSED"
    OPEN = "FAIL_OPEN"
    RELOAD = "FAIL_RELOAD"


_FAILURES = {
    FailStrategy.FAIL_CLOSE: Failure.CLOSED,
    FailStrategy.FAIL_OPEN: Failure.OPEN,
    FailStrategy.FAIL_RELOAD: Failure.RELOAD,
}


class Module(Value, frozen=True, kw_only=True):
    """A module of WebAssembly, and what it is told."""

    file: str = ""
    """In the proxy's container."""
    root: str = ""
    configuration: str = ""
    """JSON; empty for none."""
    values: tuple[tuple[str, str], ...] = ()
    """Variables of its environment."""
    taken: tuple[str, ...] = ()
    """Variables that it takes from the proxy's environment."""
    failure: Failure = Failure.CLOSED

    @property
    def is_found(self) -> bool:
        """Whether proxies have it; of one that was not fetched view/module_findings speaks."""
        return bool(self.file)


class Code(Value, frozen=True, kw_only=True):
    """One extension, settled."""

    name: str
    """`namespace.name`, as Istio calls it to modules."""
    origin: Origin
    phase: PluginPhase
    network: bool = False
    script: str = ""
    module: Module | None = None
    """In place of a script."""

    @property
    def closes(self) -> bool:
        """Whether traffic is refused where this cannot run: by `failStrategy`; scripts, which have none, by phase."""
        return self.module.failure is not Failure.OPEN if self.module else self.phase in DECIDING


def code(e: Engine, key: Key) -> Code | None:
    """One extension without where it holds; None where there is none."""
    spec = e.get(extension, key)
    if spec is None or (spec.wasm is None and spec.lua is None):
        return None
    place = ("lua", "inlineCode") if spec.lua else ("url",) if key.kind == "WasmPlugin" else ("wasm", "url")
    return Code(
        name=f"{key.namespace}.{key.name}",
        origin=Origin(key=key, path=at(ROOT, *place)),
        phase=spec.phase,
        network=spec.wasm is not None and spec.wasm.type is PluginType.NETWORK,
        script=spec.lua.inline_code if spec.lua else "",
        module=_module(e, spec.wasm, key.namespace) if spec.wasm else None,
    )


def _file(e: Engine, wasm: WasmConfig, namespace: str) -> str:
    source = source_of(wasm, namespace)
    if source is None:
        return wasm.url.removeprefix(FILE)
    found = e.get(module, source)
    return f"{FOLDER}/{found.digest}{SUFFIX}" if found and found.digest else ""


def _module(e: Engine, wasm: WasmConfig, namespace: str) -> Module:
    env = wasm.vm_config.env if wasm.vm_config else ()
    told: dict[str, Tree] = json.loads(wasm.plugin_config) if wasm.plugin_config else {}
    return Module(
        file=_file(e, wasm, namespace),
        root=wasm.plugin_name,
        configuration=json.dumps(told, separators=(",", ":"), sort_keys=True, ensure_ascii=False) if told else "",
        values=tuple((one.name, one.value) for one in env if one.value_from is EnvValueSource.INLINE),
        taken=tuple(one.name for one in env if one.value_from is EnvValueSource.HOST),
        failure=_FAILURES[wasm.fail_strategy],
    )


def ports_of(spec: TrafficExtension, side: PatchContext) -> tuple[int, ...] | None:
    """Ports of which an extension sees the traffic on one side of a proxy: `ALL_PORTS`, or sorted; None for none."""
    fitting = [one for one in spec.match if one.mode in (*_BOTH, SIDES[side])]
    if not spec.match or any(not one.ports for one in fitting):
        return ALL_PORTS
    return tuple(sorted({port.number for one in fitting for port in one.ports if port.number})) or None


def reach(e: Engine, key: Key, side: PatchContext) -> tuple[int, ...] | None:
    """As `ports_of`; stands between an extension's content and who asks."""
    spec = e.get(extension, key)
    return ports_of(spec, side) if spec else None


def phase(e: Engine, key: Key) -> PluginPhase:
    """The phase of one extension."""
    spec = e.get(extension, key)
    return spec.phase if spec else PluginPhase.UNSPECIFIED_PHASE


def in_phases(e: Engine, keys: tuple[Key, ...], *phases: PluginPhase) -> tuple[Key, ...]:
    """Those of some phases, one phase after the other and in each as they come."""
    return tuple(key for one in _ORDER if one in phases for key in keys if e.get(phase, key) is one)


def network_sets(e: Engine, keys: tuple[Key, ...]) -> tuple[PatchSet, ...]:
    """What puts filters of bytes into chains. Each of the deciding ones is put first: so the last of them begins."""
    first = in_phases(e, keys, *DECIDING)
    last = in_phases(e, keys, PluginPhase.STATS, PluginPhase.UNSPECIFIED_PHASE)
    return tuple(PatchSet(key=key) for key in (*reversed(first), *last))
