"""Where and how each request and connection is logged.

Place:  model/mesh → [view/access_log] → envoy/access_log
Source: Istio, "Envoy Access Logs", default text format; MeshConfig.accessLogFile, accessLogFormat,
        accessLogEncoding
"""

import json

from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.mesh import AccessLogEncoding
from meltemi.core.model.value import Value

TEXT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" '
    '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
"""The fields and their order are what Istio's tools read."""


_NAMES = {
    "start_time": "START_TIME", "route_name": "ROUTE_NAME", "method": "REQ(:METHOD)",
    "path": "REQ(X-ENVOY-ORIGINAL-PATH?:PATH)", "protocol": "PROTOCOL", "response_code": "RESPONSE_CODE",
    "response_flags": "RESPONSE_FLAGS", "response_code_details": "RESPONSE_CODE_DETAILS",
    "connection_termination_details": "CONNECTION_TERMINATION_DETAILS", "bytes_received": "BYTES_RECEIVED",
    "bytes_sent": "BYTES_SENT", "duration": "DURATION",
    "upstream_service_time": "RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)", "x_forwarded_for": "REQ(X-FORWARDED-FOR)",
    "user_agent": "REQ(USER-AGENT)", "request_id": "REQ(X-REQUEST-ID)", "authority": "REQ(:AUTHORITY)",
    "upstream_host": "UPSTREAM_HOST", "upstream_cluster": "UPSTREAM_CLUSTER_RAW",
    "upstream_local_address": "UPSTREAM_LOCAL_ADDRESS", "downstream_local_address": "DOWNSTREAM_LOCAL_ADDRESS",
    "downstream_remote_address": "DOWNSTREAM_REMOTE_ADDRESS", "requested_server_name": "REQUESTED_SERVER_NAME",
    "upstream_transport_failure_reason": "UPSTREAM_TRANSPORT_FAILURE_REASON",
}  # fmt: skip
FIELDS = json.dumps({name: f"%{operator}%" for name, operator in _NAMES.items()})
"""The same as an object; the names are Istio's."""


class LogTo(Value, frozen=True, kw_only=True):
    """A file, and the format of its lines."""

    path: str
    format: str = TEXT
    json: bool = False
    """The format is an object, as JSON, and so is each line."""


def access_log(e: Engine) -> LogTo | None:
    """The mesh's access log; None where it keeps none."""
    settings = mesh(e)
    if not settings.access_log_file:
        return None
    written = settings.access_log_format
    if settings.access_log_encoding is AccessLogEncoding.JSON:
        return LogTo(path=settings.access_log_file, format=written or FIELDS, json=True)
    line = written or TEXT
    return LogTo(path=settings.access_log_file, format=line if line.endswith("\n") else line + "\n")
