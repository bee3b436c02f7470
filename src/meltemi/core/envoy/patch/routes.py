"""Changes of route tables, virtual hosts and routes.

Place:  view/patches → [envoy/patch/routes] → envoy/patch/{listener,apply}
"""

from collections.abc import Iterator, Sequence
from typing import cast

from meltemi.core.envoy import pb
from meltemi.core.envoy.patch.edit import Hits, edited, replace_all, value_of
from meltemi.core.envoy.patch.merge import merge
from meltemi.core.model.traffic.envoy_filter import ApplyTo, Operation, PatchContext, RouteAction, RouteMatch
from meltemi.core.view.patches import INSERTS, MERGES, Patch, Spot, meets_table

_FIELDS = {
    RouteAction.ROUTE: "route",
    RouteAction.REDIRECT: "redirect",
    RouteAction.DIRECT_RESPONSE: "direct_response",
}


def patch_table(table: pb.RouteConfiguration, patches: Sequence[Patch], context: PatchContext, hits: Hits) -> None:
    """A table that holds its virtual hosts itself: those for calls to the workload."""
    meant = [p for p in patches if meets_table(p, table.name, Spot(context=context))]
    merge_table(table, meant, hits)
    hosts = [host for host in table.virtual_hosts if patch_host(host, meant, hits)]
    for patch in meant:
        if patch.apply_to is ApplyTo.VIRTUAL_HOST and patch.operation is Operation.ADD:
            hosts.append(cast(pb.VirtualHost, value_of(patch)))
            hits.add(patch.origin)
    replace_all(table.virtual_hosts, hosts)


def merge_table(table: pb.RouteConfiguration, patches: Sequence[Patch], hits: Hits) -> None:
    """What is said of a table itself; its name stays."""
    name = table.name
    for patch in patches:
        if patch.apply_to is ApplyTo.ROUTE_CONFIGURATION and patch.operation in MERGES:
            merge(table, value_of(patch), replace_lists=patch.operation is Operation.MERGE_AND_REPLACE_LIST)
            hits.add(patch.origin)
    table.name = name


def patch_host(host: pb.VirtualHost, patches: Sequence[Patch], hits: Hits) -> bool:
    """Make all changes of one virtual host and its routes; False where it is removed. Its name stays."""
    name = host.name
    for patch in (p for p in patches if p.apply_to is ApplyTo.VIRTUAL_HOST and p.operation is not Operation.ADD):
        if not _meets_host(host, patch):
            continue
        hits.add(patch.origin)
        if patch.operation is Operation.REMOVE:
            return False
        if patch.operation is Operation.REPLACE:
            host.CopyFrom(cast(pb.VirtualHost, value_of(patch)))
        elif patch.operation in MERGES:
            merge(host, value_of(patch), replace_lists=patch.operation is Operation.MERGE_AND_REPLACE_LIST)
        host.name = name
    _patch_routes(host, [p for p in patches if p.apply_to is ApplyTo.HTTP_ROUTE and _meets_host(host, p)], hits)
    return True


def _meets_host(host: pb.VirtualHost, patch: Patch) -> bool:
    """The name of a virtual host without that of its table, or one of its domains."""
    asked = patch.routes.vhost if patch.routes else None
    if asked is None:
        return True
    own = host.name.rpartition("/")[2]
    return asked.name in ("", own) and (not asked.domain_name or asked.domain_name in host.domains)


def _patch_routes(host: pb.VirtualHost, patches: Sequence[Patch], hits: Hits) -> None:
    """First what is there is merged and removed, then more is put in (Istio's order). None is replaced."""
    gone = [route for route in host.routes if _is_removed(route, patches, hits)]
    items = [route for route in host.routes if route not in gone] if gone else list(host.routes)
    for patch in (p for p in patches if p.operation in (Operation.ADD, *INSERTS)):
        asked = _asked(patch)
        if asked and not any(_meets_route(route, asked) for route in items):
            continue
        found = edited(items, patch, lambda one, asked=asked: _meets_route(one, asked), named=asked is not None)
        if found is not None:
            items = found
            hits.add(patch.origin)
    replace_all(host.routes, items)


def _is_removed(route: pb.Route, patches: Sequence[Patch], hits: Hits) -> bool:
    for patch in patches:
        if patch.operation in (*MERGES, Operation.REMOVE) and _meets_route(route, _asked(patch)):
            hits.add(patch.origin)
            if patch.operation is Operation.REMOVE:
                return True
            merge(route, value_of(patch), replace_lists=patch.operation is Operation.MERGE_AND_REPLACE_LIST)
    return False


def _asked(patch: Patch) -> RouteMatch | None:
    host = patch.routes.vhost if patch.routes else None
    return host.route if host else None


def _meets_route(route: pb.Route, asked: RouteMatch | None) -> bool:
    if asked is None:
        return True
    field = _FIELDS.get(asked.action)
    return asked.name in ("", route.name) and (field is None or route.WhichOneof("action") in (field, None))


def clusters_of(host: pb.VirtualHost) -> Iterator[str]:
    """The clusters that a virtual host's routes name."""
    for route in host.routes:
        if route.route.cluster:
            yield route.route.cluster
        for one in route.route.weighted_clusters.clusters:
            yield one.name
