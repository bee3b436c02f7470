"""Copies of requests, whose answers are thrown away.

Place:  model/traffic HTTPMirrorPolicy → [view/mirror] → envoy/mirror
"""

from meltemi.core.model.traffic.virtual_service import HTTPMirrorPolicy, HTTPRoute
from meltemi.core.model.units import Percent
from meltemi.core.model.value import Value
from meltemi.core.view.destination import Target


class Mirror(Value, frozen=True, kw_only=True):
    """Where copies go, and of which share of requests."""

    to: Target
    percent: Percent


def written_mirrors(route: HTTPRoute) -> tuple[tuple[HTTPMirrorPolicy, Percent], ...]:
    """Mirrors with their shares: `mirrors`, else `mirror` with its two forms of a share. Zero is no mirror."""
    policies = route.mirrors
    if not policies and route.mirror is not None:
        policies = (HTTPMirrorPolicy(destination=route.mirror, percentage=route.mirror_percentage),)
    settled = ((p, _share(p, route)) for p in policies if p.destination is not None)
    return tuple((p, share) for p, share in settled if share > 0)


def _share(policy: HTTPMirrorPolicy, route: HTTPRoute) -> Percent:
    if policy.percentage is not None:
        return policy.percentage.value
    old = route.mirror_percent if not route.mirrors else None
    return Percent(100 if old is None else old)
