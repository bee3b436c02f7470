"""Rules for EnvoyFilters, as far as they can be told without Envoy's own messages.

Place:  parse → [check/envoy_filter] → check/document
Source: Istio, pkg/config/validation/envoyfilter.
"""

from collections.abc import Iterator

from meltemi.core.check.report import ROOT, at, error, warning
from meltemi.core.check.values import MAX_REGEX, regex_fault
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.tree import Tree

APPLY_TO = frozenset(
    [
        "LISTENER",
        "FILTER_CHAIN",
        "NETWORK_FILTER",
        "HTTP_FILTER",
        "ROUTE_CONFIGURATION",
        "VIRTUAL_HOST",
        "HTTP_ROUTE",
        "CLUSTER",
        "EXTENSION_CONFIG",
        "BOOTSTRAP",
        "LISTENER_FILTER",
    ]
)
_LISTENER = frozenset({"LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER"})
_ROUTE = frozenset({"ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"})
_NEEDED = {**dict.fromkeys(_LISTENER, "listener"), **dict.fromkeys(_ROUTE, "routeConfiguration"), "CLUSTER": "cluster"}
_MATCHES = frozenset({"listener", "routeConfiguration", "cluster", "waypoint"})
_OPERATIONS = frozenset(
    {
        "MERGE",
        "ADD",
        "REMOVE",
        "INSERT_BEFORE",
        "INSERT_AFTER",
        "INSERT_FIRST",
        "REPLACE",
        "MERGE_AND_REPLACE_LIST",
    }
)
_CONTEXTS = frozenset({"ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY", "WAYPOINT"})
_WITHOUT_VALUE = frozenset({"REMOVE"})


def check_envoy_filter(tree: Tree) -> Iterator[Finding]:
    """What is patched, and whether patch and match fit it. The tree is read: what is in a patch is Envoy's."""
    spec = _mapping(_mapping(tree).get("spec"))
    yield warning("M2701", ROOT, "patches depend on what the mesh makes inside, which may change with any release")
    if "filters" in spec:
        yield error("M1101", at(ROOT, "filters"), "unknown field 'filters'", "write 'configPatches'")
    patches = spec.get("configPatches")
    for i, patch in enumerate(patches if isinstance(patches, list) else ()):
        yield from _check_patch(_mapping(patch), at(ROOT, "configPatches", i))


def _check_patch(entry: dict[str, Tree], path: Path) -> Iterator[Finding]:
    target = entry.get("applyTo")
    if not isinstance(target, str) or target not in APPLY_TO:
        yield error(
            "M2702", path, "it is not said what is patched", f"write 'applyTo', one of {', '.join(sorted(APPLY_TO))}"
        )
        return
    patch = entry.get("patch")
    if not isinstance(patch, dict):
        yield error("M2013", path, "'patch' is missing", "add 'patch: …'")
    else:
        yield from _check_operation(patch, target, at(path, "patch"))
    match = _mapping(entry.get("match"))
    yield from _check_match(match, target, at(path, "match"))
    yield from _check_proxy(_mapping(match.get("proxy")), at(path, "match", "proxy"))


def _check_operation(patch: dict[str, Tree], target: str, path: Path) -> Iterator[Finding]:
    operation = patch.get("operation")
    if not isinstance(operation, str) or operation not in _OPERATIONS:
        yield error(
            "M2702", path, "the patch does not say how", f"write 'operation', one of {', '.join(sorted(_OPERATIONS))}"
        )
        return
    if operation not in _WITHOUT_VALUE and not isinstance(patch.get("value"), dict):
        yield error("M2013", path, "'value' is missing", f"operation {operation} needs one")
    yield from _check_types(patch.get("value"), at(path, "value"))


def _check_types(tree: Tree, path: Path) -> Iterator[Finding]:
    """Messages of the API before v3 are gone from Envoy."""
    if isinstance(tree, list):
        for i, child in enumerate(tree):
            yield from _check_types(child, at(path, i))
    elif isinstance(tree, dict):
        for name, child in tree.items():
            if name == "@type" and isinstance(child, str) and _is_old(child):
                tip = "look for the message of the v3 API"
                yield error(
                    "M2703", at(path, name), f"message {child.rpartition('/')[2]!r} is not known to Envoy any more", tip
                )
            else:
                yield from _check_types(child, at(path, name))


def _is_old(url: str) -> bool:
    parts = url.rpartition("/")[2].split(".")
    return parts[0] == "envoy" and any(part in ("v2", "v2alpha", "v2alpha1", "v1") for part in parts)


def _check_match(match: dict[str, Tree], target: str, path: Path) -> Iterator[Finding]:
    context = match.get("context")
    if isinstance(context, str) and context not in _CONTEXTS:
        yield error(
            "M1104", at(path, "context"), f"unknown value {context!r}", f"known: {', '.join(sorted(_CONTEXTS))}"
        )
    written = [name for name in _MATCHES if name in match]
    waypoint = context == "WAYPOINT"
    if ("waypoint" in written) != waypoint and (waypoint or "waypoint" in written) and written:
        yield error("M2704", path, "'waypoint' and context WAYPOINT belong together", "change one of the two")
    wanted = _NEEDED.get(target)
    for name in written:
        if name not in (wanted, "waypoint") and wanted is not None:
            yield error("M2704", at(path, name), f"a {target} cannot be found by {name!r}", f"write {wanted!r}")
    if "waypoint" in written:
        port = _mapping(match["waypoint"]).get("portNumber")
        if isinstance(port, int) and not 1 <= port <= 65535:
            yield error("M2003", at(path, "waypoint", "portNumber"), f"{port} is no port", "ports are 1 to 65535")
    yield from _check_chain(_mapping(match.get("listener")), target, at(path, "listener"))


def _check_chain(listener: dict[str, Tree], target: str, path: Path) -> Iterator[Finding]:
    chain = _mapping(listener.get("filterChain"))
    found = chain.get("filter")
    if not isinstance(found, dict):
        return
    place = at(path, "filterChain", "filter")
    if target not in ("NETWORK_FILTER", "HTTP_FILTER"):
        yield error(
            "M2704", place, f"a {target} cannot be found by a filter", "write applyTo NETWORK_FILTER or HTTP_FILTER"
        )
    if "subFilter" in found:
        if target != "HTTP_FILTER":
            yield error(
                "M2704", at(place, "subFilter"), f"a {target} cannot be found by 'subFilter'", "only an HTTP_FILTER"
            )
        if found.get("name") not in ("envoy.filters.network.http_connection_manager", "envoy.http_connection_manager"):
            tip = "write 'envoy.filters.network.http_connection_manager'"
            yield error("M2704", at(place, "name"), "only the HTTP connection manager has filters in it", tip)


def _check_proxy(proxy: dict[str, Tree], path: Path) -> Iterator[Finding]:
    version = proxy.get("proxyVersion")
    if not isinstance(version, str):
        return
    if len(version) > MAX_REGEX:
        yield warning("M2006", at(path, "proxyVersion"), f"more than {MAX_REGEX} characters: the match is left out")
        return
    fault = regex_fault(version)
    if fault:
        yield error("M2006", at(path, "proxyVersion"), f"no regular expression of RE2: {fault}")


def _mapping(tree: Tree) -> dict[str, Tree]:
    return tree if isinstance(tree, dict) else {}
