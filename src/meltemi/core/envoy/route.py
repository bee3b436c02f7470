"""Write a settled route as Envoy's route.v3.Route.

Place:  view/route → [envoy/route] → envoy/virtual_host
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.cors import FILTER as CORS_FILTER
from meltemi.core.envoy.cors import cors_policy
from meltemi.core.envoy.dynamic_dns import FILTER as RESOLVER
from meltemi.core.envoy.dynamic_dns import resolved_name, set_port
from meltemi.core.envoy.fault import FILTER as FAULT_FILTER
from meltemi.core.envoy.fault import fault_config
from meltemi.core.envoy.hashing import hash_policy
from meltemi.core.envoy.headers import write_headers
from meltemi.core.envoy.inner_protocol import FILTER as INNER_PROTOCOL
from meltemi.core.envoy.inner_protocol import requests_inside
from meltemi.core.envoy.match import route_match
from meltemi.core.envoy.mirror import mirror_policy
from meltemi.core.envoy.retry import retry_policy
from meltemi.core.envoy.rewrite import direct_response, redirect_action, write_rewrite
from meltemi.core.view.route import Route, Split


def route_message(route: Route) -> pb.Route:
    """Translate field by field."""
    written = pb.Route(name=route.name, stat_prefix=route.stat_prefix, match=route_match(route.match))
    if route.redirect is not None:
        written.redirect.CopyFrom(redirect_action(route.redirect))
    elif route.answer is not None:
        written.direct_response.CopyFrom(direct_response(route.answer))
    else:
        written.route.CopyFrom(_action(route))
    write_headers(route.changes, written)
    if route.fault is not None:
        written.typed_per_filter_config[FAULT_FILTER].CopyFrom(pb.any_of(fault_config(route.fault)))
    if len(route.splits) == 1:
        _write_marks(route.splits[0], written)
    if route.rewrite.host and any(split.dialled for split in route.splits):
        written.typed_per_filter_config[RESOLVER].CopyFrom(pb.any_of(resolved_name(route.rewrite.host)))
    if route.cors is not None:
        written.typed_per_filter_config[CORS_FILTER].CopyFrom(pb.any_of(cors_policy(route.cors)))
    return written


def _action(route: Route) -> pb.RouteAction:
    action = pb.RouteAction(
        timeout=pb.duration(route.timeout),
        request_mirror_policies=[mirror_policy(m) for m in route.mirrors],
        hash_policy=[hash_policy(h) for h in route.hashes],
    )
    if len(route.splits) == 1:
        _write_single(route.splits[0], action)
    else:
        for split in route.splits:
            action.weighted_clusters.clusters.append(_weight(split))
    if route.retry is not None:
        action.retry_policy.CopyFrom(retry_policy(route.retry))
    write_rewrite(route.rewrite, action)
    if route.changes.host and not route.rewrite.host:
        action.host_rewrite_literal = route.changes.host
    return action


def _write_single(split: Split, action: pb.RouteAction) -> None:
    """One destination: a plain cluster, unless it has header changes, which only a weighted cluster can carry."""
    if split.has_changes:
        action.weighted_clusters.clusters.append(_weight(split))
    else:
        action.cluster = split.to.cluster


def _weight(split: Split) -> pb.ClusterWeight:
    written = pb.ClusterWeight(name=split.to.cluster, weight=pb.UInt32Value(value=split.weight))
    write_headers(split.changes, written)
    if split.changes.host:
        written.host_rewrite_literal = split.changes.host
    _write_marks(split, written)
    return written


def _write_marks(split: Split, written: pb.Route | pb.ClusterWeight) -> None:
    """What later filters must know of a request to this destination."""
    if split.undeclared:
        written.typed_per_filter_config[INNER_PROTOCOL].CopyFrom(pb.any_of(requests_inside()))
    elif split.dialled:
        written.typed_per_filter_config[INNER_PROTOCOL].CopyFrom(pb.any_of(set_port(split.dialled)))
