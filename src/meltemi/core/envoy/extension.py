"""Write code that proxies run: chains of HTTP filters that stand in one place, and filters of bytes.

Place:  view/extension → [envoy/extension] → pipeline/traffic_extensions

The chain of a place comes as one extension (ECDS), so that what is added, changed or removed takes hold of live
connections. Envoy's composite filter runs it; its matcher knows the port that the connection was made to.
"""

from collections.abc import Mapping, Sequence

from meltemi.core.envoy import pb
from meltemi.core.view.extension import Code, Module

RUNTIME = "envoy.wasm.runtime.v8"
NETWORK_KINDS: tuple[type[pb.Message], ...] = (pb.NetworkWasm, pb.NetworkRBAC)
"""What may stand in the place of a filter of bytes."""
_COMPOSITE = "composite"


def chains_message(everywhere: Sequence[pb.TypedExtensionConfig], at: Mapping[int, Sequence[pb.TypedExtensionConfig]]):
    """Filters for each port, and for all ports that are not named."""
    written = pb.ExtensionWithMatcher()
    written.extension_config.name = _COMPOSITE
    written.extension_config.typed_config.CopyFrom(pb.any_of(pb.Composite()))
    if everywhere:
        written.xds_matcher.on_no_match.action.CopyFrom(_action(everywhere))
    if at:
        tree = written.xds_matcher.matcher_tree
        tree.input.CopyFrom(pb.XdsExtension(name="port", typed_config=pb.any_of(pb.DestinationPortInput())))
        for port, filters in at.items():
            tree.exact_match_map.map[str(port)].action.CopyFrom(_action(filters))
    return written


def _action(filters: Sequence[pb.TypedExtensionConfig]) -> pb.XdsExtension:
    action = pb.ExecuteFilterAction(filter_chain=pb.FilterChainConfiguration(typed_config=filters))
    return pb.XdsExtension(name=_COMPOSITE, typed_config=pb.any_of(action))


def http_filter(code: Code, *, runs: bool) -> pb.TypedExtensionConfig | None:
    """One HTTP filter. Where it does not run: one that refuses all requests, or none."""
    if not runs:
        return _named(code, _refuses(pb.HTTPRBAC())) if code.closes else None
    if code.module:
        return _named(code, pb.HTTPWasm(config=_plugin(code, code.module)))
    script = pb.Lua()
    script.default_source_code.inline_string = code.script
    return _named(code, script)


def network_filter(code: Code, *, runs: bool) -> pb.TypedExtensionConfig:
    """One filter of bytes. Where it does not run: one that refuses all connections, or that does nothing."""
    if runs and code.module:
        return _named(code, pb.NetworkWasm(config=_plugin(code, code.module)))
    idle = pb.NetworkRBAC(stat_prefix="extension.")
    return _named(code, _refuses(idle) if code.closes else idle)


def _refuses(written: pb.Message) -> pb.Message:
    """Rules that let nobody in."""
    if isinstance(written, (pb.HTTPRBAC, pb.NetworkRBAC)):
        written.rules.action = pb.RBACRules.ALLOW
    return written


def _named(code: Code, config: pb.Message) -> pb.TypedExtensionConfig:
    return pb.TypedExtensionConfig(name=code.name, typed_config=pb.any_of(config))


def _plugin(code: Code, module: Module) -> pb.PluginConfig:
    written = pb.PluginConfig(
        name=code.name, root_id=module.root, failure_policy=pb.FailurePolicy.Value(module.failure)
    )
    if module.configuration:
        written.configuration.CopyFrom(pb.any_of(pb.StringValue(value=module.configuration)))
    machine = written.vm_config
    machine.runtime = RUNTIME
    machine.environment_variables.key_values.update(module.values)
    machine.environment_variables.host_env_keys.extend(module.taken)
    machine.code.local.filename = module.file
    return written
