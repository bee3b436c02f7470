"""Changes of the filters of a chain: listener filters, network filters, HTTP filters.

Place:  view/patches → [envoy/patch/filters] → envoy/patch/listener
Source: Istio, pilot, networking/core/envoyfilter: filters are put in, replaced and removed first, and merged then, so
        that a MERGE meets what a later patch puts in
"""

from collections.abc import Iterable, MutableSequence, Sequence
from typing import TypeVar, cast

from meltemi.core.envoy import pb
from meltemi.core.envoy.filters import ALLOW, AUTHENTICATION, EXTENSIONS_AUTHN, EXTENSIONS_AUTHZ, Side
from meltemi.core.envoy.hcm import FILTER as MANAGER
from meltemi.core.envoy.hcm import filter_of
from meltemi.core.envoy.patch.edit import Hits, edited, replace_all, value_of
from meltemi.core.envoy.patch.merge import merge_any
from meltemi.core.envoy.patch.names import is_called
from meltemi.core.envoy.tcp import FILTER as TCP_PROXY
from meltemi.core.model.traffic.envoy_filter import ApplyTo, FilterClass, FilterMatch
from meltemi.core.view.patches import MERGES, Patch

AnyFilter = TypeVar("AnyFilter", pb.ListenerFilter, pb.Filter, pb.HttpFilter)
ROUTER = "envoy.filters.http.router"
_LAST = frozenset({ROUTER, MANAGER, TCP_PROXY})
"""Nothing may follow these: Envoy would refuse it."""
_AFTER = {
    FilterClass.AUTHN: (AUTHENTICATION, EXTENSIONS_AUTHN),
    FilterClass.AUTHZ: (ALLOW, EXTENSIONS_AUTHZ),
}
"""The place behind which a class begins; the second where the first is not, on the side of who calls."""


def patch_listener_filters(written: pb.Listener, patches: Sequence[Patch], hits: Hits) -> None:
    """The filters that see a connection before its chain is chosen."""
    for patch in _merges_last(p for p in patches if p.apply_to is ApplyTo.LISTENER_FILTER):
        name = patch.listener.listener_filter if patch.listener else ""
        _change(written.listener_filters, patch, name, hits)


def patch_network_filters(chain: pb.FilterChain, patches: Sequence[Patch], hits: Hits) -> None:
    """The filters of a chain, and those in its connection manager. `patches`: those that mean this chain."""
    for patch in _merges_last(p for p in patches if p.apply_to is ApplyTo.NETWORK_FILTER):
        asked = _asked(patch)
        _change(chain.filters, patch, asked.name if asked else "", hits)
    for one in chain.filters:
        inside = _merges_last(p for p in patches if p.apply_to is ApplyTo.HTTP_FILTER and _is_in(p, one))
        if inside and one.name == MANAGER:
            written = _manager(one)
            for patch in inside:
                _change(written.http_filters, patch, _sub_name(patch), hits)
            one.CopyFrom(filter_of(written))


def manager_of(chain: pb.FilterChain) -> pb.HttpConnectionManager | None:
    """The connection manager of a chain for requests."""
    return next((_manager(one) for one in chain.filters if one.name == MANAGER), None)


def put_manager(chain: pb.FilterChain, written: pb.HttpConnectionManager) -> None:
    """Put the connection manager back."""
    for one in chain.filters:
        if one.name == MANAGER:
            one.CopyFrom(filter_of(written))


def _merges_last(patches: Iterable[Patch]) -> list[Patch]:
    return sorted(patches, key=lambda p: p.operation in MERGES)


def _manager(one: pb.Filter) -> pb.HttpConnectionManager:
    return pb.HttpConnectionManager.FromString(one.typed_config.value)


def _asked(patch: Patch) -> FilterMatch | None:
    chain = patch.listener.filter_chain if patch.listener else None
    return chain.filter if chain else None


def _is_in(patch: Patch, one: pb.Filter) -> bool:
    asked = _asked(patch)
    return asked is None or is_called(one.name, asked.name)


def _sub_name(patch: Patch) -> str:
    asked = _asked(patch)
    return asked.sub_filter.name if asked and asked.sub_filter else ""


def _change(written: MutableSequence[AnyFilter], patch: Patch, name: str, hits: Hits) -> None:
    """Make one change. `name`: of the filter that it is about; empty where it does not say."""
    items = list(written)
    if patch.operation in MERGES:
        meant = [one for one in items if not name or is_called(one.name, name)]
        merged = [_merge(one, cast(AnyFilter, value_of(patch))) for one in meant]
        hits |= {patch.origin} if any(merged) else set()
        return
    found = edited(
        items, patch, lambda one: is_called(one.name, name), named=bool(name), end=lambda of: _end(of, patch)
    )
    if found is not None:
        replace_all(written, found)
        hits.add(patch.origin)


def _merge(one: AnyFilter, patch: AnyFilter) -> bool:
    """Whether there was something to merge into: what is filled by an extension has nothing of its own."""
    if not one.HasField("typed_config"):
        return False
    one.name = patch.name or one.name
    if patch.HasField("typed_config"):
        merge_any(one.typed_config, patch.typed_config)
    return True


def _end(items: Sequence[AnyFilter], patch: Patch) -> int:
    """Where an added filter stands: by its class, else before what must be the last."""
    for place in _AFTER.get(patch.filter_class, ()):
        names = {place.extension(side) for side in Side}
        found = next((i for i, one in enumerate(items) if one.name in names), None)
        if found is not None:
            return found + 1
    return len(items) - 1 if items and items[-1].name in _LAST else len(items)
