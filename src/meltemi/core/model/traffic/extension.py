"""WasmPlugin and TrafficExtension: code that proxies run.

Place:  model/traffic → check/extension, compose/extension
API:    extensions.istio.io v1alpha1
"""

from enum import StrEnum
from typing import ClassVar

from meltemi.core.model.security.peer_authentication import WorkloadSelector
from meltemi.core.model.traffic.common import PolicyTargetReference
from meltemi.core.model.tree import Free
from meltemi.core.model.value import Value


class PluginPhase(StrEnum):
    """Where among the filters the code stands: before the one that does this, or last."""

    UNSPECIFIED_PHASE = "UNSPECIFIED_PHASE"
    AUTHN = "AUTHN"
    AUTHZ = "AUTHZ"
    STATS = "STATS"


class PluginType(StrEnum):
    """What the code filters; requests where it is not said."""

    UNSPECIFIED_PLUGIN_TYPE = "UNSPECIFIED_PLUGIN_TYPE"
    HTTP = "HTTP"
    NETWORK = "NETWORK"


class PullPolicy(StrEnum):
    """When the module is fetched again."""

    UNSPECIFIED_POLICY = "UNSPECIFIED_POLICY"
    IF_NOT_PRESENT = "IfNotPresent"
    ALWAYS = "Always"


class FailStrategy(StrEnum):
    """What becomes of traffic when the code cannot be fetched or crashes."""

    FAIL_CLOSE = "FAIL_CLOSE"
    FAIL_OPEN = "FAIL_OPEN"
    FAIL_RELOAD = "FAIL_RELOAD"


class EnvValueSource(StrEnum):
    """Where a variable's value comes from."""

    INLINE = "INLINE"
    HOST = "HOST"


class EnvVar(Value, frozen=True, kw_only=True):
    """A variable of the environment in which a module runs."""

    name: str = ""
    value_from: EnvValueSource = EnvValueSource.INLINE
    value: str = ""


class VmConfig(Value, frozen=True, kw_only=True):
    """Settings of the machine that runs a module."""

    env: tuple[EnvVar, ...] = ()


class WorkloadMode(StrEnum):
    """On which side of a workload."""

    UNDEFINED = "UNDEFINED"
    CLIENT = "CLIENT"
    SERVER = "SERVER"
    CLIENT_AND_SERVER = "CLIENT_AND_SERVER"


class PortSelector(Value, frozen=True, kw_only=True):
    """One port."""

    number: int | None = None


class TrafficSelector(Value, frozen=True, kw_only=True):
    """Which traffic the code sees."""

    mode: WorkloadMode = WorkloadMode.UNDEFINED
    ports: tuple[PortSelector, ...] = ()


class WasmConfig(Value, frozen=True, kw_only=True):
    """A module of WebAssembly: where it is, and what it is told."""

    url: str = ""
    sha256: str = ""
    image_pull_policy: PullPolicy = PullPolicy.UNSPECIFIED_POLICY
    image_pull_secret: str = ""
    verification_key: str = ""
    plugin_config: Free | None = None
    plugin_name: str = ""
    fail_strategy: FailStrategy = FailStrategy.FAIL_CLOSE
    vm_config: VmConfig | None = None
    type: PluginType = PluginType.UNSPECIFIED_PLUGIN_TYPE


class LuaConfig(Value, frozen=True, kw_only=True):
    """A script."""

    inline_code: str = ""


class WasmPlugin(WasmConfig, frozen=True, kw_only=True):
    """A module for the proxies that a selector or a target names."""

    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    phase: PluginPhase = PluginPhase.UNSPECIFIED_PHASE
    priority: int | None = None
    match: tuple[TrafficSelector, ...] = ()


class TrafficExtension(Value, frozen=True, kw_only=True):
    """A module or a script for the proxies that a selector or a target names."""

    ONEOFS: ClassVar = (("wasm", "lua"),)

    selector: WorkloadSelector | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    phase: PluginPhase = PluginPhase.UNSPECIFIED_PHASE
    priority: int | None = None
    match: tuple[TrafficSelector, ...] = ()
    wasm: WasmConfig | None = None
    lua: LuaConfig | None = None
