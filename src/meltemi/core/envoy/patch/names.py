"""Names of filters as users know them from Istio.

Place:  [envoy/patch/names] → envoy/patch/filters
Source: Istio, pilot, networking/core: the names of its filters; Envoy's names before 1.14
"""

from meltemi.core.envoy import filters
from meltemi.core.envoy.filters import Side

_PLACES = {
    "envoy.filters.http.jwt_authn": filters.AUTHENTICATION,
    "istio_authn": filters.AUTHENTICATION,
    "envoy.filters.http.rbac": filters.AUTHORIZATION,
    "envoy.filters.network.rbac": filters.NETWORK_AUTHORIZATION,
}
"""Their filters → the places that have the same task here, and are filled by extensions."""
_SLOTS = {name: {place.extension(side) for side in Side} for name, place in _PLACES.items()}
_OLD = {
    f"envoy.{old}": f"envoy.filters.{new}"
    for old, new in (
        ("http_connection_manager", "network.http_connection_manager"),
        ("tcp_proxy", "network.tcp_proxy"),
        ("router", "http.router"),
        ("cors", "http.cors"),
        ("fault", "http.fault"),
    )
}


def is_called(filter_name: str, written: str) -> bool:
    """Whether a filter is meant by a name."""
    return filter_name in (written, _OLD.get(written)) or filter_name in _SLOTS.get(written, ())
