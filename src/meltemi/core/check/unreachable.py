"""Warnings for routes that can never be reached, because earlier ones take everything.

Place:  [check/unreachable] → check/virtual_service
Source: Istio, messages VirtualServiceUnreachableRule and VirtualServiceIneffectiveMatch.
"""

from collections.abc import Iterator, Sequence

import msgspec

from meltemi.core.check.report import at, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.common import StringMatch
from meltemi.core.model.traffic.virtual_service import HTTPMatchRequest, HTTPRoute, TCPRoute, TLSRoute, VirtualService


def check_unreachable(service: VirtualService, path: Path) -> Iterator[Finding]:
    """Routes after a route without conditions, and conditions that stand twice."""
    yield from _check_routes(service.http, at(path, "http"))
    yield from _check_routes(service.tls, at(path, "tls"))
    yield from _check_routes(service.tcp, at(path, "tcp"))
    yield from _check_prefixes(service.http, at(path, "http"))


def _check_routes(
    routes: Sequence[HTTPRoute] | Sequence[TLSRoute] | Sequence[TCPRoute], path: Path
) -> Iterator[Finding]:
    seen: dict[object, Path] = {}
    open_at: Path | None = None
    for i, route in enumerate(routes):
        place = at(path, i)
        if open_at is not None:
            yield warning("M2120", place, f"never reached: '{open_at}' has no conditions and takes everything")
        if not route.match:
            open_at = open_at or place
            continue
        twice = 0
        for j, match in enumerate(route.match):
            bare = msgspec.structs.replace(match, name="") if isinstance(match, HTTPMatchRequest) else match
            earlier = seen.setdefault(bare, place)
            if earlier != place or bare in _before(route.match, j):
                twice += 1
                yield warning("M2121", at(place, "match", j), f"the same conditions stand in '{earlier}'")
        if twice == len(route.match):
            yield warning("M2120", place, "never reached: earlier routes have all its conditions")


def _before(matches: Sequence[object], end: int) -> list[object]:
    return [msgspec.structs.replace(m, name="") if isinstance(m, HTTPMatchRequest) else m for m in matches[:end]]


def _check_prefixes(routes: Sequence[HTTPRoute], path: Path) -> Iterator[Finding]:
    """A longer prefix after a shorter one, with otherwise the same or wider conditions, finds nothing left."""
    earlier: list[tuple[HTTPMatchRequest, Path]] = []
    for i, route in enumerate(routes):
        for j, match in enumerate(route.match):
            if not (match.uri and match.uri.prefix):
                continue
            place = at(path, i, "match", j)
            for other, where in earlier:
                if _takes(other, match):
                    yield warning("M2121", place, f"'{where}' takes all these requests: its prefix is shorter")
                    break
            earlier.append((match, place))


def _takes(one: HTTPMatchRequest, other: HTTPMatchRequest) -> bool:
    """Whether every request that `other` matches is matched by `one`; where unsure, no."""
    short, long = (one.uri and one.uri.prefix) or "", (other.uri and other.uri.prefix) or ""
    if short == long or not long.startswith(short) or one.ignore_uri_case < other.ignore_uri_case:
        return False
    if one.port and one.port != other.port:
        return False
    narrower = (
        (one.scheme, other.scheme),
        (one.method, other.method),
        (one.authority, other.authority),
    )
    if any(mine and mine != theirs for mine, theirs in narrower):
        return False
    lists: tuple[tuple[tuple[tuple[str, StringMatch | str], ...], tuple[tuple[str, StringMatch | str], ...]], ...] = (
        (one.headers, other.headers),
        (one.without_headers, other.without_headers),
        (one.query_params, other.query_params),
        (one.source_labels, other.source_labels),
    )
    if any(not set(mine) <= set(theirs) for mine, theirs in lists):
        return False
    same_place = not one.gateways or set(other.gateways) <= set(one.gateways) != set()
    return same_place and one.source_namespace in ("", other.source_namespace)
