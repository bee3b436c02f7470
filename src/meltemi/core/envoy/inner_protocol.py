"""Tell the server by ALPN that requests are inside mutual TLS, where the cluster does not know.

Place:  view/{mesh_tls,route} → [envoy/inner_protocol] → envoy/{filters,route}
Source: Envoy, "Well Known Filter State Objects": `envoy.network.application_protocols` replaces what the cluster offers
"""

from meltemi.core.envoy import pb
from meltemi.core.view.mesh_tls import OFFERED

FILTER = "envoy.filters.http.set_filter_state"
KEY = "envoy.network.application_protocols"


def silent() -> pb.SetFilterState:
    """The filter in the chain: only routes say anything."""
    return pb.SetFilterState()


def requests_inside() -> pb.SetFilterState:
    """What a route says."""
    written = pb.SetFilterState()
    value = written.on_request_headers.add(object_key=KEY)
    value.format_string.text_format_source.inline_string = OFFERED
    return written
