"""Changes of a listener and of what is in it.

Place:  view/patches → [envoy/patch/listener] → envoy/patch/apply
Source: Istio, pilot, networking/core/envoyfilter: first the listener, then its filters, then each chain and its filters
"""

from collections.abc import Sequence
from typing import cast

from meltemi.core.envoy import pb
from meltemi.core.envoy.patch.edit import Hits, replace_all, value_of
from meltemi.core.envoy.patch.filters import manager_of, patch_listener_filters, patch_network_filters, put_manager
from meltemi.core.envoy.patch.merge import merge, merge_any
from meltemi.core.envoy.patch.routes import patch_table
from meltemi.core.model.traffic.envoy_filter import ApplyTo, Operation, PatchContext
from meltemi.core.view.patches import MERGES, Patch

_ROUTES = (ApplyTo.ROUTE_CONFIGURATION, ApplyTo.VIRTUAL_HOST, ApplyTo.HTTP_ROUTE)
_CAUGHT = ("virtualInbound", "virtualOutbound")
"""Listeners that interception leads to: a port means that of a chain."""


def patch_listener(written: pb.Listener, patches: Sequence[Patch], context: PatchContext, hits: Hits) -> bool:
    """Make all changes; False where the listener is removed."""
    meant = [p for p in patches if p.apply_to not in _ROUTES and _meets(written, p)]
    for patch in (p for p in meant if p.apply_to is ApplyTo.LISTENER):
        hits.add(patch.origin)
        if patch.operation is Operation.REMOVE:
            return False
        if patch.operation in MERGES:
            merge(written, value_of(patch), replace_lists=patch.operation is Operation.MERGE_AND_REPLACE_LIST)
    patch_listener_filters(written, meant, hits)
    inside = [*(p for p in patches if p.apply_to in _ROUTES), *meant]
    chains = [c for c in written.filter_chains if _patch_chain(written, c, inside, context, hits)]
    for patch in (p for p in meant if p.apply_to is ApplyTo.FILTER_CHAIN and p.operation is Operation.ADD):
        chains.append(cast(pb.FilterChain, value_of(patch)))
        hits.add(patch.origin)
    replace_all(written.filter_chains, chains)
    default = written.default_filter_chain
    if written.HasField("default_filter_chain") and not _patch_chain(written, default, inside, context, hits):
        written.ClearField("default_filter_chain")
    return True


def _meets(written: pb.Listener, patch: Patch) -> bool:
    asked = patch.listener
    if asked is None or (patch.apply_to is not ApplyTo.LISTENER and written.name in _CAUGHT):
        return True
    return asked.port_number in (0, written.address.socket_address.port_value)


def _patch_chain(
    written: pb.Listener, chain: pb.FilterChain, patches: Sequence[Patch], context: PatchContext, hits: Hits
) -> bool:
    """Make all changes of one chain; False where it is removed."""
    meant = [p for p in patches if p.apply_to not in _ROUTES and _meets_chain(written, chain, p)]
    for patch in (p for p in meant if p.apply_to is ApplyTo.FILTER_CHAIN and p.operation is not Operation.ADD):
        hits.add(patch.origin)
        if patch.operation is Operation.REMOVE:
            return False
        if patch.operation in MERGES:
            _merge_chain(chain, patch)
    _patch_routes(chain, [p for p in patches if p.apply_to in _ROUTES], context, hits)
    patch_network_filters(chain, meant, hits)
    return True


def _patch_routes(chain: pb.FilterChain, patches: Sequence[Patch], context: PatchContext, hits: Hits) -> None:
    """The routes that stand in the chain itself: those of calls to the workload."""
    found = manager_of(chain) if patches else None
    if found is not None and found.HasField("route_config"):
        patch_table(found.route_config, patches, context, hits)
        put_manager(chain, found)


def _merge_chain(chain: pb.FilterChain, patch: Patch) -> None:
    """A transport socket of the same name is merged inside of its configuration."""
    value = cast(pb.FilterChain, value_of(patch))
    if value.transport_socket.name and value.transport_socket.name == chain.transport_socket.name:
        merge_any(chain.transport_socket.typed_config, value.transport_socket.typed_config)
        value.ClearField("transport_socket")
    merge(chain, value, replace_lists=patch.operation is Operation.MERGE_AND_REPLACE_LIST)


def _meets_chain(written: pb.Listener, chain: pb.FilterChain, patch: Patch) -> bool:
    asked = patch.listener
    if asked is None:
        return True
    own = chain.filter_chain_match
    if written.name in _CAUGHT and asked.port_number not in (0, own.destination_port.value):
        return False
    wanted = asked.filter_chain
    if wanted is None:
        return True
    protocols = [p for p in wanted.application_protocols.split(",") if p]
    return (
        wanted.name in ("", chain.name)
        and (not wanted.sni or wanted.sni in own.server_names)
        and wanted.transport_protocol in ("", own.transport_protocol)
        and all(p in own.application_protocols for p in protocols)
        and wanted.destination_port in (0, own.destination_port.value)
    )
