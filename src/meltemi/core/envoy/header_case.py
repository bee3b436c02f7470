"""Write that names of headers keep their letters over HTTP/1.

Place:  view/{http_settings,connection_pool} → [envoy/header_case] → envoy/{hcm,connection_pool,dynamic_dns}
Source: Envoy, "HTTP header casing", stateful formatters; Istio, ProxyConfig.proxyHeaders.preserveHttp1HeaderCase

A request keeps the letters that the side of the caller has read, an answer those that the side of the server has: so
connection managers and clusters both need it.
"""

from meltemi.core.envoy import pb

FORMATTER = "envoy.http.stateful_header_formatters.preserve_case"


def keep_case(written: pb.Http1ProtocolOptions) -> None:
    """Add it."""
    formatter = written.header_key_format.stateful_formatter
    formatter.name = FORMATTER
    formatter.typed_config.CopyFrom(pb.any_of(pb.PreserveCaseFormatter()))
