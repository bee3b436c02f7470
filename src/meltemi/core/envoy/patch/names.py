"""Names of filters as users know them from Istio.

Place:  [envoy/patch/names] → envoy/patch/filters
Source: Istio, pilot, networking/core: the names of its filters; Envoy's names before 1.14
"""

from meltemi.core.envoy import filters
from meltemi.core.envoy.filters import Side

_PLACES = {
    "envoy.filters.http.jwt_authn": (filters.AUTHENTICATION,),
    "istio_authn": (filters.AUTHENTICATION,),
    "envoy.filters.http.rbac": (filters.CUSTOM, filters.AUDIT, filters.DENY, filters.ALLOW),
    "envoy.filters.http.ext_authz": (filters.PROVIDER,),
    "envoy.filters.network.rbac": (
        filters.NETWORK_CUSTOM,
        filters.NETWORK_AUDIT,
        filters.NETWORK_DENY,
        filters.NETWORK_ALLOW,
    ),
    "envoy.filters.network.ext_authz": (filters.NETWORK_PROVIDER,),
}
"""Their filters → the places that have the same task here, and are filled by extensions."""
_SLOTS = {name: {place.extension(side) for place in places for side in Side} for name, places in _PLACES.items()}
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
