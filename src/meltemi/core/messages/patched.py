"""Which message of Envoy each `applyTo` of an EnvoyFilter speaks of.

Place:  [messages/patched] → check/envoy_values, envoy/patch
Source: Istio, reference, "EnvoyFilter.ApplyTo"
"""

from google.protobuf.message import Message

from meltemi.core.messages.by_name import message_type
from meltemi.core.model.traffic.envoy_filter import ApplyTo

_NAMES = {
    ApplyTo.LISTENER: "envoy.config.listener.v3.Listener",
    ApplyTo.FILTER_CHAIN: "envoy.config.listener.v3.FilterChain",
    ApplyTo.NETWORK_FILTER: "envoy.config.listener.v3.Filter",
    ApplyTo.LISTENER_FILTER: "envoy.config.listener.v3.ListenerFilter",
    ApplyTo.HTTP_FILTER: "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
    ApplyTo.ROUTE_CONFIGURATION: "envoy.config.route.v3.RouteConfiguration",
    ApplyTo.VIRTUAL_HOST: "envoy.config.route.v3.VirtualHost",
    ApplyTo.HTTP_ROUTE: "envoy.config.route.v3.Route",
    ApplyTo.CLUSTER: "envoy.config.cluster.v3.Cluster",
    ApplyTo.EXTENSION_CONFIG: "envoy.config.core.v3.TypedExtensionConfig",
    ApplyTo.BOOTSTRAP: "envoy.config.bootstrap.v3.Bootstrap",
}


def patched_type(apply_to: ApplyTo) -> type[Message]:
    """The class of what is patched. Raises LookupError for INVALID."""
    found = message_type(_NAMES[apply_to])
    if found is None:
        raise LookupError(apply_to)
    return found
