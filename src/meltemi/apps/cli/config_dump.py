"""Envoy's config_dump, taken apart and summed up in istioctl's columns.

Place:  apps/cli · what the live Envoy says of itself → [config_dump] → proxy-config
Source: Envoy, admin interface, `/config_dump`; Istio, `istioctl proxy-config`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from meltemi.apps.cli import secret_dump
from meltemi.apps.cli.tables import items, part

Tree = dict[str, Any]
Row = tuple[str, ...]

HEADS = {
    "listeners": ("ADDRESSES", "PORT", "MATCH", "DESTINATION"),
    "routes": ("NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"),
    "clusters": ("SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"),
    "endpoints": ("ENDPOINT", "STATUS", "CLUSTER"),
    "secret": secret_dump.HEAD,
}
MANAGER = "envoy.filters.network.http_connection_manager"
TCP = "envoy.filters.network.tcp_proxy"


def bootstrap(dump: Tree) -> Tree:
    """What Envoy was started with."""
    return part(_section(dump, "BootstrapConfigDump"), "bootstrap")


def resources(dump: Tree, what: str) -> list[Tree]:
    """All listeners, routes, clusters, endpoints or secrets, static and dynamic, as Envoy v3 messages.

    A secret comes with its state, and without its private key.
    """
    readers = {
        "listeners": _listeners, "routes": _routes, "clusters": _clusters, "endpoints": _endpoints, "secret": _secrets,
    }  # fmt: skip
    found = readers[what](dump)
    return sorted(found, key=lambda one: str(one.get("name") or one.get("cluster_name") or ""))


def rows(what: str, one: Tree) -> Iterator[Row]:
    """The lines of a table that a resource gives."""
    makers: dict[str, Callable[[Tree], Iterator[Row]]] = {
        "listeners": _listener_rows, "routes": _route_rows, "clusters": _cluster_rows, "endpoints": _endpoint_rows,
        "secret": secret_dump.rows,
    }  # fmt: skip
    return makers[what](one)


def _section(dump: Tree, name: str) -> Tree:
    found = (one for one in items(dump, "configs") if str(one.get("@type", "")).endswith(f".{name}"))
    return next(found, dict[str, Any]())


def _listeners(dump: Tree) -> Iterator[Tree]:
    section = _section(dump, "ListenersConfigDump")
    for one in items(section, "static_listeners"):
        yield part(one, "listener")
    for one in items(section, "dynamic_listeners"):
        # A listener that still warms, with nothing before it, is no traffic's destination yet.
        if active := part(part(one, "active_state"), "listener"):
            yield active


def _routes(dump: Tree) -> Iterator[Tree]:
    section = _section(dump, "RoutesConfigDump")
    for one in items(section, "static_route_configs") + items(section, "dynamic_route_configs"):
        yield part(one, "route_config")


def _clusters(dump: Tree) -> Iterator[Tree]:
    section = _section(dump, "ClustersConfigDump")
    for one in items(section, "static_clusters") + items(section, "dynamic_active_clusters"):
        yield part(one, "cluster")


def _endpoints(dump: Tree) -> Iterator[Tree]:
    section = _section(dump, "EndpointsConfigDump")
    for one in items(section, "static_endpoint_configs") + items(section, "dynamic_endpoint_configs"):
        yield part(one, "endpoint_config")


def _secrets(dump: Tree) -> Iterator[Tree]:
    return secret_dump.secrets(_section(dump, "SecretsConfigDump"))


def _listener_rows(one: Tree) -> Iterator[Row]:
    address, pipe = (part(part(one, "address"), kind) for kind in ("socket_address", "pipe"))
    other = f"unix://{pipe['path']}" if pipe else "inside"  # of Envoy itself
    where = str(address.get("address", other)), str(address.get("port_value", ""))
    chains = items(one, "filter_chains")
    if default := part(one, "default_filter_chain"):
        chains = [*chains, default]
    for chain in chains:
        yield *where, _match(part(chain, "filter_chain_match")), _destination(chain)
    if not chains:
        yield *where, "ALL", ""


def _match(match: Tree) -> str:
    words: list[str] = []
    if match.get("transport_protocol"):
        words.append(f"Trans: {match['transport_protocol']}")
    if match.get("application_protocols"):
        words.append(f"App: {','.join(match['application_protocols'])}")
    if match.get("server_names"):
        words.append(f"SNI: {','.join(match['server_names'])}")
    words += [f"Addr: {one.get('address_prefix')}/{one.get('prefix_len', 0)}" for one in items(match, "prefix_ranges")]
    if match.get("destination_port"):
        words.append(f"Port: {match['destination_port']}")
    return "; ".join(words) or "ALL"


def _destination(chain: Tree) -> str:
    for one in items(chain, "filters"):
        config = part(one, "typed_config")
        if one.get("name") == MANAGER:
            route = part(config, "rds").get("route_config_name") or part(config, "route_config").get("name", "")
            return f"Route: {route}" if "rds" in config else f"Inline Route: {route}"
        if one.get("name") == TCP:
            weighted = items(part(config, "weighted_clusters"), "clusters")
            names = [str(w.get("name")) for w in weighted] or [str(config.get("cluster", ""))]
            return f"Cluster: {', '.join(names)}"
    return "Non-HTTP/Non-TCP"


def _route_rows(one: Tree) -> Iterator[Row]:
    for host in items(one, "virtual_hosts"):
        domains: list[str] = host.get("domains") or []
        listed = ", ".join(domains[:2]) + (f" + {len(domains) - 2} more..." if len(domains) > 2 else "")
        name = str(one.get("name", ""))
        for route in items(host, "routes"):
            yield name, str(host.get("name", "")), listed, _route_match(part(route, "match")), config_of(route)
        if not items(host, "routes"):
            yield name, str(host.get("name", "")), listed, "", "404"


def _route_match(match: Tree) -> str:
    for field, form in (("prefix", "{}*"), ("path_separated_prefix", "{}*"), ("path", "{}")):
        if field in match:
            return form.format(match[field])
    if "safe_regex" in match:
        return f"regex {part(match, 'safe_regex').get('regex')}"
    return "CONNECT" if "connect_matcher" in match else "*"


def config_of(one: Tree) -> str:
    """`NAME.NAMESPACE` of the document behind a route or cluster, from Istio's metadata; empty where it says none."""
    said = str(part(part(part(one, "metadata"), "filter_metadata"), "istio").get("config", ""))
    words = said.strip("/").split("/")
    if len(words) < 3 or "namespaces" not in words:
        return ""
    return f"{words[-1]}.{words[words.index('namespaces') + 1]}"


def _cluster_rows(one: Tree) -> Iterator[Row]:
    name = str(one.get("name", ""))
    direction, port, subset, fqdn = (name.split("|") + [""] * 4)[:4] if name.count("|") == 3 else ("-", "-", "-", name)
    kind = str(part(one, "cluster_type").get("name") or one.get("type") or "STATIC")
    yield fqdn, port or "-", subset or "-", direction or "-", kind, config_of(one)


def _endpoint_rows(one: Tree) -> Iterator[Row]:
    for group in items(one, "endpoints"):
        for member in items(group, "lb_endpoints"):
            address = part(part(part(member, "endpoint"), "address"), "socket_address")
            pipe = part(part(part(member, "endpoint"), "address"), "pipe").get("path")
            where = f"unix://{pipe}" if pipe else f"{address.get('address')}:{address.get('port_value')}"
            yield where, str(member.get("health_status", "HEALTHY")), str(one.get("cluster_name", ""))
