"""Changes to headers on the way there and back.

Place:  model/traffic Headers → [view/headers] → envoy/headers
"""

from meltemi.core.model.traffic.virtual_service import HeaderOperations, Headers, HTTPRoute
from meltemi.core.model.value import Value

HOST_NAMES = frozenset({"host", ":authority"})


class HeaderChanges(Value, frozen=True, kw_only=True):
    """Settled changes; order as Envoy applies it: remove, then set and add."""

    request_set: tuple[tuple[str, str], ...] = ()
    request_add: tuple[tuple[str, str], ...] = ()
    request_remove: tuple[str, ...] = ()
    response_set: tuple[tuple[str, str], ...] = ()
    response_add: tuple[tuple[str, str], ...] = ()
    response_remove: tuple[str, ...] = ()
    host: str = ""
    """A new Host, written as a change of that header: Envoy takes it as a rewrite only."""


def header_changes(written: Headers | None) -> HeaderChanges:
    """Settle the changes of one destination."""
    request = (written.request if written else None) or HeaderOperations()
    response = (written.response if written else None) or HeaderOperations()
    hosts = [value for name, value in (*request.set, *request.add) if name.lower() in HOST_NAMES]
    return HeaderChanges(
        request_set=_without_host(request.set),
        request_add=_without_host(request.add),
        request_remove=tuple(n for n in request.remove if n.lower() not in HOST_NAMES),
        response_set=response.set,
        response_add=response.add,
        response_remove=response.remove,
        host=hosts[0] if hosts else "",
    )


def route_header_changes(route: HTTPRoute) -> HeaderChanges:
    """Settle the changes of a route: `headers`, and the forms of Istio 0.8 and 1.0."""
    new = header_changes(route.headers)
    return HeaderChanges(
        request_set=new.request_set,
        request_add=(*new.request_add, *_without_host((*route.append_headers, *route.append_request_headers))),
        request_remove=(*new.request_remove, *route.remove_request_headers),
        response_set=new.response_set,
        response_add=(*new.response_add, *route.append_response_headers),
        response_remove=(*new.response_remove, *route.remove_response_headers),
        host=new.host,
    )


def _without_host(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs if name.lower() not in HOST_NAMES)
