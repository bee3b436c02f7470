"""Limits of single fields that checks hold and the type does not say.

Place:  apps/reference · [limits] → kind_page
Source: core/check
"""

PORT = "1 to 65535"
_SPAN = "1ms or more"

LIMITS: dict[tuple[str, str], str] = {
    ("PortSelector", "number"): PORT,
    ("Port", "number"): PORT,
    ("ServicePort", "number"): PORT,
    ("ServicePort", "target_port"): PORT,
    ("SidecarPort", "number"): PORT,
    ("HTTPRedirect", "port"): PORT,
    ("TunnelSettings", "target_port"): PORT,
    ("DefaultConfig", "status_port"): PORT,
    ("MeshConfig", "proxy_listen_port"): PORT,
    ("MeshConfig", "proxy_inbound_listen_port"): PORT,
    ("MeshConfig", "connect_timeout"): "1ms to 1h",
    ("MeshConfig", "protocol_detection_timeout"): "0s, or 1ms or more",
    ("DefaultConfig", "drain_duration"): "whole seconds, 1s or more",
    ("HTTPRoute", "timeout"): _SPAN,
    ("HTTPRetry", "per_try_timeout"): _SPAN,
    ("HTTPRetry", "backoff"): _SPAN,
    ("HTTPRetry", "attempts"): "0 or more",
    ("HTTPFaultInjectionDelay", "fixed_delay"): _SPAN,
    ("HTTPFaultInjectionDelay", "percent"): "0 to 100",
    ("HTTPFaultInjectionAbort", "http_status"): "200 to 599",
    ("HTTPDirectResponse", "status"): "200 to 599",
    ("HTTPBody", "string"): "at most 1 MiB",
    ("TCPSettings", "connect_timeout"): _SPAN,
    ("TCPSettings", "max_connections"): "0 or more; 0 is no limit",
    ("HTTPSettings", "http1_max_pending_requests"): "0 or more; 0 is no limit",
    ("HTTPSettings", "http2_max_requests"): "0 or more; 0 is no limit",
    ("OutlierDetection", "interval"): _SPAN,
    ("OutlierDetection", "base_ejection_time"): _SPAN,
    ("OutlierDetection", "max_ejection_percent"): "0 to 100",
    ("OutlierDetection", "min_health_percent"): "0 to 100",
    ("ProxyConfig", "concurrency"): "0 or more",
}
