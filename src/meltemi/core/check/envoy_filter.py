"""Rules for EnvoyFilters.

Place:  parse → [check/envoy_filter] → check/document
Source: Istio, pkg/config/validation/envoyfilter; what each operation can do: Istio, pilot, networking/core/envoyfilter.
"""

from collections.abc import Iterator

from meltemi.core.check.envoy_values import check_envoy_value
from meltemi.core.check.names import check_labels, check_selector
from meltemi.core.check.report import ROOT, at, error, warning
from meltemi.core.check.target_refs import check_target_refs
from meltemi.core.check.values import MAX_REGEX, regex_fault
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.envoy_filter import (
    ApplyTo,
    EnvoyConfigObjectMatch,
    EnvoyConfigObjectPatch,
    EnvoyFilter,
    FilterClass,
    ListenerMatch,
    Operation,
    Patch,
    PatchContext,
    ProxyMatch,
)
from meltemi.core.model.tree import Tree

_LISTENER = (
    ApplyTo.LISTENER,
    ApplyTo.FILTER_CHAIN,
    ApplyTo.NETWORK_FILTER,
    ApplyTo.HTTP_FILTER,
    ApplyTo.LISTENER_FILTER,
)
_ROUTES = (ApplyTo.ROUTE_CONFIGURATION, ApplyTo.VIRTUAL_HOST, ApplyTo.HTTP_ROUTE)
_NEEDED = {
    **dict.fromkeys(_LISTENER, "listener"),
    **dict.fromkeys(_ROUTES, "routeConfiguration"),
    ApplyTo.CLUSTER: "cluster",
}
_MANAGER = ("envoy.filters.network.http_connection_manager", "envoy.http_connection_manager")
_INSERT = (Operation.INSERT_BEFORE, Operation.INSERT_AFTER, Operation.INSERT_FIRST)
_MERGE = (Operation.MERGE, Operation.MERGE_AND_REPLACE_LIST)
_WHOLE = (*_MERGE, Operation.ADD, Operation.REMOVE)
POSSIBLE: dict[ApplyTo, tuple[Operation, ...]] = {
    ApplyTo.LISTENER: (*_WHOLE, *_INSERT),
    ApplyTo.FILTER_CHAIN: (*_WHOLE, *_INSERT),
    ApplyTo.NETWORK_FILTER: (*_WHOLE, *_INSERT, Operation.REPLACE),
    ApplyTo.HTTP_FILTER: (*_WHOLE, *_INSERT, Operation.REPLACE),
    ApplyTo.LISTENER_FILTER: (*_WHOLE, *_INSERT, Operation.REPLACE),
    ApplyTo.ROUTE_CONFIGURATION: _MERGE,
    ApplyTo.VIRTUAL_HOST: (*_WHOLE, *_INSERT, Operation.REPLACE),
    ApplyTo.HTTP_ROUTE: (*_WHOLE, *_INSERT),
    ApplyTo.CLUSTER: (*_WHOLE, *_INSERT),
    ApplyTo.EXTENSION_CONFIG: (Operation.ADD, *_INSERT),
    ApplyTo.BOOTSTRAP: _MERGE,
}
"""What has an effect; INSERT on what has no order is ADD."""
REPLACED_BY_MATCH = (ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER, ApplyTo.LISTENER_FILTER)


def check_envoy_filter(spec: EnvoyFilter, tree: Tree) -> Iterator[Finding]:
    """What is patched, whether patch and match fit it, and whether Envoy knows what is written."""
    yield warning("M2701", ROOT, "patches depend on what the mesh makes inside, which may change with any release")
    if spec.workload_selector is not None:
        yield from check_selector(spec.workload_selector.labels, at(ROOT, "workloadSelector", "labels"))
        yield from check_labels(spec.workload_selector.labels, at(ROOT, "workloadSelector", "labels"))
    yield from check_target_refs(spec.target_refs, at(ROOT, "targetRefs"))
    values = _values(tree)
    for i, patch in enumerate(spec.config_patches):
        value = values[i] if i < len(values) else None
        yield from _check_patch(patch, value, at(ROOT, "configPatches", i))


def _check_patch(entry: EnvoyConfigObjectPatch, value: Tree, path: Path) -> Iterator[Finding]:
    target = entry.apply_to
    if target is ApplyTo.INVALID:
        tip = f"write 'applyTo', one of {', '.join(sorted(POSSIBLE))}"
        yield error("M2702", path, "it is not said what is patched", tip)
        return
    if entry.patch is None:
        yield error("M2013", path, "'patch' is missing", "add 'patch: …'")
    else:
        yield from _check_operation(entry.patch, target, at(path, "patch"))
        if entry.patch.value is not None and entry.patch.operation is not Operation.REMOVE:
            yield from check_envoy_value(target, value, at(path, "patch", "value"))
    match = entry.match or EnvoyConfigObjectMatch()
    yield from _check_match(match, target, at(path, "match"))
    if match.proxy is not None:
        yield from _check_proxy(match.proxy, at(path, "match", "proxy"))
    if entry.patch is not None and not _places(match, entry.patch.operation, target):
        tip = "say which: 'match: {listener: …}' with the filter's name"
        yield warning(
            "M2706", at(path, "patch", "operation"), f"{entry.patch.operation} of no filter does nothing", tip
        )


def _places(match: EnvoyConfigObjectMatch, operation: Operation, target: ApplyTo) -> bool:
    """Whether it is said which filter is removed or replaced."""
    if operation not in (Operation.REMOVE, Operation.REPLACE) or target not in REPLACED_BY_MATCH:
        return True
    listener = match.listener or ListenerMatch()
    if target is ApplyTo.LISTENER_FILTER:
        return bool(listener.listener_filter)
    found = listener.filter_chain.filter if listener.filter_chain else None
    return found is not None and (target is ApplyTo.NETWORK_FILTER or found.sub_filter is not None)


def _check_operation(patch: Patch, target: ApplyTo, path: Path) -> Iterator[Finding]:
    operation = patch.operation
    if operation is Operation.INVALID:
        known = ", ".join(sorted(one for one in Operation if one is not Operation.INVALID))
        yield error("M2702", path, "the patch does not say how", f"write 'operation', one of {known}")
        return
    if operation is not Operation.REMOVE and patch.value is None:
        yield error("M2013", path, "'value' is missing", f"operation {operation} needs one")
    if operation not in POSSIBLE[target]:
        tip = f"possible: {', '.join(POSSIBLE[target])}"
        yield warning("M2706", at(path, "operation"), f"{operation} of a {target} does nothing", tip)
    added = (target, operation) == (ApplyTo.HTTP_FILTER, Operation.ADD)
    if patch.filter_class is not FilterClass.UNSPECIFIED and not added:
        message = "'filterClass' is for operation ADD of an HTTP_FILTER"
        yield warning("M2706", at(path, "filterClass"), message, "remove it")


def _check_match(match: EnvoyConfigObjectMatch, target: ApplyTo, path: Path) -> Iterator[Finding]:
    written = [
        name
        for name, one in (
            ("listener", match.listener),
            ("routeConfiguration", match.route_configuration),
            ("cluster", match.cluster),
            ("waypoint", match.waypoint),
        )
        if one is not None
    ]
    waypoint = match.context is PatchContext.WAYPOINT
    if written and (match.waypoint is not None) != waypoint:
        yield error("M2704", path, "'waypoint' and context WAYPOINT belong together", "change one of the two")
    elif waypoint:
        yield warning("M2706", at(path, "context"), "there are no waypoints here", "see docs/reference/differences.md")
    wanted = _NEEDED.get(target)
    for name in written:
        if name not in (wanted, "waypoint") and wanted is not None:
            yield error("M2704", at(path, name), f"a {target} cannot be found by {name!r}", f"write {wanted!r}")
    if match.waypoint is not None and match.waypoint.port_number > 65535:
        place = at(path, "waypoint", "portNumber")
        yield error("M2003", place, f"{match.waypoint.port_number} is no port", "ports are 1 to 65535")
    if match.listener is not None:
        yield from _check_chain(match.listener, target, at(path, "listener"))


def _check_chain(listener: ListenerMatch, target: ApplyTo, path: Path) -> Iterator[Finding]:
    if listener.port_name:
        yield warning("M2706", at(path, "portName"), "a listener is not found by 'portName'", "write 'portNumber'")
    if listener.listener_filter and target is not ApplyTo.LISTENER_FILTER:
        tip = "write applyTo LISTENER_FILTER"
        yield warning("M2706", at(path, "listenerFilter"), f"a {target} is not found by 'listenerFilter'", tip)
    found = listener.filter_chain.filter if listener.filter_chain else None
    if found is None:
        return
    place = at(path, "filterChain", "filter")
    if target not in (ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER):
        tip = "write applyTo NETWORK_FILTER or HTTP_FILTER"
        yield error("M2704", place, f"a {target} cannot be found by a filter", tip)
    if found.sub_filter is not None:
        if target is not ApplyTo.HTTP_FILTER:
            message = f"a {target} cannot be found by 'subFilter'"
            yield error("M2704", at(place, "subFilter"), message, "only an HTTP_FILTER")
        if found.name not in _MANAGER:
            tip = f"write {_MANAGER[0]!r}"
            yield error("M2704", at(place, "name"), "only the HTTP connection manager has filters in it", tip)


def _check_proxy(proxy: ProxyMatch, path: Path) -> Iterator[Finding]:
    version = proxy.proxy_version
    if len(version) > MAX_REGEX:
        yield warning("M2006", at(path, "proxyVersion"), f"more than {MAX_REGEX} characters: the match is left out")
        return
    fault = regex_fault(version) if version else ""
    if fault:
        yield error("M2006", at(path, "proxyVersion"), f"no regular expression of RE2: {fault}")


def _values(tree: Tree) -> list[Tree]:
    """The value of each patch, as it was written."""
    patches = _mapping(_mapping(tree).get("spec")).get("configPatches")
    found = patches if isinstance(patches, list) else _mapping(_mapping(tree).get("spec")).get("config_patches")
    return [_mapping(_mapping(one).get("patch")).get("value") for one in found] if isinstance(found, list) else []


def _mapping(tree: Tree) -> dict[str, Tree]:
    return tree if isinstance(tree, dict) else {}
